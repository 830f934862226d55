// One direction of an HTTP/1.x connection as a state machine over lent buffers (RFC 9112). See http-framing.ts.

import type { CloseReason, Connection, Direction, GapCause } from '../../core/connection.ts'
import { Timestamp } from '../../core/timestamp.ts'
import { HeldBytes, type HeldMemory } from '../held-bytes.ts'
import { ProxyHeaderSkip } from '../proxy/proxy-header-skip.ts'
import { DoubtfulBody, IS_BODY, IS_NEXT_REQUEST } from './doubtful-body.ts'
import { hasNoBody, opensTunnel } from './http-body.ts'
import { BODY_COMPLETE, BODY_GOES_ON, BODY_LOST_AFTER_LINE, HttpBodyReader } from './http-body-reader.ts'
import type { HttpConversation } from './http-conversation.ts'
import { HttpHeadReader } from './http-head-reader.ts'
import { HttpMessage, type HttpMessageConsumer, type HttpMessageEnd } from './http-message.ts'
import { FOUND_HELD_LINE, FOUND_LINE, HttpStartSearch, IS_NOT_HTTP } from './http-start-search.ts'

// States. In the first three the bytes belong to no message.
/** Where a start line is due: at the first byte and after each message. */
const BOUNDARY = 0
/** Looking for a start line: at line starts, and for responses anywhere once the connection is known to be HTTP. */
const SEARCHING = 1
/** Not HTTP, or no longer. */
const OPAQUE = 2
const HEAD = 3
const BODY = 4
/** The request was answered before its body began, which may now be left out: what comes decides. */
const BODY_OR_NOT = 5

const LF = 10
const CR = 13

