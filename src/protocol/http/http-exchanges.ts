// HTTP/1.x exchanges of one connection: what the framer finds, paired and timed (RFC 9112 §9.3: responses come in the order
// of their requests, and there is nothing else to pair them by).
//
// So one message that the capture misses puts all that follow out of step. Where that may have happened, and where a
// capture begins in mid-connection, the pairing is in doubt. It is then only supposed, from the moment on when the server
// has spoken and the client takes its turn, that nothing waits; a response too many disproves that, and it is supposed
// anew. What is paired meanwhile is told when the supposition has lasted for some turns at each of which nothing waited,
// or when silence follows; what was disproved is told as `unknown`. From a client that was seen to keep several requests
// on their way more turns are asked.

import type { Connection, Direction } from '../../core/connection.ts'
import { opposite } from '../../core/connection.ts'
import { Exchange, type ExchangeConsumer, type ExchangeStatus } from '../../core/exchange.ts'
import { compareTime, elapsedMicros, Timestamp } from '../../core/timestamp.ts'
import type { ExchangeParser, ParserContext } from '../exchange-parser.ts'
import { HeldMemory } from '../held-bytes.ts'
import { waitingRequests } from '../pending-requests.ts'
import { opensTunnel } from './http-body.ts'
import { HttpExchange, wireBytes } from './http-exchange.ts'
import { HttpFraming, MAXIMUM_WAITING_REQUESTS } from './http-framing.ts'
import type { HttpMessage, HttpMessageConsumer, HttpMessageEnd } from './http-message.ts'
import { mayBeginElsewhere } from './http-request-line.ts'
import { ResponseSpotter } from './response-spotter.ts'

/** Turns with nothing waiting that end the doubt: for a client that waits for its responses, for one that does not. */
const TURNS_NEEDED = 4
const TURNS_NEEDED_IN_FLIGHT = 16
const MOST_TURNS_NEEDED = 256
/** The second of them suffices after so much silence for each that is needed. */
const SILENCE_MICROS_PER_TURN = 12_500
const MAXIMUM_HELD_BYTES = 64 * 1024 * 1024
/** What a request that waits takes, with its head. */
const WAITING_BYTES = 2048
const CR = 13
const LF = 10

/** Shared by the framers of all connections. */
const memory = new HeldMemory(MAXIMUM_HELD_BYTES)
/** Lent to consumers; one for all parsers, as they tell one exchange at a time. */
const lent = new Exchange()

export class HttpExchanges implements ExchangeParser, HttpMessageConsumer {
  readonly #connection: Connection
  readonly #client: Direction
  readonly #consumer: ExchangeConsumer
  readonly #framing: HttpFraming
  /** Oldest first: those that wait for their response, and in doubt, before them, those that wait for proof. */
  readonly #queue: HttpExchange[]
  /** Its length, as counted among those of all connections. */
  #counted: number
  /** So many at the front of the queue have their response. */
  #answered: number
  /** Whose request, whose response is going on. */
  #sending: HttpExchange | undefined
  #receiving: HttpExchange | undefined
  #spare: HttpExchange | undefined
  /** A message that was told before its head was complete. */
  #begun: HttpMessage | undefined
  /** The pairing is in doubt, except for the first `#proven` of the queue. */
  #doubt: boolean
  #proven: number
  /** Responses are known to be missing, or to be too many: nothing before the next turn can be paired. */
  #spoiled: boolean
  /** Every byte since the connection's beginning was seen. */
  #gapless: boolean
  /** Responses that were delivered before their requests, which the capture has in the wrong order. */
  #overtaken: number
  /** In doubt: turns so far that found nothing waiting, and how many end it. */
  #idleTurns: number
  #turnsNeeded: number
  /** Since the last request. */
  #serverSpoke: boolean
  readonly #serverTime: Timestamp
  #serverInMessage: boolean
  /** The last bytes of the message that goes on in a direction are missing so far. */
  #requestTailMissing: boolean
  #responseTailMissing: boolean
  readonly #spotter: ResponseSpotter
  #tunnel: boolean

  constructor(context: ParserContext) {
    const { connection } = context
    this.#connection = connection
    this.#client = context.clientDirection
    this.#consumer = context.consumer
    this.#framing = new HttpFraming(connection, this, memory, true)
    this.#queue = []
    this.#counted = 0
    this.#answered = 0
    this.#sending = undefined
    this.#receiving = undefined
    this.#spare = undefined
    this.#begun = undefined
    this.#gapless = connection.openerKnown && !connection.resumed
    this.#doubt = !this.#gapless
    this.#proven = 0
    this.#spoiled = false
    this.#overtaken = 0
    this.#idleTurns = 0
    this.#turnsNeeded = TURNS_NEEDED
    this.#serverSpoke = false
    this.#serverTime = new Timestamp()
    this.#serverInMessage = false
    this.#requestTailMissing = false
    this.#responseTailMissing = false
    this.#spotter = new ResponseSpotter()
    this.#tunnel = false
  }

