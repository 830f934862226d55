// Removes a PROXY header (proxy-header.ts) before the first bytes of a protocol and remembers what it says.

import type { Connection, Direction } from '../../core/connection.ts'
import type { Endpoint } from '../../core/endpoint.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import { clientOf, DECIDING_BYTES, matchProxyHeader, NO_PROXY_HEADER, PROXY_HEADER_CUT } from './proxy-header.ts'

// States.
const NOBODY_SPOKE = 0
const BEGINNING = 1
const SKIPPING = 2
const OVER = 3

const NOTHING = Buffer.alloc(0)
const NO_PIECES: readonly Piece[] = []

/** Of what is held: where it ends, and when it came. */
interface Piece {
  readonly end: number
  readonly time: Timestamp
}

/** Of one connection, for its first bytes. It holds back at most DECIDING_BYTES, and no others once `over`. */
export class ProxyPreface {
  /** The client that the header names; undefined: there is no header, or it names none. */
  client: Endpoint | undefined
  /** Who sent the header, or may be sending one. */
  direction: Direction
  readonly #connection: Connection
  #state: number
  /** The beginning of what may be a header, in the pieces in which it came. */
  #held: Buffer
  #pieces: readonly Piece[]
  /** Of a header: bytes still to come. */
  #remaining: number

  constructor(connection: Connection) {
    this.client = undefined
    this.direction = 0
    this.#connection = connection
    this.#state = NOBODY_SPOKE
    this.#held = NOTHING
    this.#pieces = NO_PIECES
    this.#remaining = 0
  }

  /** Nothing more is taken away or held back. */
  get over(): boolean {
    return this.#state === OVER
  }

  /**
   * The next delivery: from which index on it is the protocol's, `end` for none of it. When `over` afterwards, what
   * `release` tells comes before it.
   */
  read(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): number {
    if (this.#state === NOBODY_SPOKE && (d === 0 || !this.#connection.openerKnown)) {
      this.#state = BEGINNING
      this.direction = d
    }
    if (d !== this.direction || this.#state === NOBODY_SPOKE) return start
    if (this.#state === SKIPPING) return this.#skip(start, end)
    const held = this.#held.length
    const taken = Math.min(end, start + DECIDING_BYTES - held)
    const bytes = held === 0 ? buf : Buffer.concat([this.#held, buf.subarray(start, taken)])
    const from = held === 0 ? start : 0
    const to = held === 0 ? taken : bytes.length
    const length = matchProxyHeader(bytes, from, to)
    if (length === PROXY_HEADER_CUT) {
      this.#held = held === 0 ? Buffer.from(buf.subarray(start, taken)) : bytes
      this.#pieces = [...this.#pieces, { end: this.#held.length, time: t.clone() }]
      return taken
    }
    if (length === NO_PROXY_HEADER) {
      this.#state = OVER
      return start
    }
    this.client = clientOf(bytes, from, to)
    this.#forget()
    this.#state = SKIPPING
    this.#remaining = length - held
    return this.#skip(start, end)
  }

  /** Bytes are missing: how many of them are the protocol's. What was held back is then no header. */
  gap(d: Direction, missing: number): number {
    if (this.#state !== NOBODY_SPOKE && d !== this.direction) return missing
    const skipped = this.#state === SKIPPING ? Math.min(missing, this.#remaining) : 0
    this.#remaining -= skipped
    if (skipped < missing || this.#remaining === 0) this.#state = OVER
    return missing - skipped
  }

  /** Tells what was held back and is no header, as it came. */
  release(tell: (buf: Buffer, start: number, end: number, t: Timestamp) => void): void {
    const held = this.#held
    const pieces = this.#pieces
    this.#forget()
    let start = 0
    for (const { end, time } of pieces) {
      tell(held, start, end, time)
      start = end
    }
  }

  #skip(start: number, end: number): number {
    const pos = Math.min(end, start + this.#remaining)
    this.#remaining -= pos - start
    if (this.#remaining === 0) this.#state = OVER
    return pos
  }

  #forget(): void {
    this.#held = NOTHING
    this.#pieces = NO_PIECES
  }
}