export class HttpDirection {
  /** The message that is going on; its head may be incomplete. */
  message: HttpMessage | undefined
  readonly #connection: Connection
  readonly #direction: Direction
  readonly #consumer: HttpMessageConsumer
  readonly #conversation: HttpConversation
  #state: number
  #tunnel: boolean
  /** An incomplete start line (not told yet), head or trailers (copy), or chunk framing line (told only if malformed). */
  readonly #held: HeldBytes
  readonly #memory: HeldMemory
  readonly #startTime: Timestamp
  /** Time of the latest bytes of a head. */
  readonly #headTime: Timestamp
  readonly #startSearch: HttpStartSearch
  readonly #head: HttpHeadReader
  readonly #body: HttpBodyReader
  readonly #doubtful: DoubtfulBody
  /** Before the first message; undefined: nothing is to be skipped. */
  #proxyHeader: ProxyHeaderSkip | undefined

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
    this.#tunnel = false
    this.#held = new HeldBytes(memory)
    this.#memory = memory
    this.#startTime = new Timestamp()
    this.#headTime = new Timestamp()
    this.#startSearch = new HttpStartSearch(connection, direction, consumer, conversation, this.#held, this.#startTime)
    this.#head = new HttpHeadReader(this.#held, memory)
    this.#body = new HttpBodyReader(connection, direction, consumer, this.#held)
    this.#doubtful = new DoubtfulBody(this.#held, this.#startTime, this.#headTime)
    // where `client` is known, a PROXY header was removed before
    this.#proxyHeader = conversation.client === undefined ? new ProxyHeaderSkip() : undefined
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
          pos = this.#headBytes(buf, pos, this.#head.read(buf, pos, end), t)
          break
        case BODY_OR_NOT:
          pos = this.#doubtfulBytes(buf, pos, end, t)
          break
        default:
          pos = this.#body.read(buf, pos, end, t)
          if (this.#body.outcome !== BODY_GOES_ON) this.#bodyEnded(t)
      }
    }
  }

  gap(missing: number, cause: GapCause, t: Timestamp): void {
    if (this.#state === OPAQUE) return
    if (this.#state === BODY_OR_NOT && (this.#held.length > 0 || !this.message!.expectsContinue)) this.#heldIsBody()
    if (this.#state === BODY) {
      const within = this.#body.gap(missing, cause, t)
      if (this.#body.outcome === BODY_COMPLETE) this.#end('complete', t)
      if (within) return
    }
    this.#loseThread(t)
    // the byte after a gap begins a packet, and so very often a message
    this.#startSearch.atLineStart = true
  }

  close(why: CloseReason, t: Timestamp): void {
    if (this.#state === BODY_OR_NOT && this.#held.length > 0) this.#heldIsBody()
    const { sawFin } = this.#connection.streams[this.#direction]
    const complete = this.#state === BODY && this.#body.endsWithConnection && why !== 'reset' && sawFin
    if (this.#state === HEAD) this.#tellBegun(t)
    this.#stop(complete ? 'complete' : 'truncated', t)
    this.#state = OPAQUE
  }

  /** The other direction has turned out to be HTTP. */
  expectHttp(): void {
    if (this.#state === OPAQUE && !this.#tunnel) this.#state = SEARCHING
  }

  /**
   * The message that is being read is not what it seemed: looks for the next start line. Not to be called from within the
   * consumer.
   */
  lose(t: Timestamp): void {
    if (this.#state !== OPAQUE) this.#loseThread(t)
  }

  /** A response has come that answers no complete request: it answers the one whose head is under way. */
  tellBegunHead(): void {
    if (this.#state === HEAD && this.#head.isRequest) this.#tellBegun(this.#headTime)
  }

  /** The same where the answer is no HTTP response: only HTTP/0.9 is answered so. */
  tellVersionlessHead(): void {
    if (this.#state === HEAD && this.#head.isRequest) this.#tellBegun(this.#headTime, true)
  }

  /** `request` has got its final response. What its sender says next is likely to be its next request. */
  answered(request: HttpMessage, t: Timestamp): void {
    if (this.#state === SEARCHING) {
      // such a body was not announced, and may not end with a line's end
      this.#startSearch.expectLineHere(t)
    }
    if (this.#state === BODY && this.message === request && this.#body.isUntouched) this.#state = BODY_OR_NOT
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
    if (this.#proxyHeader !== undefined) {
      pos = this.#proxyHeader.skip(buf, start, end)
      if (this.#proxyHeader.over) this.#proxyHeader = undefined
    }
    if (this.#proxyHeader === undefined) while (pos < end && (buf[pos] === CR || buf[pos] === LF)) pos++
    if (pos > start) this.#other(buf, start, pos, t)
    if (pos < end) {
      this.#state = SEARCHING
      this.#startSearch.atLineStart = true
    }
    return pos
  }

  #search(buf: Buffer, start: number, end: number, t: Timestamp): number {
    const search = this.#startSearch
    const pos = search.read(buf, start, end, t)
    if (search.outcome === FOUND_LINE) {
      this.#beginHead()
      return this.#headBytes(buf, pos, this.#head.beginAt(buf, pos, pos + search.lineLength, end), t)
    }
    if (search.outcome === FOUND_HELD_LINE) this.#beginHeldHead(t)
    else if (search.outcome === IS_NOT_HTTP) this.#state = OPAQUE
    return pos
  }

  // --- heads ---

  #beginHead(): void {
    this.#state = HEAD
    this.#conversation.foundHttp(this.#direction)
  }

  /** Its start line, or the beginning of a very long one, is in `#held`. */
  #beginHeldHead(t: Timestamp): void {
    const held = this.#held
    this.#beginHead()
    this.#head.beginHeld()
    this.#headBytes(held.buf, 0, held.length, t)
  }

  /** The head reader has read `buf[start..end)`. */
  #headBytes(buf: Buffer, start: number, end: number, t: Timestamp): number {
    this.#headTime.set(t)
    this.#consumer.onHeadBytes(this.#connection, this.#direction, buf, start, end, t)
    if (this.#head.complete) this.#headComplete(t)
    return end
  }

  #makeMessage(): HttpMessage {
    const m = new HttpMessage(this.#head.isRequest)
    m.startKnown = this.#startSearch.startKnown
    m.startTime.set(this.#startTime)
    return m
  }

  #setHeadFacts(m: HttpMessage): void {
    m.headTime.set(this.#headTime)
    m.endTime.set(this.#headTime)
    m.headBytes = this.#head.bytes
  }

  #headComplete(t: Timestamp): void {
    const begun = this.message
    const m = begun ?? this.#makeMessage()
    this.#setHeadFacts(m)
    const sound = this.#head.finish(m)
    if (begun === undefined) this.#takeTurn(m, t)
    const tunnel = !m.isRequest && opensTunnel(m)
    if (tunnel || (!m.isRequest && hasNoBody(m))) {
      m.framing = 'none'
      m.contentLength = -1
    }
    this.message = m
    this.#consumer.onHead(this.#connection, this.#direction, m, t)
    if (tunnel) {
      this.#end('complete', t)
      this.#conversation.becomeTunnel(t)
    } else if (!sound && m.framing !== 'none') {
      this.#loseThread(t)
      this.#startSearch.atLineStart = true
    } else {
      this.#state = BODY
      this.#body.begin(m)
      if (this.#body.outcome === BODY_COMPLETE) this.#end('complete', t)
      else if (begun !== undefined) this.#state = BODY_OR_NOT
    }
  }

  #takeTurn(m: HttpMessage, t: Timestamp): void {
    if (m.isRequest) this.#conversation.addRequest(this.#direction, m)
    else this.#conversation.pair(this.#direction, m, t)
  }

  /** Tells of a message that its start line is there. */
  #tellBegun(t: Timestamp, onlyVersionless = false): void {
    if (this.message !== undefined || this.#consumer.onHeadBegun === undefined) return
    const m = this.#makeMessage()
    this.#setHeadFacts(m)
    this.#head.readStartLine(m)
    if (onlyVersionless && m.version !== 0) return
    this.message = m
    this.#takeTurn(m, t)
    this.#consumer.onHeadBegun(this.#connection, this.#direction, m, t)
  }

  // --- bodies ---

  #bodyEnded(t: Timestamp): void {
    const { outcome } = this.#body
    if (outcome === BODY_COMPLETE) {
      this.#end('complete', t)
    } else {
      this.#loseThread(t)
      this.#startSearch.atLineStart = outcome === BODY_LOST_AFTER_LINE
    }
  }

  #doubtfulBytes(buf: Buffer, start: number, end: number, t: Timestamp): number {
    const m = this.message!
    const pos = this.#doubtful.read(m, buf, start, end, t)
    if (this.#doubtful.verdict === IS_BODY) {
      this.#heldIsBody()
    } else if (this.#doubtful.verdict === IS_NEXT_REQUEST) {
      m.endTime.set(m.headTime)
      this.#end('complete', t)
      this.#beginHeldHead(t)
    }
    return pos
  }

  /** The held bytes turn out to be the body, and perhaps what follows it: reads them so. */
  #heldIsBody(): void {
    const { length } = this.#held
    const { framing, contentLength, endTime } = this.message!
    const body = this.#held.buf.subarray(0, length)
    const split = framing === 'length' ? Math.min(length, contentLength) : length
    this.#held.clear()
    this.#state = BODY
    if (split > 0) this.data(body, 0, split, endTime)
    if (length > split) this.data(body, split, length, this.#headTime)
  }

  // --- ends ---

  #end(how: HttpMessageEnd, t: Timestamp): void {
    const m = this.message!
    this.message = undefined
    this.#state = BOUNDARY
    this.#startSearch.atLineStart = true
    this.#startSearch.startKnown = true
    this.#consumer.onEnd(this.#connection, this.#direction, m, how, t)
  }

  /** The thread is lost: ends the message, tells what was held back, and looks for the next start line. */
  #loseThread(t: Timestamp): void {
    this.tellBegunHead()
    this.#stop('lost', t)
    this.#conversation.lost()
    this.#proxyHeader = undefined
    this.#state = SEARCHING
    this.#startSearch.atLineStart = false
    this.#startSearch.startKnown = false
    this.#consumer.onLost?.(this.#connection, this.#direction, t)
  }

  /** Ends the message, if one lasts, and tells held bytes as other, except those of a head: they were told already. */
  #stop(how: HttpMessageEnd, t: Timestamp): void {
    const held = this.#held
    const m = this.message
    let outcome = how
    if (this.#state === HEAD) {
      held.clear()
      if (m !== undefined) this.#setHeadFacts(m)
      this.#head.drop()
    } else if (this.#state === BODY_OR_NOT && m!.expectsContinue) {
      // the final response told the client not to send a body
      outcome = 'complete'
    }
    if (m !== undefined) this.#end(outcome, t)
    if (held.length > 0) this.#other(held.buf, 0, held.length, t)
    held.clear()
  }

  #other(buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#consumer.onOther(this.#connection, this.#direction, buf, start, end, t)
  }
}
