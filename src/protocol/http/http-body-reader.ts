// Reads the body of an HTTP/1.x message: by its length, in chunks with trailers, or until the connection closes (RFC 9112
// §§6.3, 7.1). The head, and what comes after the body, are http-direction.ts's.

import type { Connection, Direction, GapCause } from '../../core/connection.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import type { HeldBytes } from '../held-bytes.ts'
import { BlankLineFinder } from './blank-line-finder.ts'
import { chunkSizeOf } from './http-body.ts'
import type { HttpMessage, HttpMessageConsumer } from './http-message.ts'

/** A chunk's size line with its extensions. */
const MAXIMUM_CHUNK_LINE_BYTES = 4096
const MAXIMUM_TRAILER_BYTES = 65536

/** The values of `outcome`. */
export const BODY_GOES_ON = 0
export const BODY_COMPLETE = 1
/** The framing is broken: held bytes, and what follows, belong to no message. */
export const BODY_LOST = 2
/** The same, and what follows begins a line. */
export const BODY_LOST_AFTER_LINE = 3

// States.
const COUNTED = 0
const UNTIL_CLOSE = 1
const CHUNK_SIZE = 2
const CHUNK_DATA = 3
const CHUNK_END = 4
const TRAILERS = 5

const LF = 10
const CR = 13
const NOTHING = Buffer.alloc(0)

/** One for all messages of a direction, one after the other. */
export class HttpBodyReader {
  /** After `begin`, `read` and `gap`: a BODY_ value. */
  outcome: number
  readonly #connection: Connection
  readonly #direction: Direction
  readonly #consumer: HttpMessageConsumer
  #message: HttpMessage | undefined
  #state: number
  /** Body or chunk bytes still to come. */
  #remaining: number
  /** An incomplete chunk framing line, or trailers. Empty between bodies; whoever owns it tells what a lost body leaves. */
  readonly #held: HeldBytes
  readonly #lines: BlankLineFinder

  constructor(connection: Connection, direction: Direction, consumer: HttpMessageConsumer, held: HeldBytes) {
    this.outcome = BODY_GOES_ON
    this.#connection = connection
    this.#direction = direction
    this.#consumer = consumer
    this.#message = undefined
    this.#state = COUNTED
    this.#remaining = 0
    this.#held = held
    this.#lines = new BlankLineFinder()
  }

