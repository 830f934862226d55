// One direction of an HTTP/1.x connection as a state machine over lent buffers (RFC 9112). See http-framing.ts.

import type { CloseReason, Connection, Direction, GapCause } from '../../core/connection.ts'
import { Timestamp } from '../../core/timestamp.ts'
import { HeldBytes, type HeldMemory } from '../held-bytes.ts'
import { BlankLineFinder } from './blank-line-finder.ts'
import { hasNoBody, opensTunnel } from './http-body.ts'
import { BODY_COMPLETE, BODY_GOES_ON, BODY_LOST_AFTER_LINE, HttpBodyReader } from './http-body-reader.ts'
import type { HttpConversation } from './http-framing.ts'
import { readFields, readHead } from './http-head.ts'
import { HttpMessage, type HttpMessageConsumer, type HttpMessageEnd } from './http-message.ts'
import {
  findResponse,
  isStatusLine,
  MAXIMUM_START_LINE_BYTES,
  MORE_NEEDED,
  matchStartLine,
  matchStatusLine,
  NO_MATCH,
} from './http-start-line.ts'

/** Start line and fields together. */
const MAXIMUM_HEAD_BYTES = 262144
/** So far into a direction that has shown no HTTP, start lines are looked for; then its bytes pass unread. */
const DETECTION_BYTES = 65536

// States. In the first three the bytes belong to no message.
/** Where a start line is due: at the first byte and after each message. */
const BOUNDARY = 0
/** Looking for a start line: at line starts, and for responses anywhere once the connection is known to be HTTP. */
const SEARCHING = 1
/** Not HTTP, or no longer. */
const OPAQUE = 2
const HEAD = 3
const BODY = 4

const LF = 10
const CR = 13
const NOTHING = Buffer.alloc(0)

export class HttpDirection {
  /** The message whose body is being read. */
  message: HttpMessage | undefined
  readonly #connection: Connection
  readonly #direction: Direction
  readonly #consumer: HttpMessageConsumer
  readonly #conversation: HttpConversation
  #state: number
  /** The next byte begins a line, as far as is known: requests and responses may begin here. */
  #atLineStart: boolean
  /** And nothing can be missing before it: it follows a message, or is the connection's first. */
  #startKnown: boolean
  /** The incomplete start line in `#held` began in mid-line: only a response may. */
  #heldInMidLine: boolean
  /** Bytes told as other while searching. */
  #searched: number
  #tunnel: boolean
  /** An incomplete start line (not told yet), head or trailers (copy), or chunk framing line (told only if malformed). */
  readonly #held: HeldBytes
  readonly #memory: HeldMemory
  readonly #startTime: Timestamp
  /** Looks for the end of a head that comes in pieces. */
  readonly #lines: BlankLineFinder
  readonly #body: HttpBodyReader

  constructor(
    connection: Connection,
    direction: Direction,
    consumer: HttpMessageConsumer,
    conversation: HttpConversation,
    memory: HeldMemory,
  ) {
    this.message = undefined
    this.#connection = connection
    this.#direction = direction
    this.#consumer = consumer
    this.#conversation = conversation
    this.#state = BOUNDARY
    this.#atLineStart = true
    this.#startKnown = connection.openerKnown && !connection.resumed
    this.#heldInMidLine = false
    this.#searched = 0
    this.#tunnel = false
    this.#held = new HeldBytes(memory)
    this.#memory = memory
    this.#startTime = new Timestamp()
    this.#lines = new BlankLineFinder()
    this.#body = new HttpBodyReader(connection, direction, consumer, this.#held)
  }

