// Handshake messages of one direction (RFC 8446 §4): put together from the fragments that records carry.

import type { Timestamp } from '../../core/timestamp.ts'
import { HeldBytes, type HeldMemory } from '../held-bytes.ts'

export const CLIENT_HELLO = 1
export const SERVER_HELLO = 2
export const CERTIFICATE = 11
export const SERVER_KEY_EXCHANGE = 12
export const CERTIFICATE_REQUEST = 13

const HEADER_BYTES = 4
/** Longer ones are passed over: a chain of ten certificates takes a quarter of it. */
const MAXIMUM_BYTES = 128 * 1024

/** `buf[start..end)` is the message's body, lent. */
export type MessageHandler = (type: number, buf: Buffer, start: number, end: number, t: Timestamp) => void

export class HandshakeMessages {
  readonly #handler: MessageHandler
  readonly #memory: HeldMemory
  readonly #held: HeldBytes
  #skip: number
  #damaged: boolean

  constructor(handler: MessageHandler, memory: HeldMemory) {
    this.#handler = handler
    this.#memory = memory
    this.#held = new HeldBytes(memory)
    this.#skip = 0
    this.#damaged = false
  }

  data(buf: Buffer, start: number, end: number, t: Timestamp): void {
    let pos = start
    while (pos < end && !this.#damaged) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, end - pos)
        this.#skip -= skipped
        pos += skipped
        continue
      }
      const held = this.#held
      const needed = held.length < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + bodyLength(held.buf)
      const stop = Math.min(end, pos + needed - held.length)
      held.append(buf, pos, stop)
      pos = stop
      if (held.length < HEADER_BYTES || held.length < needed) continue
      const total = HEADER_BYTES + bodyLength(held.buf)
      if (held.length === total) this.#tell(t)
      else if (total > MAXIMUM_BYTES || this.#memory.full) {
        this.#skip = total - held.length
        held.clear()
      }
    }
  }

  /** A piece is missing: where the next message begins is not known. */
  damage(): void {
    this.#damaged = true
    this.#held.clear()
  }

  release(): void {
    this.#held.clear()
  }

  #tell(t: Timestamp): void {
    const { buf, length } = this.#held
    this.#held.clear()
    this.#handler(buf[0]!, buf, HEADER_BYTES, length, t)
  }
}

function bodyLength(buf: Buffer): number {
  return (buf[1]! << 16) | (buf[2]! << 8) | buf[3]!
}
