// How much the parsers of a run may hold together. One object a run, handed to every parser with its context.

import { HeldMemory } from './held-bytes.ts'

const MAXIMUM_HELD_BYTES = 64 * 1024 * 1024
const MAXIMUM_WAITING_BYTES = 64 * 1024 * 1024

export class ParserMemory {
  /** Bytes of messages that are not complete yet. */
  readonly heldBytes = new HeldMemory(MAXIMUM_HELD_BYTES)
  /** Requests that wait for their response, or for proof of it: a capture of one direction alone has nothing but requests. */
  readonly waitingRequests = new HeldMemory(MAXIMUM_WAITING_BYTES)
}
