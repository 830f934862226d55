// Looks for the start line of the next HTTP/1.x message in one direction of a connection (RFC 9112 §§3, 4): where one is due,
// and after a loss wherever it may be.

import type { Connection, Direction } from '../../core/connection.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import type { HeldBytes } from '../held-bytes.ts'
import type { HttpConversation } from './http-conversation.ts'
import type { HttpMessageConsumer } from './http-message.ts'
import { matchOddRequestLine, matchOddStatusLine } from './http-odd-line.ts'
import {
  findResponse,
  holdLine,
  MAXIMUM_START_LINE_BYTES,
  MORE_NEEDED,
  matchResponseLine,
  matchStartLine,
  NO_END,
  NO_MATCH,
} from './http-start-line.ts'

/** Start lines are looked for in this many bytes of a direction that has shown no HTTP; after that its bytes pass unread. */
const DETECTION_BYTES = 65536
const LF = 10

// The values of `outcome`.
/** All bytes were told as other, or kept as the beginning of a line. */
const SEARCH_GOES_ON = 0
/** A start line of `lineLength` bytes begins at the index that was returned. */
export const FOUND_LINE = 1
/** A start line, or the beginning of a very long one, is in the held bytes. */
export const FOUND_HELD_LINE = 2
/** The direction has shown no HTTP for so long that it is none. */
export const IS_NOT_HTTP = 3

export class HttpStartSearch {
  /** After `read`. */
  outcome: number
  lineLength: number
  /** The next byte begins a line, as far as is known: requests and responses may begin here. */
  atLineStart: boolean
  /** True when nothing can be missing before the next byte: it follows a message or is the connection's first. */
  startKnown: boolean
  readonly #connection: Connection
  readonly #direction: Direction
  readonly #consumer: HttpMessageConsumer
  readonly #conversation: HttpConversation
  /** The beginning of a line that may be a start line; not told yet. Shared with the readers of heads and bodies. */
  readonly #held: HeldBytes
  readonly #startTime: Timestamp
  /** The incomplete start line in `#held` began in mid-line: only a response may. */
  #heldInMidLine: boolean
  /** Bytes told as other while searching. */
  #searched: number

  /** `startTime` is set to the time of a start line's first byte. */
  constructor(
    connection: Connection,
    direction: Direction,
    consumer: HttpMessageConsumer,
    conversation: HttpConversation,
    held: HeldBytes,
    startTime: Timestamp,
  ) {
    this.outcome = SEARCH_GOES_ON
    this.lineLength = 0
    this.atLineStart = true
    this.startKnown = connection.openerKnown && !connection.resumed
    this.#connection = connection
    this.#direction = direction
    this.#consumer = consumer
    this.#conversation = conversation
    this.#held = held
    this.#startTime = startTime
    this.#heldInMidLine = false
    this.#searched = 0
  }

  /** A start line is likely to begin with the next byte: what is held is none. */
  expectLineHere(t: Timestamp): void {
    if (this.#held.length > 0) this.#other(this.#held.buf, 0, this.#held.length, t)
    this.#searched += this.#held.length
    this.#held.clear()
    this.atLineStart = true
  }

  /**
   * Looks for a start line in `buf[start..end)`, and tells as other what comes before it. Returns the index up to which bytes
   * were told or kept; a line that is found whole begins there.
   */
  read(buf: Buffer, start: number, end: number, t: Timestamp): number {
    this.outcome = SEARCH_GOES_ON
    if (this.#held.length > 0) return this.#resumeCandidate(buf, start, end, t)
    const { isHttp } = this.#conversation
    if (this.atLineStart && (isHttp || this.#searched <= DETECTION_BYTES)) {
      const length = this.#matchDueLine(buf, start, end, 0)
      if (length !== NO_MATCH) return this.#candidate(buf, start, start, length, end, false, t)
    }
    let pos = start
    /** Where the next response may begin in mid-line, perhaps cut off by the end; `end` for nowhere. */
    let response = isHttp ? findResponse(buf, this.atLineStart ? start + 1 : start, end) : end
    while (pos < end) {
      const inMidLine = !this.atLineStart
      if (!inMidLine || pos === response) {
        if (!isHttp && this.#searched + pos - start > DETECTION_BYTES) break
        const length = inMidLine ? matchResponseLine(buf, pos, end, 0) : matchStartLine(buf, pos, end, 0)
        if (length !== NO_MATCH) return this.#candidate(buf, start, pos, length, end, inMidLine, t)
        if (isHttp && response <= pos) response = findResponse(buf, pos + 1, end)
      }
      let line = pos
      while (line < response && buf[line] !== LF) line++
      this.atLineStart = line < response
      pos = this.atLineStart ? line + 1 : response
    }
    this.#other(buf, start, end, t)
    this.startKnown = false
    this.#searched += end - start
    if (!isHttp && this.#searched > DETECTION_BYTES) this.outcome = IS_NOT_HTTP
    return end
  }

  /** At the beginning of a line: where nothing else can stand, odd start lines are taken, too. */
  #matchDueLine(buf: Buffer, start: number, end: number, checked: number): number {
    const length = matchStartLine(buf, start, end, checked)
    const { client } = this.#conversation
    if (length !== NO_MATCH || !this.startKnown || client === undefined) return length
    if (client !== this.#direction) return matchOddStatusLine(buf, start, end)
    return matchOddRequestLine(buf, start, end, checked)
  }

  /** At `pos` begins a start line (of `length`), or what may become one. */
  #candidate(
    buf: Buffer,
    start: number,
    pos: number,
    length: number,
    end: number,
    inMidLine: boolean,
    t: Timestamp,
  ): number {
    if (pos > start) {
      this.#other(buf, start, pos, t)
      this.startKnown = false
    }
    this.#searched += pos - start
    this.#startTime.set(t)
    if (length > 0) {
      this.outcome = FOUND_LINE
      this.lineLength = length
      return pos
    }
    if (length === NO_END) {
      this.#held.append(buf, pos, pos + MAXIMUM_START_LINE_BYTES)
      this.outcome = FOUND_HELD_LINE
      return pos + MAXIMUM_START_LINE_BYTES
    }
    this.#held.append(buf, pos, end)
    this.#heldInMidLine = inMidLine
    return end
  }

  /** The held beginning of a start line goes on in `buf`. */
  #resumeCandidate(buf: Buffer, start: number, end: number, t: Timestamp): number {
    const held = this.#held
    const before = held.length
    const pos = holdLine(held, buf, start, end)
    const length = this.#heldInMidLine
      ? matchResponseLine(held.buf, 0, held.length, before)
      : this.#matchDueLine(held.buf, 0, held.length, before)
    if (length === MORE_NEEDED) return pos
    if (length !== NO_MATCH) {
      this.outcome = FOUND_HELD_LINE
      return pos
    }
    // It was no start line. The held bytes are told as other, up to where a response may begin in them; `buf` is then read
    // again.
    held.length = before
    const from = this.#conversation.isHttp ? findResponse(held.buf, 1, before) : before
    this.#other(held.buf, 0, from, t)
    this.#searched += from
    held.dropFirst(from)
    this.atLineStart = false
    this.startKnown = false
    this.#heldInMidLine = true
    return start
  }

  #other(buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#consumer.onOther(this.#connection, this.#direction, buf, start, end, t)
  }
}
