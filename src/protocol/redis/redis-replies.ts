// Frames what a Redis server sends: RESP2 and RESP3 (github.com/redis/redis-specifications), cut anywhere. Of a reply only
// its sort, its bytes and times, an error's text and, for pub/sub, the first word and the last integer are kept; elements
// are counted, not nested, so depth and size cost nothing.

import type { Timestamp } from '../../core/timestamp.ts'
import { CANONICAL, CANONICAL_OR_PLUS, LineNumber } from '../line-number.ts'
import { Beginning } from '../wire-text.ts'
import { MAXIMUM_TEXT, RedisReply } from './redis-reply.ts'
import { RedisReplyNesting } from './redis-reply-nesting.ts'
import {
  ATTRIBUTE,
  BLOB_ERROR,
  BOOLEAN,
  END_OF_STREAM,
  isTextLine,
  isTypeByte,
  MAP,
  NULL,
  PIECE,
  REPLY_ARRAY,
  REPLY_BULK,
  REPLY_ERROR,
  REPLY_INTEGER,
  REPLY_PUSH,
  REPLY_SIMPLE,
  VERBATIM,
} from './redis-reply-types.ts'

export interface RedisReplyConsumer {
  /** A reply or push is complete: `RedisReplies.reply`. */
  onReply(): void
  /** These bytes are no reply: the next one is looked for. */
  onRepliesLost(): void
  /** The first line of what follows SYNC or PSYNC. */
  onReplicationLine(): void
}

const BOUNDARY = 0
const LINE = 1
const BODY = 2
const BODY_END = 3
const SEARCHING = 4
const SILENT = 5

const CR = 13
const LF = 10
const QUESTION_MARK = 0x3f

const MAXIMUM_LENGTH = 2 ** 40
const GUESSED_LENGTH = 1 << 20
/** Lengths of the words that open a pub/sub message. */
const SHORTEST_WORD = 7
const LONGEST_WORD = 12

export class RedisReplies {
  /** Valid during onReply. */
  readonly reply = new RedisReply()
  /** SYNC or PSYNC waits for its answer: line ends come before it, and a file after it. */
  expectsReplication = false

  readonly #consumer: RedisReplyConsumer
  #state: number
  #guessed: boolean
  #afterLineEnd = true
  /** The type byte of the element under way and what its line said. */
  #elementType = 0
  readonly #number = new LineNumber()
  /** Of a boolean: `t` or `f` was there. */
  #isTruth = false
  #streamed = false
  #afterCr = false
  #bodyLeft = 0
  readonly #nesting = new RedisReplyNesting()
  #inStreamedString = false
  /** The reply's type is known; the element under way is what gave it; it is the first inside that. */
  #typed = false
  #outermost = false
  #atFirstElement = false
  /** The text of the element under way matters. */
  #captures = false
  readonly #held = new Beginning(MAXIMUM_TEXT + 1)
  #replyBytes = 0
  #begin = 0

  constructor(consumer: RedisReplyConsumer, fromBeginning: boolean) {
    this.#consumer = consumer
    this.#state = fromBeginning ? BOUNDARY : SEARCHING
    this.#guessed = !fromBeginning
  }

  /** A reply has begun and is not complete. */
  get underWay(): boolean {
    return this.#nesting.left > 0
  }

  /** Between two replies, and that is no guess. */
  get atBoundary(): boolean {
    return this.#state === BOUNDARY && this.#nesting.left === 0 && !this.#guessed
  }

  silence(): void {
    this.#state = SILENT
  }

  read(buf: Buffer, start: number, end: number, t: Timestamp): void {
    let pos = start
    this.#begin = start
    while (pos < end) {
      switch (this.#state) {
        case BOUNDARY:
          pos = this.#boundary(buf, pos, t)
          break
        case LINE:
          pos = this.#line(buf, pos, end, t)
          break
        case BODY:
          pos = this.#body(buf, pos, end)
          break
        case BODY_END:
          pos = this.#bodyEnd(buf, pos, end, t)
          break
        case SEARCHING:
          pos = this.#search(buf, pos, end)
          break
        default:
          return
      }
    }
    this.#replyBytes += end - this.#begin
  }

  /** True when only the inside of a string is missing, so that nothing is lost. */
  gap(missing: number): boolean {
    if (this.#state === SILENT) return true
    if (this.#state === BODY && missing < this.#bodyLeft && !this.#guessed && !this.#captures) {
      this.#bodyLeft -= missing
      this.#replyBytes += missing
      return true
    }
    this.#lookForBoundary(true)
    return false
  }

  #lookForBoundary(atStart: boolean): void {
    this.#state = SEARCHING
    this.#guessed = true
    this.#afterLineEnd = atStart
    this.#nesting.reset()
  }

