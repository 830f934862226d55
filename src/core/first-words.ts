// What both sides of a connection said first, where they speak different protocols, or the server has not spoken at all: protocol/ finds it, diagnosis/ tells it.

import type { Connection } from './connection.ts'
import type { Timestamp } from './timestamp.ts'

export interface Mismatch {
  /** Names for people: `HTTP`, `SSH`. */
  readonly client: string
  /** '': it ended the connection without a word. */
  readonly server: string
  /** The first line of each, where it is text; '' otherwise. Not sanitised, at most 80 characters. */
  readonly clientWords: string
  readonly serverWords: string
  /** Microseconds since 1970. */
  readonly clientMicros: number
  readonly serverMicros: number
}

export interface MismatchConsumer {
  /** Once for a connection: when the server has spoken, or at the connection's end, before its onClose. */
  onMismatch(c: Connection, mismatch: Mismatch, t: Timestamp): void
}
