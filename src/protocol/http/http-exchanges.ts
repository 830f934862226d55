// Makes timed HTTP/1.x exchanges of one connection out of the messages that the framer finds. Responses come in the order of
// their requests (RFC 9112 §9.3), and there is nothing else to pair them by: ExchangePairing does that, and knows when to trust
// it.

import { type Connection, type Direction, opposite } from '../../core/connection.ts'
import type { ExchangeStatus } from '../../core/exchange.ts'
import { Timestamp } from '../../core/timestamp.ts'
import { ExchangePairing, type ResponseFacts } from '../exchange-pairing.ts'
import type { ExchangeParser, ParserContext } from '../exchange-parser.ts'
import { PendingRequest } from '../pending-requests.ts'
import { opensTunnel } from './http-body.ts'
import { MAXIMUM_WAITING_REQUESTS } from './http-conversation.ts'
import { HttpFraming } from './http-framing.ts'
import type { HttpMessage, HttpMessageConsumer, HttpMessageEnd } from './http-message.ts'
import { mayBeginElsewhere } from './http-request-line.ts'
import { ResponseSpotter } from './response-spotter.ts'

const CR = 13
const LF = 10

export class HttpExchanges implements ExchangeParser, HttpMessageConsumer, ResponseFacts {
  // --- the final response ---
  readonly start = new Timestamp()
  readonly end = new Timestamp()
  /** Interim responses included. */
  bytes = 0
  missingBytes = 0
  status: ExchangeStatus = 'ok'
  statusText = ''

  readonly #connection: Connection
  readonly #client: Direction
  readonly #framing: HttpFraming
  readonly #pairing: ExchangePairing
  /** The request that is being sent, and what is known of it. */
  #sending: HttpMessage | undefined
  readonly #draft = new PendingRequest()
  /** A response is going on that may be told. A response to the request that is still being sent is complete. */
  #receiving: boolean
  #answeredEarly: boolean
  /** Of interim responses since the last final one. */
  #interimBytes: number
  /** A message that was told before its head was complete. */
  #begun: HttpMessage | undefined
  #serverInMessage: boolean
  /** The last bytes of the message that goes on in a direction are missing so far. */
  #requestTailMissing: boolean
  #responseTailMissing: boolean
  readonly #spotter: ResponseSpotter
  #tunnel: boolean
  /** The server has sent the beginning of a final response. */
  #hasAnswered: boolean
  /** When the server spoke, until it has answered. */
  #hasSpoken: boolean
  readonly #firstSpoke = new Timestamp()
  readonly #lastSpoke = new Timestamp()
  /** The server's bytes are no HTTP and are taken for the answer. */
  #foreignAnswer: boolean
  /** And its request names no version: HTTP/0.9, where it is the rule. */
  #isVersionless: boolean