  data(buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (this.#held.length > 0 && this.#memory.full) this.#loseThread(t)
    let pos = start
    while (pos < end) {
      switch (this.#state) {
        case BOUNDARY:
          pos = this.#boundary(buf, pos, end, t)
          break
        case SEARCHING:
          pos = this.#search(buf, pos, end, t)
          break
        case OPAQUE:
          this.#other(buf, pos, end, t)
          pos = end
          break
        case HEAD:
          pos = this.#head(buf, pos, pos, end, t)
          break
        default:
          pos = this.#body.read(buf, pos, end, t)
          if (this.#body.outcome !== BODY_GOES_ON) this.#bodyEnded(t)
      }
    }
  }

  gap(missing: number, cause: GapCause, t: Timestamp): void {
    if (this.#state === OPAQUE) return
    if (this.#state === BODY) {
      const within = this.#body.gap(missing, cause, t)
      if (this.#body.outcome === BODY_COMPLETE) this.#end('complete', t)
      if (within) return
    }
    this.#loseThread(t)
    // what follows a gap is the beginning of a packet, and so very often of a message
    this.#atLineStart = true
  }

  close(why: CloseReason, t: Timestamp): void {
    const { sawFin } = this.#connection.streams[this.#direction]
    const complete = this.#state === BODY && this.#body.endsWithConnection && why !== 'reset' && sawFin
    this.#stop(complete ? 'complete' : 'truncated', t)
    this.#state = OPAQUE
  }

  /** The other direction has turned out to be HTTP. */
  expectHttp(): void {
    if (this.#state === OPAQUE && !this.#tunnel) this.#state = SEARCHING
  }

  /** What is being read cannot be what it seems: the next start line is looked for. Not to be called while it tells. */
  lose(t: Timestamp): void {
    if (this.#state !== OPAQUE) this.#loseThread(t)
  }

  becomeOpaque(t: Timestamp): void {
    this.#stop('lost', t)
    this.#tunnel = true
    this.#state = OPAQUE
  }

  // --- between messages ---

  /** Blank lines before a start line belong to nothing (RFC 9112 §2.2). */
  #boundary(buf: Buffer, start: number, end: number, t: Timestamp): number {
    let pos = start
    while (pos < end && (buf[pos] === CR || buf[pos] === LF)) pos++
    if (pos > start) this.#other(buf, start, pos, t)
    if (pos < end) {
      this.#state = SEARCHING
      this.#atLineStart = true
    }
    return pos
  }

  #search(buf: Buffer, start: number, end: number, t: Timestamp): number {
    if (this.#held.length > 0) return this.#resumeCandidate(buf, start, end, t)
    const { isHttp } = this.#conversation
    if (this.#atLineStart && (isHttp || this.#searched <= DETECTION_BYTES)) {
      const length = matchStartLine(buf, start, end, 0)
      if (length !== NO_MATCH) return this.#candidate(buf, start, start, length, end, false, t)
    }
    let pos = start
    /** Where the next response may begin in mid-line, perhaps cut off by the end; `end` for nowhere. */
    let response = isHttp ? findResponse(buf, this.#atLineStart ? start + 1 : start, end) : end
    while (pos < end) {
      const inMidLine = !this.#atLineStart
      if (!inMidLine || pos === response) {
        if (!isHttp && this.#searched + pos - start > DETECTION_BYTES) break
        const length = inMidLine ? matchStatusLine(buf, pos, end, 0) : matchStartLine(buf, pos, end, 0)
        if (length !== NO_MATCH) return this.#candidate(buf, start, pos, length, end, inMidLine, t)
        if (isHttp && response <= pos) response = findResponse(buf, pos + 1, end)
      }
      let line = pos
      while (line < response && buf[line] !== LF) line++
      this.#atLineStart = line < response
      pos = this.#atLineStart ? line + 1 : response
    }
    this.#other(buf, start, end, t)
    this.#startKnown = false
    this.#searched += end - start
    if (!isHttp && this.#searched > DETECTION_BYTES) this.#state = OPAQUE
    return end
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
      this.#startKnown = false
    }
    this.#searched += pos - start
    this.#startTime.set(t)
    if (length > 0) {
      this.#beginHead()
      return this.#head(buf, pos, pos + length, end, t)
    }
    this.#held.append(buf, pos, end)
    this.#heldInMidLine = inMidLine
    return end
  }

  /** The held beginning of a start line goes on in `buf`. */
  #resumeCandidate(buf: Buffer, start: number, end: number, t: Timestamp): number {
    const held = this.#held
    const before = held.length
    // up to the line's end: more cannot matter
    let pos = start
    const limit = Math.min(end, start + MAXIMUM_START_LINE_BYTES - before)
    while (pos < limit && buf[pos] !== LF) pos++
    if (pos < limit) pos++
    held.append(buf, start, pos)
    const length = this.#heldInMidLine
      ? matchStatusLine(held.buf, 0, held.length, before)
      : matchStartLine(held.buf, 0, held.length, before)
    if (length === MORE_NEEDED) return pos
    if (length > 0) {
      this.#beginHead()
      this.#consumer.onHeadBytes(this.#connection, this.#direction, held.buf, 0, length, t)
      return pos
    }
    // Not one after all. What was held is told, unless a response may begin further on in it; `buf` is looked at anew.
    held.length = before
    const from = this.#conversation.isHttp ? findResponse(held.buf, 1, before) : before
    this.#other(held.buf, 0, from, t)
    this.#searched += from
    held.dropFirst(from)
    this.#atLineStart = false
    this.#startKnown = false
    this.#heldInMidLine = true
    return start
  }

  // --- heads ---

  #beginHead(): void {
    this.#state = HEAD
    this.#lines.begin(NOTHING, 0, 0)
    this.#conversation.foundHttp(this.#direction)
  }

  /** Reads fields from `from` on; `start` is where what was not told yet begins (the start line, or `from`). */
  #head(buf: Buffer, start: number, from: number, end: number, t: Timestamp): number {
    const held = this.#held
    const limit = Math.min(end, start + MAXIMUM_HEAD_BYTES - held.length)
    // a head that lies in one piece is read while its end is looked for
    const inOnePiece = start < from
    const stop = inOnePiece ? readFields(buf, from, limit) : this.#lines.findBlank(buf, from, limit)
    const pos = stop > 0 ? stop : limit
    this.#consumer.onHeadBytes(this.#connection, this.#direction, buf, start, pos, t)
    if (inOnePiece && stop > 0) {
      this.#headComplete(buf, start, pos, from, t)
      return pos
    }
    held.append(buf, start, pos)
    if (stop > 0) {
      const bytes = held.buf.subarray(0, held.length)
      held.clear()
      this.#headComplete(bytes, 0, bytes.length, 0, t)
    } else {
      if (inOnePiece) this.#lines.begin(buf, from, pos)
      if (held.length >= MAXIMUM_HEAD_BYTES) this.#loseThread(t)
    }
    return pos
  }

  /** `fieldsRead`: see readHead. */
  #headComplete(buf: Buffer, start: number, end: number, fieldsRead: number, t: Timestamp): void {
    const m = new HttpMessage(!isStatusLine(buf, start))
    m.startKnown = this.#startKnown
    m.startTime.set(this.#startTime)
    m.headTime.set(t)
    m.endTime.set(t)
    m.headBytes = end - start
    const sound = readHead(m, buf, start, end, fieldsRead)
    if (m.isRequest) this.#conversation.addRequest(this.#direction, m)
    else this.#conversation.pair(this.#direction, m)
    const tunnel = !m.isRequest && opensTunnel(m)
    if (tunnel || (!m.isRequest && hasNoBody(m))) {
      m.framing = 'none'
      m.contentLength = -1
    }
    this.message = m
    this.#consumer.onHead(this.#connection, this.#direction, m, buf, start, end, t)
    if (tunnel) {
      this.#end('complete', t)
      this.#conversation.becomeTunnel(t)
    } else if (!sound && m.framing !== 'none') {
      this.#loseThread(t)
      this.#atLineStart = true
    } else {
      this.#state = BODY
      this.#body.begin(m)
      if (this.#body.outcome === BODY_COMPLETE) this.#end('complete', t)
    }
  }

  #bodyEnded(t: Timestamp): void {
    const { outcome } = this.#body
    if (outcome === BODY_COMPLETE) {
      this.#end('complete', t)
    } else {
      this.#loseThread(t)
      this.#atLineStart = outcome === BODY_LOST_AFTER_LINE
    }
  }

  // --- ends ---

  #end(how: HttpMessageEnd, t: Timestamp): void {
    const m = this.message!
    this.message = undefined
    this.#state = BOUNDARY
    this.#atLineStart = true
    this.#startKnown = true
    this.#consumer.onEnd(this.#connection, this.#direction, m, how, t)
  }

  /** The thread is lost: ends the message, tells what was held back, and looks for the next start line. */
  #loseThread(t: Timestamp): void {
    this.#stop('lost', t)
    this.#conversation.lost()
    this.#state = SEARCHING
    this.#atLineStart = false
    this.#startKnown = false
    this.#consumer.onLost?.(this.#connection, this.#direction, t)
  }

  /** Ends the message, if one lasts, and tells held bytes as other, except those of a head: they were told already. */
  #stop(how: HttpMessageEnd, t: Timestamp): void {
    const held = this.#held
    if (this.#state === HEAD) held.clear()
    if (this.message !== undefined) this.#end(how, t)
    if (held.length > 0) this.#other(held.buf, 0, held.length, t)
    held.clear()
  }

  #other(buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#consumer.onOther(this.#connection, this.#direction, buf, start, end, t)
  }
}