  /** The body that `m.framing` announces. */
  begin(m: HttpMessage): void {
    this.outcome = BODY_GOES_ON
    this.#message = m
    if (m.framing === 'chunked') {
      this.#state = CHUNK_SIZE
    } else if (m.framing === 'until-close') {
      this.#state = UNTIL_CLOSE
    } else {
      this.#state = COUNTED
      this.#remaining = Math.max(0, m.contentLength)
      if (this.#remaining === 0) this.outcome = BODY_COMPLETE
    }
  }

  /** True when no byte of the body has come. */
  get isUntouched(): boolean {
    const m = this.#message!
    return m.bodyBytes + m.missingBodyBytes + m.framingBytes + this.#held.length === 0
  }

  get endsWithConnection(): boolean {
    return this.#state === UNTIL_CLOSE
  }

  /** Reads on from `start`: the index up to which it came. Call it again until that is `end` or `outcome` says otherwise. */
  read(buf: Buffer, start: number, end: number, t: Timestamp): number {
    switch (this.#state) {
      case COUNTED:
      case CHUNK_DATA:
        return this.#counted(buf, start, end, t)
      case UNTIL_CLOSE:
        this.#tell(buf, start, end, t)
        return end
      case CHUNK_SIZE:
        return this.#chunkSize(buf, start, end)
      case CHUNK_END:
        return this.#chunkEnd(buf, start)
      default:
        return this.#trailers(buf, start, end, t)
    }
  }

  /** `missing` bytes are not there. True when all of them are the body's; else its end may be known all the same. */
  gap(missing: number, cause: GapCause, t: Timestamp): boolean {
    const state = this.#state
    if (state === UNTIL_CLOSE) {
      this.#tellGap(missing, cause, t)
      return true
    }
    if (state !== COUNTED && state !== CHUNK_DATA) return false
    const within = Math.min(missing, this.#remaining)
    if (within < missing && state === CHUNK_DATA) return false
    this.#remaining -= within
    this.#tellGap(within, cause, t)
    if (this.#remaining === 0) this.#endOfCounted()
    return within === missing
  }

  #tell(buf: Buffer, start: number, end: number, t: Timestamp): void {
    const m = this.#message!
    m.bodyBytes += end - start
    m.endTime.set(t)
    this.#consumer.onBody(this.#connection, this.#direction, m, buf, start, end, t)
  }

  #tellGap(missing: number, cause: GapCause, t: Timestamp): void {
    const m = this.#message!
    m.missingBodyBytes += missing
    if (missing > 0) this.#consumer.onBodyGap(this.#connection, this.#direction, m, missing, cause, t)
  }

  #counted(buf: Buffer, start: number, end: number, t: Timestamp): number {
    const pos = start + Math.min(end - start, this.#remaining)
    this.#remaining -= pos - start
    this.#tell(buf, start, pos, t)
    if (this.#remaining === 0) this.#endOfCounted()
    return pos
  }

  #endOfCounted(): void {
    if (this.#state === CHUNK_DATA) this.#state = CHUNK_END
    else this.outcome = BODY_COMPLETE
  }

  /** `1a2b;extension=value` and the line's end. */
  #chunkSize(buf: Buffer, start: number, end: number): number {
    const held = this.#held
    const limit = Math.min(end, start + MAXIMUM_CHUNK_LINE_BYTES - held.length)
    let pos = start
    while (pos < limit && buf[pos] !== LF) pos++
    const complete = pos < limit
    if (complete) pos++
    if (!complete || held.length > 0) held.append(buf, start, pos)
    if (!complete) {
      if (held.length >= MAXIMUM_CHUNK_LINE_BYTES) this.outcome = BODY_LOST
      return pos
    }
    const lineBytes = held.length > 0 ? held.length : pos - start
    const size = held.length > 0 ? chunkSizeOf(held.buf, 0, held.length) : chunkSizeOf(buf, start, pos)
    if (size < 0) {
      if (held.length === 0) held.append(buf, start, pos)
      this.outcome = BODY_LOST_AFTER_LINE
      return pos
    }
    held.clear()
    this.#message!.framingBytes += lineBytes
    this.#remaining = size
    this.#state = size > 0 ? CHUNK_DATA : TRAILERS
    this.#lines.begin(NOTHING, 0, 0)
    return pos
  }

  #chunkEnd(buf: Buffer, start: number): number {
    const byte = buf[start]!
    if (byte === LF) {
      this.#message!.framingBytes += 1 + this.#held.length
      this.#held.clear()
      this.#state = CHUNK_SIZE
      return start + 1
    }
    if (byte === CR && this.#held.length === 0) {
      this.#held.append(buf, start, start + 1)
      return start + 1
    }
    this.outcome = BODY_LOST
    return start
  }

  /** Trailer fields up to the blank line, which is there also when there are none. */
  #trailers(buf: Buffer, start: number, end: number, t: Timestamp): number {
    const held = this.#held
    const limit = Math.min(end, start + MAXIMUM_TRAILER_BYTES - held.length)
    const stop = this.#lines.findBlank(buf, start, limit)
    const pos = stop > 0 ? stop : limit
    held.append(buf, start, pos)
    if (stop > 0) {
      const blank = held.length > 1 && held.buf[held.length - 2] === CR ? 2 : 1
      const length = held.length - blank
      const m = this.#message!
      if (length > 0) this.#consumer.onTrailers(this.#connection, this.#direction, m, held.buf, 0, length, t)
      m.framingBytes += held.length
      m.endTime.set(t)
      held.clear()
      this.outcome = BODY_COMPLETE
    } else if (held.length >= MAXIMUM_TRAILER_BYTES) {
      this.outcome = BODY_LOST
    }
    return pos
  }
}