  constructor(context: ParserContext) {
    const { connection } = context
    this.#connection = connection
    this.#client = context.clientDirection
    this.#framing = new HttpFraming(connection, this, context.memory.heldBytes, context.clientDirection)
    this.#pairing = new ExchangePairing(context, 'http', {
      maximumPending: MAXIMUM_WAITING_REQUESTS,
      onNothingWaits: () => this.#onNothingWaits(),
    })
    this.#sending = undefined
    this.#receiving = false
    this.#answeredEarly = false
    this.#interimBytes = 0
    this.#begun = undefined
    this.#serverInMessage = false
    this.#requestTailMissing = false
    this.#responseTailMissing = false
    this.#spotter = new ResponseSpotter()
    this.#tunnel = false
    this.#hasAnswered = false
    this.#hasSpoken = false
    this.#foreignAnswer = false
    this.#isVersionless = false
  }

  onData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (this.#tunnel) return
    this.#note(d, t)
    this.#framing.onData(d, buf, start, end, t)
  }

  onGap(d: Direction, missing: number, t: Timestamp): void {
    if (this.#tunnel) return
    this.#note(d, t)
    this.#framing.onGap(d, missing, 'capture', t)
  }

  expire(before: Timestamp): void {
    if (!this.#receiving && this.#sending === undefined) this.#pairing.expire(before)
  }

  onClose(t: Timestamp): void {
    this.#framing.onClose(this.#isReset ? 'reset' : 'finished', t)
    this.#endForeignAnswer()
    this.#pairing.close(false)
  }

  #note(d: Direction, t: Timestamp): void {
    if (d === this.#client) {
      this.#pairing.clientSpeaks(t)
      return
    }
    this.#pairing.serverSpeaks(t)
    if (this.#hasAnswered) return
    // the framer still holds bytes that may become a start line
    if (!this.#hasSpoken) this.#firstSpoke.set(t)
    this.#hasSpoken = true
    this.#lastSpoke.set(t)
  }

  get #isReset(): boolean {
    const [a, b] = this.#connection.streams
    return a.sawReset || b.sawReset
  }

  /** The capture shows that somebody has ended the connection. */
  get #isEnded(): boolean {
    const [a, b] = this.#connection.streams
    return a.sawFin || b.sawFin || this.#isReset
  }

  // --- what the framer tells ---

  onOther(_c: Connection, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (this.#tunnel) return
    if (d !== this.#client && this.#takeForeignAnswer(end - start)) return
    for (let i = start; i < end; i++) {
      if (buf[i] === CR || buf[i] === LF) continue
      this.onLost(this.#connection, d, t)
      return
    }
  }

  /**
   * The first thing that the server says is no HTTP, and one request waits for it: a server of another protocol, or of HTTP/0.9.
   * It is that request's answer, until the connection ends. Later ones could belong to anything.
   */
  #takeForeignAnswer(bytes: number): boolean {
    if (!this.#foreignAnswer) {
      const pairing = this.#pairing
      const isFirst = !this.#hasAnswered && this.#connection.openerKnown && !pairing.inDoubt
      if (!isFirst) return false
      // a request of HTTP/0.9 has no blank line
      if (this.#sending === undefined && pairing.pending.length === 0) this.#framing.tellVersionlessHead(this.#client)
      this.#isVersionless = this.#begun?.version === 0 && pairing.pending.length === 0
      if (!this.#isVersionless && !(pairing.answersFirst && pairing.pending.length === 1)) return false
      this.#foreignAnswer = true
      this.#receiving = true
      this.bytes = 0
      this.start.set(this.#firstSpoke)
    }
    this.bytes += bytes
    this.end.set(this.#lastSpoke)
    return true
  }

  #endForeignAnswer(): void {
    if (!this.#foreignAnswer) return
    this.#foreignAnswer = false
    this.#receiving = false
    const isSound = this.#isVersionless && !this.#isReset
    this.missingBytes = 0
    this.status = !this.#isEnded ? 'unknown' : isSound ? 'ok' : 'error'
    this.statusText = !this.#isEnded ? '' : this.#isVersionless ? 'HTTP/0.9' : 'answer is no HTTP/1'
    this.#pairing.respond(this)
  }

  onHeadBytes(_c: Connection, d: Direction): void {
    if (d !== this.#client) this.#serverInMessage = true
  }

  onHead(c: Connection, d: Direction, m: HttpMessage, t: Timestamp): void {
    if (m === this.#begun) this.#begun = undefined
    else this.#begin(c, d, m, t)
  }

  onHeadBegun(c: Connection, d: Direction, m: HttpMessage, t: Timestamp): void {
    this.#begun = m
    this.#begin(c, d, m, t)
  }

  #begin(_c: Connection, d: Direction, m: HttpMessage, t: Timestamp): void {
    // a side that sends both requests and responses is not what we thought
    if (m.isRequest !== (d === this.#client)) this.onLost(this.#connection, d, t)
    else if (m.isRequest) this.#beginRequest(m)
    else if (isFinal(m)) this.#beginAnswer(m)
  }

  onBody(_c: Connection, d: Direction, m: HttpMessage, buf: Buffer, start: number, end: number): void {
    if (d === this.#client) {
      this.#requestTailMissing = false
      return
    }
    this.#responseTailMissing = false
    const isDoubtful = this.#pairing.inDoubt || m.request === undefined
    if (isDoubtful && this.#spotter.read(buf, start, end)) this.#loseResponses()
  }

  onBodyGap(_c: Connection, d: Direction, m: HttpMessage): void {
    // a chunked body ends with more than its last chunk's bytes
    if (m.framing === 'chunked') return
    if (d === this.#client) this.#requestTailMissing = true
    else this.#responseTailMissing = true
  }

  onTrailers(): void {
    // counted by the framer
  }

  onEnd(_c: Connection, d: Direction, m: HttpMessage, how: HttpMessageEnd): void {
    if (d !== this.#client) this.#serverInMessage = false
    if (m.isRequest !== (d === this.#client)) return
    if (m.isRequest) this.#endRequest(m, how)
    else if (isFinal(m)) this.#endAnswer(m, how)
    else this.#interimBytes += wireBytes(m)
  }

  onLost(_c: Connection, d: Direction, _t: Timestamp): void {
    if (d === this.#client) {
      this.#pairing.loseRequests()
    } else {
      this.#serverInMessage = false
      this.#loseResponses()
    }
  }

  // --- messages ---

  #beginRequest(m: HttpMessage): void {
    const pairing = this.#pairing
    this.#sending = m
    if (this.#serverInMessage && pairing.inDoubt && this.#spotter.spotted) {
      this.#framing.lose(opposite(this.#client), m.startTime)
    }
    if (m !== this.#begun) {
      // a request that is told only because it was answered began before the server spoke
      pairing.clientSpeaks(m.startTime)
      pairing.requestBegins(!this.#serverInMessage)
    }
    if (pairing.pending.full) this.#loseResponses()
    this.#requestTailMissing = false
    this.#answeredEarly = false
    const draft = this.#draft
    draft.start.set(m.startTime)
    draft.unknown = pairing.inDoubt && !m.startKnown && mayBeginElsewhere(m.requestLine!)
  }

  #endRequest(m: HttpMessage, how: HttpMessageEnd): void {
    if (this.#sending === undefined) return
    this.#sending = undefined
    const draft = this.#draft
    const line = m.requestLine!
    draft.end.set(m.endTime)
    draft.bytes = wireBytes(m)
    draft.missingBytes = this.#missingOf(m, how, this.#client)
    draft.command = line.command
    draft.key = line.path
    draft.request = line.request
    draft.version = nameOf(m.version)
    draft.count = 1
    if (how === 'lost' || this.#requestTailMissing || (how === 'truncated' && !this.#isEnded)) draft.unknown = true
    this.#pairing.request(draft)
    if (this.#answeredEarly) this.#pairing.respond(this)
    this.#answeredEarly = false
  }

  #beginAnswer(m: HttpMessage): void {
    this.#hasAnswered = true
    if (this.#foreignAnswer) {
      this.#foreignAnswer = false
      this.#loseResponses()
    }
    this.#responseTailMissing = false
    this.#spotter.begin()
    const isWanted = this.#pairing.answersFirst || (this.#sending !== undefined && !this.#answeredEarly)
    this.#receiving = isWanted
    if (isWanted) this.start.set(m.startTime)
    else this.#pairing.disprove()
  }

  #endAnswer(m: HttpMessage, how: HttpMessageEnd): void {
    if (this.#receiving) {
      this.#receiving = false
      this.end.set(m.endTime)
      this.bytes = this.#interimBytes + wireBytes(m)
      this.missingBytes = this.#missingOf(m, how, opposite(this.#client))
      this.status = this.#statusOf(m, how)
      this.statusText = how === 'truncated' ? `${m.status} truncated` : `${m.status}`
      if (this.#pairing.answersFirst) this.#pairing.respond(this)
      else this.#answeredEarly = true
    }
    this.#interimBytes = 0
    if (opensTunnel(m)) this.#tunnel = true
  }

  /** What ends because the capture does has no outcome. */
  #statusOf(m: HttpMessage, how: HttpMessageEnd): ExchangeStatus {
    if (how === 'lost' || this.#responseTailMissing) return 'unknown'
    if (how === 'truncated') {
      if (!this.#isEnded || this.#pairing.inDoubt) return 'unknown'
      if (m.contentType !== 'text/event-stream') return 'error'
    }
    return m.status >= 500 ? 'error' : 'ok'
  }

  /** What was announced of the body and cannot come any more; -1: some, and the head does not say how much. */
  #missingOf(m: HttpMessage, how: HttpMessageEnd, d: Direction): number {
    if (how !== 'truncated' || !this.#isEnded || m.contentType === 'text/event-stream') return 0
    if (m.framing === 'length') return Math.max(0, m.contentLength - m.bodyBytes - m.missingBodyBytes)
    if (m.framing === 'chunked') return -1
    // it lasts until the connection ends, and its sender has ended it
    return m.framing === 'none' || this.#connection.streams[d].sawFin ? 0 : -1
  }

  #loseResponses(): void {
    this.#receiving = false
    this.#pairing.loseResponses()
  }

  #onNothingWaits(): void {
    this.#interimBytes = 0
    this.#framing.forgetRequests(this.#client, this.#sending)
  }
}

/** 101 ends what HTTP says, and with it the exchange. */
function isFinal(m: HttpMessage): boolean {
  return m.status >= 200 || m.status === 101
}

/** Of HttpMessage.version. */
function nameOf(version: number): string {
  if (version === 0) return ''
  return version === 11 ? 'HTTP/1.1' : `HTTP/${Math.floor(version / 10)}.${version % 10}`
}

/** As it was sent, whether or not all of it was captured. */
function wireBytes(m: HttpMessage): number {
  return m.headBytes + m.bodyBytes + m.missingBodyBytes + m.framingBytes
}