  onData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (this.#tunnel) return
    if (d !== this.#client) this.#noteServer(t)
    this.#framing.onData(d, buf, start, end, t)
    this.#count()
  }

  onGap(d: Direction, missing: number, t: Timestamp): void {
    if (this.#tunnel) return
    if (d !== this.#client) this.#noteServer(t)
    this.#framing.onGap(d, missing, 'capture', t)
    this.#count()
  }

  expire(before: Timestamp): void {
    this.#expire(before)
    this.#count()
  }

  #expire(before: Timestamp): void {
    const proven = this.#doubt ? this.#proven : this.#queue.length
    for (let i = this.#answered; i < proven; i++) {
      const exchange = this.#queue[i]!
      if (!isWaitingSince(exchange, before)) return
      this.#tellUnlessTold(exchange, 'unanswered')
    }
    const last = this.#queue.at(-1)
    if (!this.#doubt || last === undefined || !last.requestEnded || this.#receiving !== undefined) return
    if (compareTime(last.requestEnd, before) < 0 && compareTime(this.#serverTime, before) < 0) this.#endOfDoubtfulTurn()
  }

  onClose(t: Timestamp): void {
    const [a, b] = this.#connection.streams
    this.#framing.onClose(a.sawReset || b.sawReset ? 'reset' : 'finished', t)
    const proven = this.#doubt ? this.#proven : this.#queue.length
    for (let i = this.#answered; i < proven; i++) this.#tellUnlessTold(this.#queue[i]!, 'unanswered')
    if (this.#doubt) this.#endOfDoubtfulTurn()
    this.#queue.length = 0
    this.#count()
  }

  #count(): void {
    // one for each connection is bounded by their number
    const counted = Math.max(0, this.#queue.length - 1)
    waitingRequests.usedBytes += (counted - this.#counted) * WAITING_BYTES
    this.#counted = counted
  }

  #noteServer(t: Timestamp): void {
    this.#serverSpoke = true
    this.#serverTime.set(t)
  }

  // --- what the framer tells ---

  onOther(_c: Connection, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (this.#tunnel) return
    for (let i = start; i < end; i++) {
      if (buf[i] === CR || buf[i] === LF) continue
      this.onLost(this.#connection, d, t)
      return
    }
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
    // who sends both requests and responses is not who we think
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
    if ((this.#doubt || m.request === undefined) && this.#spotter.read(buf, start, end)) this.#spoil()
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
    else {
      const waiting = this.#queue[this.#answered]
      if (waiting !== undefined) waiting.responseBytes += wireBytes(m)
    }
  }

  onLost(_c: Connection, d: Direction, _t: Timestamp): void {
    if (d !== this.#client) {
      this.#serverInMessage = false
      this.#spoil()
    } else if (!this.#doubt) {
      // those before the loss are answered before those behind it
      this.#proven = this.#queue.length
      this.#idleTurns = 0
      this.#doubt = true
      this.#gapless = false
      this.#overtaken = 0
    }
  }

  // --- messages ---

  #beginRequest(m: HttpMessage): void {
    // one that is told because it was answered began before the server spoke
    if (this.#serverSpoke && m !== this.#begun) this.#turn(m)
    const { length } = this.#queue
    if (length >= MAXIMUM_WAITING_REQUESTS || (length > 0 && waitingRequests.full)) this.#spoil()
    const exchange = this.#spare ?? new HttpExchange()
    this.#spare = undefined
    exchange.begin(m, this.#queue.length - this.#answered)
    this.#sending = exchange
    this.#requestTailMissing = false
    if (this.#doubt && !m.startKnown && mayBeginElsewhere(m.requestLine!)) exchange.unknown = true
    if (this.#overtaken > 0) {
      this.#overtaken--
      this.#framing.forgetRequests(this.#client, undefined)
    } else if (!this.#spoiled) {
      exchange.queued = true
      this.#queue.push(exchange)
    }
  }

  #endRequest(m: HttpMessage, how: HttpMessageEnd): void {
    const exchange = this.#sending
    if (exchange === undefined) return
    this.#sending = undefined
    exchange.endRequest(m)
    if (how === 'truncated') exchange.truncatedRequest = true
    if (how === 'lost' || this.#requestTailMissing) exchange.unknown = true
    if (!exchange.queued) this.#finish(exchange, 'unknown')
    else if (exchange.answerEnded) this.#complete(exchange)
  }

  #beginAnswer(m: HttpMessage): void {
    this.#responseTailMissing = false
    this.#spotter.begin()
    this.#receiving = undefined
    if (this.#spoiled) return
    const exchange = this.#queue[this.#answered]
    if (exchange === undefined && this.#gapless) {
      this.#overtaken++
    } else if (exchange === undefined || compareTime(m.startTime, exchange.requestStart) < 0) {
      if (!this.#doubt) this.#turnsNeeded = Math.min(this.#turnsNeeded * 2, MOST_TURNS_NEEDED)
      else if (this.#idleTurns > 0) this.#seenInFlight()
      this.#spoil()
    } else {
      exchange.beginAnswer(m)
      this.#receiving = exchange
    }
  }

  #endAnswer(m: HttpMessage, how: HttpMessageEnd): void {
    const exchange = this.#receiving
    this.#receiving = undefined
    if (exchange !== undefined) {
      exchange.endAnswer(m, how === 'truncated')
      if (how === 'lost' || this.#responseTailMissing) exchange.unknown = true
      this.#answered++
      if (exchange.requestEnded) this.#complete(exchange)
    }
    if (opensTunnel(m)) this.#tunnel = true
  }

  /** Both have ended. The queue's first, unless it waits for proof. */
  #complete(exchange: HttpExchange): void {
    if (this.#doubt) {
      if (this.#proven === 0) return
      this.#proven--
    }
    this.#queue.shift()
    this.#answered--
    this.#finish(exchange, 'ok')
  }

  // --- doubt ---

  /** The server has spoken, and now the client does. */
  #turn(request: HttpMessage): void {
    const waiting = this.#queue.length - this.#answered
    if (!this.#doubt) {
      this.#serverSpoke = false
      if (waiting > 0) this.#seenInFlight()
      return
    }
    if (compareTime(request.startTime, this.#serverTime) < 0) return
    if (this.#serverInMessage && this.#spotter.spotted) this.#framing.lose(opposite(this.#client), request.startTime)
    if (this.#serverInMessage) return
    this.#serverSpoke = false
    if (waiting > 0) {
      this.#seenInFlight()
      this.#spoil()
    }
    if (this.#spoiled) {
      this.#spoiled = false
      this.#framing.forgetRequests(this.#client, request)
      return
    }
    const silence = elapsedMicros(this.#serverTime, request.startTime)
    const silent = ++this.#idleTurns > 1 && silence >= this.#turnsNeeded * SILENCE_MICROS_PER_TURN
    if (!silent && this.#idleTurns < this.#turnsNeeded) return
    this.#doubt = false
    this.#tellAnswered()
  }

  #seenInFlight(): void {
    this.#turnsNeeded = Math.max(this.#turnsNeeded, TURNS_NEEDED_IN_FLIGHT)
  }

  /** Nothing of the queue can be paired. */
  #spoil(): void {
    this.#doubt = true
    this.#spoiled = true
    this.#gapless = false
    this.#overtaken = 0
    this.#proven = 0
    this.#idleTurns = 0
    this.#answered = 0
    this.#receiving = undefined
    for (const exchange of this.#queue) {
      if (exchange.requestEnded) this.#finish(exchange, 'unknown')
      else exchange.queued = false
    }
    this.#queue.length = 0
    this.#framing.forgetRequests(this.#client, undefined)
  }

  /** Nothing more comes to what is in doubt: it is paired if all were answered, and unanswered if none was. */
  #endOfDoubtfulTurn(): void {
    const waiting = this.#queue.length - this.#answered
    if (waiting === 0 && !this.#queue.some((exchange) => exchange.truncated)) {
      this.#tellAnswered()
    } else if (this.#answered === 0) {
      for (const exchange of this.#queue) {
        this.#tellUnlessTold(exchange, 'unanswered')
      }
    } else {
      this.#spoil()
    }
  }

  #tellAnswered(): void {
    for (const exchange of this.#queue) this.#finish(exchange, 'ok')
    this.#queue.length = 0
    this.#answered = 0
  }

  // --- telling ---

  /** Tells it, `ok` standing for what its response says, and keeps the object for the next request. */
  #finish(exchange: HttpExchange, status: ExchangeStatus): void {
    this.#tellUnlessTold(exchange, status)
    exchange.line = undefined
    this.#spare = exchange
  }

  #tellUnlessTold(exchange: HttpExchange, status: ExchangeStatus): void {
    if (exchange.told) return
    exchange.told = true
    this.#tell(exchange, status === 'ok' ? exchange.statusOn(this.#connection) : status)
  }

  #tell(exchange: HttpExchange, status: ExchangeStatus): void {
    const connection = this.#connection
    lent.connection = connection
    lent.requestDirection = this.#client
    lent.place = connection.place
    lent.client = connection.endpoints[this.#client]
    lent.server = connection.endpoints[opposite(this.#client)]
    exchange.writeTo(lent, status)
    this.#consumer.onExchange(lent)
  }
}

function isWaitingSince(exchange: HttpExchange, before: Timestamp): boolean {
  return exchange.requestEnded && !exchange.answered && compareTime(exchange.requestEnd, before) < 0
}

/** Interim responses are no answers (RFC 9110 §15.2); 101 is one. */
function isFinal(response: HttpMessage): boolean {
  return response.status >= 200 || response.status === 101
}
