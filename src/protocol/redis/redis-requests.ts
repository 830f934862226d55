// Frames what a Redis client sends (redis.io/docs/reference/protocol-spec): arrays of bulk strings and inline commands, cut
// anywhere. Arguments are shown to RedisRequestText and otherwise skipped, not kept.

import type { Timestamp } from '../../core/timestamp.ts'
import { CANONICAL, LineNumber } from '../line-number.ts'
import { Beginning } from '../wire-text.ts'
import { findRedisCommand, UNKNOWN_COMMAND } from './redis-commands.ts'
import { RedisRequestText } from './redis-request-text.ts'

export interface RedisRequestConsumer {
  /** The first byte of a request came; `known` unless the boundary is only a guess. */
  onRequestBegin(known: boolean): void
  /** A request is complete: `text.draft`, its times and bytes filled. */
  onRequest(text: RedisRequestText): void
  /** These bytes are no request: the next one is looked for. */
  onRequestsLost(): void
}

const BOUNDARY = 0
/** In `*N`, in `$N`, in the argument, in the line end after it. */
const COUNT = 1
const LENGTH = 2
const BODY = 3
const BODY_END = 4
const INLINE = 5
/** No boundary is known: one is looked for, and tried at the start of what came and after each line end. */
const SEARCHING = 6
/** An argument's first byte, which must be `$`. */
const MARK = 7
const SILENT = 8

const CR = 13
const LF = 10
const STAR = 0x2a
const DOLLAR = 0x24
const DOUBLE_QUOTE = 0x22
const SINGLE_QUOTE = 0x27
const BACKSLASH = 0x5c

/** Redis' own limits. */
const MAXIMUM_ARGUMENTS = 2 ** 31 - 1
const MAXIMUM_ARGUMENT_BYTES = 2 ** 31 - 1
const MAXIMUM_INLINE_BYTES = 65536
/** Bounds of requests at a boundary that was only guessed. */
const GUESSED_ARGUMENTS = 65536
const GUESSED_ARGUMENT_BYTES = 1 << 20
/** How much of an argument is kept when a segment ends in it. */
const HELD_BYTES = 1024
const NOTHING = Buffer.alloc(0)

export class RedisRequests {
  readonly #consumer: RedisRequestConsumer
  readonly #text = new RedisRequestText()
  #state: number
  /** The boundary was found by looking: one request must be well-formed before it counts. */
  #guessed: boolean
  #afterLineEnd = true
  /** A request came as an array: then no line is taken for one. */
  #sendsArrays = false
  #inlineGuessed = false
  /** Of the line under way. */
  readonly #number = new LineNumber()
  #afterCr = false
  #argumentsLeft = 0
  #bodyLeft = 0
  #bodyBytes = 0
  readonly #held = new Beginning(HELD_BYTES)
  /** Bytes of this request in earlier segments, and where it began in this one. */
  #requestBytes = 0
  #begin = 0
  #gapInArgument = false

  constructor(consumer: RedisRequestConsumer, fromBeginning: boolean) {
    this.#consumer = consumer
    this.#state = fromBeginning ? BOUNDARY : SEARCHING
    this.#guessed = !fromBeginning
  }