  #broken(): void {
    this.#lookForBoundary(false)
    this.#consumer.onRepliesLost()
  }

  /** The first byte of an element. */
  #boundary(buf: Buffer, pos: number, t: Timestamp): number {
    const byte = buf[pos]!
    if (this.#nesting.left === 0) {
      if (this.expectsReplication && (byte === LF || byte === CR)) return pos + 1
      this.#startReply(pos, t)
    }
    if (!isTypeByte(byte) || (this.#inStreamedString && byte !== PIECE)) {
      this.#broken()
      return pos
    }
    this.#elementType = byte
    this.#number.begin(byte === REPLY_INTEGER ? CANONICAL_OR_PLUS : CANONICAL)
    this.#isTruth = false
    this.#streamed = false
    this.#afterCr = false
    this.#held.clear()
    this.#outermost = !this.#typed && this.#nesting.left === 1 && byte !== ATTRIBUTE
    this.#captures = false
    if (this.#outermost) {
      this.#typed = true
      this.reply.type = byte
      this.#captures = byte === REPLY_SIMPLE || byte === REPLY_ERROR || this.expectsReplication
    }
    this.#state = LINE
    return pos + 1
  }

  #startReply(pos: number, t: Timestamp): void {
    this.reply.begin(t)
    this.#typed = false
    this.#atFirstElement = false
    this.#nesting.begin()
    this.#inStreamedString = false
    this.#replyBytes = 0
    this.#begin = pos
  }

  /** The rest of a line after its type byte. */
  #line(buf: Buffer, start: number, end: number, t: Timestamp): number {
    let pos = start
    if (this.#captures || isTextLine(this.#elementType)) {
      while (pos < end && buf[pos] !== LF) pos++
      if (this.#captures) return this.#capturedLine(buf, start, pos, end, t)
      if (pos > start) this.#afterCr = buf[pos - 1] === CR
      if (pos === end) return pos
      if (this.#afterCr) this.#element(pos + 1, t)
      else this.#broken()
      return pos + 1
    }
    if (!this.#afterCr) {
      pos = this.#number.read(buf, start, end)
      for (; pos < end && buf[pos] !== CR; pos++) {
        if (this.#standsForNumber(buf[pos]!)) continue
        this.#broken()
        return pos
      }
      if (pos === end) return pos
      this.#afterCr = true
      if (++pos === end) return pos
    }
    if (buf[pos] === LF) this.#header(++pos, t)
    else this.#broken()
    return pos
  }

  /** `?` for a length that is not known yet, `t` or `f` of a boolean. */
  #standsForNumber(byte: number): boolean {
    if (!this.#number.empty || this.#streamed || this.#isTruth) return false
    this.#streamed = byte === QUESTION_MARK
    this.#isTruth = this.#elementType === BOOLEAN && (byte === 0x74 || byte === 0x66)
    return this.#streamed || this.#isTruth
  }

  /** A line whose text matters, ending at `pos` or going on after `end`. */
  #capturedLine(buf: Buffer, start: number, pos: number, end: number, t: Timestamp): number {
    const held = this.#held
    if (pos === end || held.length > 0) held.hold(buf, start, pos)
    if (pos > start) this.#afterCr = buf[pos - 1] === CR
    if (pos === end) return pos
    if (!this.#afterCr) {
      this.#broken()
      return pos
    }
    const inPieces = held.length > 0
    const from = inPieces ? held.buf : buf
    const begin = inPieces ? 0 : start
    let stop = inPieces ? held.length : pos
    const truncated = stop - begin > MAXIMUM_TEXT
    if (truncated) stop = begin + MAXIMUM_TEXT
    else stop -= from[stop - 1] === CR ? 1 : 0
    if (this.reply.type === REPLY_ERROR) this.reply.fail(from, begin, stop, truncated)
    else this.reply.say(from, begin, stop, truncated)
    this.#element(pos + 1, t)
    return pos + 1
  }

  /** A complete line that says a number or a length. */
  #header(pos: number, t: Timestamp): void {
    const type = this.#elementType
    const line = this.#number
    const number = line.magnitude
    if (type === END_OF_STREAM || type === NULL) {
      const isEmpty = line.empty && !this.#streamed
      if (isEmpty && (type === NULL || this.#nesting.closeStream())) this.#element(pos, t)
      else this.#broken()
    } else if (this.#streamed || this.#isTruth ? !line.empty : !line.sound || type === BOOLEAN) {
      this.#broken()
    } else if (type === REPLY_INTEGER || type === BOOLEAN) {
      this.reply.lastInteger = line.value
      if (this.#streamed) this.#broken()
      else this.#element(pos, t)
    } else if (number > (this.#guessed ? GUESSED_LENGTH : MAXIMUM_LENGTH)) {
      this.#broken()
    } else if (line.negative) {
      // RESP2's null: `$-1`, `*-1`.
      if (number === 1 && (type === REPLY_BULK || type === REPLY_ARRAY)) this.#element(pos, t)
      else this.#broken()
    } else if (type === PIECE) {
      this.#piece(number, pos, t)
    } else if (type === REPLY_BULK || type === VERBATIM || type === BLOB_ERROR) {
      this.#string(number)
    } else {
      this.#aggregate(number, pos, t)
    }
  }

  #piece(length: number, pos: number, t: Timestamp): void {
    if (!this.#inStreamedString || this.#streamed) {
      this.#broken()
    } else if (length === 0) {
      this.#inStreamedString = false
      this.#element(pos, t)
    } else {
      this.#startBody(length)
    }
  }

  #string(length: number): void {
    if (this.#streamed) {
      this.#inStreamedString = true
      this.#state = BOUNDARY
      return
    }
    if (this.#atFirstElement) this.#captures = length >= SHORTEST_WORD && length <= LONGEST_WORD
    else if (this.#outermost) this.#captures = this.reply.type === BLOB_ERROR
    this.#startBody(length)
  }

  #startBody(length: number): void {
    this.#bodyLeft = length
    this.#state = length > 0 ? BODY : BODY_END
    this.#afterCr = false
  }

  #aggregate(count: number, pos: number, t: Timestamp): void {
    const type = this.#elementType
    if (this.#streamed) {
      this.#state = BOUNDARY
      if (type === ATTRIBUTE || !this.#nesting.openStream()) this.#broken()
      return
    }
    const elements = type === MAP || type === ATTRIBUTE ? 2 * count : count
    if (!this.#nesting.add(elements)) {
      this.#broken()
    } else if (type === ATTRIBUTE) {
      // It comes before the element that it belongs to.
      this.#state = BOUNDARY
    } else {
      const outermost = this.#outermost
      if (outermost) this.reply.elements = elements
      this.#element(pos, t)
      this.#atFirstElement = outermost && elements > 0 && (type === REPLY_ARRAY || type === REPLY_PUSH)
    }
  }

  #body(buf: Buffer, pos: number, end: number): number {
    const left = this.#bodyLeft
    const available = end - pos
    if (this.#captures) this.#held.hold(buf, pos, available < left ? end : pos + left)
    if (available < left) {
      this.#bodyLeft = left - available
      return end
    }
    this.#state = BODY_END
    this.#afterCr = false
    return pos + left
  }

  #bodyEnd(buf: Buffer, start: number, end: number, t: Timestamp): number {
    let pos = start
    if (!this.#afterCr) {
      if (buf[pos] !== CR) {
        this.#broken()
        return pos
      }
      this.#afterCr = true
      if (++pos === end) return pos
    }
    if (buf[pos] !== LF) {
      this.#broken()
      return pos
    }
    if (this.#captures) {
      const held = this.#held
      if (this.#atFirstElement) this.reply.firstWord = held.buf.toString('latin1', 0, held.length)
      else this.reply.fail(held.buf, 0, held.length, held.length > MAXIMUM_TEXT)
    }
    if (this.#elementType === PIECE) this.#state = BOUNDARY
    else this.#element(pos + 1, t)
    return pos + 1
  }

  /** An element is complete at `pos`. */
  #element(pos: number, t: Timestamp): void {
    this.#atFirstElement = false
    this.#state = BOUNDARY
    if (!this.#nesting.complete()) return
    this.reply.bytes = this.#replyBytes + pos - this.#begin
    this.reply.end.set(t)
    this.#begin = pos
    this.#replyBytes = 0
    this.#guessed = false
    if (this.expectsReplication) this.#consumer.onReplicationLine()
    else this.#consumer.onReply()
  }

  #search(buf: Buffer, start: number, end: number): number {
    let pos = start
    while (pos < end) {
      const byte = buf[pos]!
      if (this.#afterLineEnd && isTypeByte(byte)) {
        this.#state = BOUNDARY
        return pos
      }
      this.#afterLineEnd = byte === LF
      pos++
    }
    return pos
  }
}