  /** Replication follows: nothing is read any more. */
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
        case COUNT:
        case LENGTH:
          pos = this.#line(buf, pos, end)
          break
        case MARK:
          pos = this.#mark(buf, pos)
          break
        case BODY:
          pos = this.#body(buf, pos, end)
          break
        case BODY_END:
          pos = this.#bodyEnd(buf, pos, end, t)
          break
        case INLINE:
          pos = this.#inline(buf, pos, end, t)
          break
        case SEARCHING:
          if (pos === start && this.#afterLineEnd && !this.#sendsArrays && isInlineCommands(buf, pos, end)) {
            this.#inlineGuessed = true
            this.#state = BOUNDARY
          } else {
            pos = this.#search(buf, pos, end)
          }
          break
        default:
          return
      }
    }
    this.#requestBytes += end - this.#begin
  }

  /** True when only the inside of an argument is missing, so that nothing is lost but its text. */
  gap(missing: number): boolean {
    if (this.#state === SILENT) return true
    if (this.#state === BODY && missing < this.#bodyLeft && !this.#guessed && this.#text.words > 0) {
      this.#bodyLeft -= missing
      this.#requestBytes += missing
      this.#gapInArgument = true
      return true
    }
    this.#lookForBoundary(true)
    return false
  }

  #lookForBoundary(atStart: boolean): void {
    this.#state = SEARCHING
    this.#guessed = true
    this.#afterLineEnd = atStart
    this.#requestBytes = 0
  }

  #broken(): void {
    const known = !this.#guessed
    this.#lookForBoundary(false)
    if (known) this.#consumer.onRequestsLost()
  }

  #boundary(buf: Buffer, pos: number, t: Timestamp): number {
    const byte = buf[pos]!
    // Empty lines ask for nothing; redis-cli --pipe and people at telnet send them.
    if (byte === CR || byte === LF) return pos + 1
    if (byte !== STAR && ((this.#guessed && !this.#inlineGuessed) || !isPlainText(byte))) {
      this.#broken()
      return pos
    }
    this.#consumer.onRequestBegin(!this.#guessed)
    this.#begin = pos
    this.#requestBytes = 0
    this.#text.draft.start.set(t)
    this.#text.begin()
    this.#inlineGuessed = false
    if (byte === STAR) {
      this.#startLine(COUNT)
      return pos + 1
    }
    this.#state = INLINE
    this.#held.clear()
    this.#bodyBytes = 0
    return pos
  }

  #startLine(state: number): void {
    this.#state = state
    this.#number.begin(CANONICAL)
    this.#afterCr = false
  }

  /** The rest of `*N` or `$N`. */
  #line(buf: Buffer, start: number, end: number): number {
    const number = this.#number
    let pos = start
    if (!this.#afterCr) {
      pos = number.read(buf, start, end)
      if (pos === end) return pos
      if (buf[pos] !== CR || !number.sound) {
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
    if (this.#state === COUNT) this.#count(number.value)
    else this.#length(number.value)
    return pos + 1
  }

  #count(count: number): void {
    if (count > (this.#guessed ? GUESSED_ARGUMENTS : MAXIMUM_ARGUMENTS)) {
      this.#broken()
      return
    }
    this.#argumentsLeft = count
    this.#sendsArrays = true
    // The server takes an empty array for nothing, and a null one.
    this.#state = count > 0 ? MARK : BOUNDARY
  }

  #mark(buf: Buffer, pos: number): number {
    if (buf[pos] === DOLLAR) {
      this.#startLine(LENGTH)
      return pos + 1
    }
    this.#broken()
    return pos
  }

  #length(length: number): void {
    if (length < 0 || length > (this.#guessed ? GUESSED_ARGUMENT_BYTES : MAXIMUM_ARGUMENT_BYTES)) {
      this.#broken()
      return
    }
    this.#bodyBytes = length
    this.#bodyLeft = length
    this.#held.clear()
    this.#gapInArgument = false
    if (length > 0) {
      this.#state = BODY
    } else {
      this.#text.argument(NOTHING, 0, 0, true)
      this.#startBodyEnd()
    }
  }

  #startBodyEnd(): void {
    this.#state = BODY_END
    this.#afterCr = false
  }

  #body(buf: Buffer, pos: number, end: number): number {
    const left = this.#bodyLeft
    const available = end - pos
    if (available >= left) {
      const held = this.#held
      if (held.length === 0 && !this.#gapInArgument && left === this.#bodyBytes) {
        const shown = left > HELD_BYTES ? pos + HELD_BYTES : pos + left
        this.#text.argument(buf, pos, shown, left <= HELD_BYTES)
      } else {
        if (!this.#gapInArgument) held.hold(buf, pos, pos + left)
        this.#text.argument(held.buf, 0, held.length, held.length === this.#bodyBytes)
      }
      this.#startBodyEnd()
      return pos + left
    }
    // After a gap the text would be wrong; what came before it still is the argument's beginning.
    if (!this.#gapInArgument) this.#held.hold(buf, pos, end)
    this.#bodyLeft = left - available
    return end
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
    } else if (--this.#argumentsLeft > 0) {
      this.#state = MARK
      pos++
    } else {
      this.#complete(++pos, t)
    }
    return pos
  }

  #complete(pos: number, t: Timestamp): void {
    const text = this.#text
    text.end()
    text.draft.end.set(t)
    text.draft.bytes = this.#requestBytes + pos - this.#begin
    this.#state = BOUNDARY
    this.#begin = pos
    this.#requestBytes = 0
    this.#guessed = false
    this.#consumer.onRequest(text)
  }

  #inline(buf: Buffer, start: number, end: number, t: Timestamp): number {
    let pos = start
    while (pos < end && buf[pos] !== LF) pos++
    this.#bodyBytes += pos - start
    if (this.#bodyBytes > MAXIMUM_INLINE_BYTES) {
      this.#broken()
      return pos
    }
    this.#held.hold(buf, start, pos)
    if (pos === end) return pos
    const { buf: line, length } = this.#held
    const isWhole = length === this.#bodyBytes
    this.#inlineWords(line, isWhole && line[length - 1] === CR ? length - 1 : length, isWhole)
    this.#state = BOUNDARY
    if (this.#text.words > 0) this.#complete(pos + 1, t)
    return pos + 1
  }

  /** Splits a line as Redis does: blanks part words, quotes hold them together. */
  #inlineWords(line: Buffer, length: number, isWhole: boolean): void {
    let pos = 0
    while (pos < length) {
      while (pos < length && line[pos]! <= 0x20) pos++
      if (pos === length) return
      const quote = line[pos] === DOUBLE_QUOTE || line[pos] === SINGLE_QUOTE ? line[pos]! : 0
      if (quote !== 0) pos++
      const begin = pos
      while (pos < length && (quote === 0 ? line[pos]! > 0x20 : line[pos] !== quote)) {
        pos += line[pos] === BACKSLASH && (quote === DOUBLE_QUOTE || line[pos + 1] === quote) ? 2 : 1
      }
      if (pos > length) pos = length
      this.#text.argument(line, begin, pos, pos < length || isWhole)
      if (quote !== 0) pos++
    }
  }

  #search(buf: Buffer, start: number, end: number): number {
    let pos = start
    while (pos < end) {
      const byte = buf[pos]!
      if (byte === STAR && this.#afterLineEnd) {
        this.#state = BOUNDARY
        return pos
      }
      this.#afterLineEnd = byte === LF
      pos++
    }
    return pos
  }
}

/**
 * Whether all that came is whole lines of printable text, the first of them a command in the table: in the middle of a
 * connection that is all that tells such commands from the lines of a value.
 */
function isInlineCommands(buf: Buffer, start: number, end: number): boolean {
  let pos = start
  while (pos < end && ((buf[pos]! & 0xdf) - 0x41) >>> 0 < 26) pos++
  if (pos === start || buf[end - 1] !== LF || findRedisCommand(buf, start, pos) === UNKNOWN_COMMAND) return false
  for (; pos < end; pos++) {
    const byte = buf[pos]!
    if ((byte < 0x20 && byte !== CR && byte !== LF) || byte === 0x7f) return false
  }
  return true
}

/** What an inline command may begin with; anything else is no Redis. */
function isPlainText(byte: number): boolean {
  return byte > 0x20 && byte < 0x7f && byte !== DOLLAR
}
