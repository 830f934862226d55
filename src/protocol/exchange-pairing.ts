// Which response belongs to which request, where a connection answers in the order in which it was asked: the pairing that
// Redis and memcached share, and when it may be trusted.
//
// From the SYN on it is certain. After a beginning in the middle, missing bytes, bytes that make no sense, or a response
// nobody asked for, nobody can say how many requests were under way, and a pairing that is off by one stays off. So:
//   - requests that wait when response bytes are lost are told as `unknown`; when request bytes are lost, those before them
//     still get their responses (they come first), and only then is the pairing lost;
//   - while it is lost it is only supposed: that nothing was under way at the loss. Requests are paired as if that were so
//     and told as `unknown`. A response too many, or one of the wrong sort (where the protocol can see that), shows that
//     something was: it is supposed anew that nothing is under way now;
//   - the supposition is believed when it lasts. The proof is looked for whenever a request follows a response: nothing
//     should be waiting then, four times in a row. A client that at such moments sometimes waits (it multiplexes) must be
//     found idle sixteen times, and each disproof doubles that. The request that completes the proof is the first that is
//     told with its latency;
//   - a client that waits for the same number of answers each time shows that these were missed, and is believed to be idle.
// (A client that always has the same number of requests under way, never none, of one and the same sort, looks like one
// that waits: nothing in the bytes tells them apart.)

import type { Connection } from '../core/connection.ts'
import { Exchange, type ExchangeStatus } from '../core/exchange.ts'
import { compareTime, elapsedMicros, Timestamp } from '../core/timestamp.ts'
import type { ParserContext } from './exchange-parser.ts'
import { MAXIMUM_PENDING_TEXT, type PendingRequest, PendingRequests } from './pending-requests.ts'

const LOST = 0
/** Requests are lost, but those that wait come first and get their responses. */
const DRAINING = 1
const INFERRED = 2
const CERTAIN = 3

/** Turns (a request follows a response) with nothing waiting that prove a client that waits, or one that multiplexes. */
const IDLE_TURNS_NEEDED = 4
const IDLE_TURNS_OF_MANY = 16
const MOST_IDLE_TURNS_NEEDED = 256
/** Turns with the same number waiting, or with any, after which answers are taken to have been missed. */
const STUCK_TURNS = 4
const BUSY_TURNS = 256
/** A parser made so far into a connection has seen its beginning: recognition holds back a few hundred bytes. */
const BEGINNING_BYTES = 4096

/** What is known of a complete response, lent during `respond`. */
export interface ResponseFacts {
  readonly start: Timestamp
  readonly end: Timestamp
  readonly bytes: number
  readonly status: ExchangeStatus
  readonly statusText: string
}

export class ExchangePairing {
  readonly pending: PendingRequests
  readonly #exchange: Exchange
  readonly #consumer: ParserContext['consumer']
  #trust: number
  /** Responses that belong to requests already told: before the pending ones (expired), after them (too many). */
  #forgotten: number
  #untracked: number
  /** How many of the pending ones are quiet. */
  #quiet: number
  /** How many of them are blocking; an expired one was, and its answer is still due. */
  #blocking: number
  #blockingForgotten: boolean
  /** When the latest blocking one was answered or given up: those behind it begin then. */
  readonly #unblockedAt: Timestamp
  /** Characters of their text. */
  #pendingText: number
  /** Quiet requests were told as silent for their age, and nothing was answered since. */
  #quietExpired: boolean
  /** While lost: turns with nothing waiting; turns since then with something, and with the same number as before. */
  #idleTurns: number
  #busyTurns: number
  #stuckTurns: number
  #lastDepth: number
  #turnsNeeded: number
  #answeredLast: boolean
  /** Of a request that gets several answers (SUBSCRIBE): start and bytes of those that came. */
  readonly #partStart: Timestamp
  #partBytes: number

  constructor(context: ParserContext, protocol: string, maximumPending?: number) {
    const { connection, clientDirection } = context
    this.pending = new PendingRequests(maximumPending)
    this.#exchange = new Exchange()
    this.#exchange.connection = connection
    this.#exchange.requestDirection = clientDirection
    this.#exchange.place = connection.place
    this.#exchange.client = connection.endpoints[clientDirection]
    this.#exchange.server = connection.endpoints[clientDirection === 0 ? 1 : 0]
    this.#exchange.protocol = protocol
    this.#consumer = context.consumer
    this.#trust = isFromBeginning(connection) ? CERTAIN : LOST
    this.#forgotten = 0
    this.#untracked = 0
    this.#quiet = 0
    this.#blocking = 0
    this.#blockingForgotten = false
    this.#unblockedAt = new Timestamp(Number.NEGATIVE_INFINITY)
    this.#pendingText = 0
    this.#quietExpired = false
    this.#idleTurns = 0
    this.#busyTurns = 0
    this.#stuckTurns = 0
    this.#lastDepth = -1
    this.#turnsNeeded = IDLE_TURNS_NEEDED
    this.#answeredLast = false
    this.#partStart = new Timestamp()
    this.#partBytes = 0
  }

  /** Seen from its beginning, with nothing missing. */
  get certain(): boolean {
    return this.#trust === CERTAIN
  }

  /** What is paired is told. */
  get settled(): boolean {
    return this.#trust >= INFERRED
  }

  /** A late answer could be that of an expired request or of a quiet one: the caller lets the pairing go. */
  get owesAmongQuiet(): boolean {
    return this.#forgotten > 0 && (this.#quietExpired || this.#quiet > 0)
  }

  /** Whether the next response is for `pending.first()`, by what is known or supposed. */
  get answersFirst(): boolean {
    return this.#forgotten === 0 && this.pending.length > 0
  }

  /** The first byte of a request came; `betweenResponses`: both directions are at known boundaries. */
  requestBegins(betweenResponses: boolean): void {
    if (!this.#answeredLast) return
    this.#answeredLast = false
    const depth = this.pending.length - this.#quiet
    if (this.#trust !== LOST) {
      if (depth > 0) this.#turnsNeeded = Math.max(this.#turnsNeeded, IDLE_TURNS_OF_MANY)
      return
    }
    if (betweenResponses && depth === 0) {
      this.#idleTurns++
      this.#busyTurns = 0
      this.#stuckTurns = 0
      if (this.#idleTurns >= this.#turnsNeeded) {
        this.#supposeNothingWaits()
        this.#trust = INFERRED
      }
      if (this.#lastDepth > 0) this.#turnsNeeded = Math.max(this.#turnsNeeded, IDLE_TURNS_OF_MANY)
      this.#lastDepth = 0
      return
    }
    if (depth === this.#lastDepth) {
      this.#stuckTurns++
    } else {
      if (this.#lastDepth >= 0) this.#turnsNeeded = Math.max(this.#turnsNeeded, IDLE_TURNS_OF_MANY)
      this.#stuckTurns = 1
      this.#lastDepth = depth
    }
    if (++this.#busyTurns >= BUSY_TURNS || this.#stuckTurns >= STUCK_TURNS) this.#supposeNothingWaits()
  }

  /** A request is complete; it is copied. `draft.count` answers are due, 0 where it asked for none. */
  request(draft: PendingRequest): void {
    const due = draft.count
    const pending = this.pending
    if (due === 0) {
      this.#tellDraft(draft, 'silent')
      return
    }
    const full = pending.full || this.#pendingText >= MAXIMUM_PENDING_TEXT
    if (full && this.#trust === LOST) this.#supposeNothingWaits()
    if (this.#trust === DRAINING) {
      this.#tellDraft(draft, 'unknown')
    } else if (this.#untracked > 0 || (full && pending.length > 0)) {
      this.#untracked += due
      this.#tellDraft(draft, 'unknown')
    } else {
      draft.aheadInPipeline = pending.length
      draft.behindBlocking = this.#blocking > 0 || this.#blockingForgotten
      if (draft.quiet) this.#quiet++
      if (draft.blocking) this.#blocking++
      this.#pendingText += draft.request.length
      copyRequest(draft, pending.push())
    }
  }

  /** A response is complete. The oldest request gets it, or one of the `count` that are due to it. */
  respond(response: ResponseFacts): void {
    this.#answeredLast = true
    this.#quietExpired = false
    if (this.#forgotten > 0) {
      this.#forgotten--
      if (this.#forgotten === 0) this.#blockingForgotten = false
      this.#endDraining()
      return
    }
    const first = this.pending.first()
    if (first === undefined) {
      if (this.#untracked > 0) this.#untracked--
      else this.disprove()
    } else if (first.count > 1) {
      first.count--
      if (this.#partBytes === 0) this.#partStart.set(response.start)
      this.#partBytes += response.bytes
    } else if (this.#trust === LOST) {
      this.#tellFirst('unknown')
    } else {
      this.#tellResponse(response)
      this.#endDraining()
    }
  }

  /** The oldest request gets this and no other answer, however many were due. Only when `answersFirst`. */
  respondFinally(response: ResponseFacts): void {
    this.pending.first()!.count = 1
    this.respond(response)
  }

  /** The oldest request was found to get no answer, or (`known` false) one that cannot be told. Only when `answersFirst`. */
  passOver(known: boolean): void {
    this.#tellFirst(known && this.#trust !== LOST ? 'silent' : 'unknown')
    this.#endDraining()
  }

  /** A response came that nobody asked for, or that cannot be the oldest request's: the pairing is wrong. */
  disprove(): void {
    if (this.#trust === INFERRED) this.#turnsNeeded = Math.min(this.#turnsNeeded * 2, MOST_IDLE_TURNS_NEEDED)
    this.#trust = LOST
    this.#supposeNothingWaits()
    this.#answeredLast = true
  }

  /** Response bytes are missing or make no sense: nothing that waits can be paired. */
  loseResponses(): void {
    this.#trust = LOST
    this.#supposeNothingWaits()
  }

  /** Request bytes are missing or make no sense: what follows what waits cannot be paired. */
  loseRequests(): void {
    if (this.#trust >= INFERRED && this.pending.length + this.#forgotten > 0) this.#trust = DRAINING
    else if (this.#trust !== DRAINING) this.loseResponses()
    this.#untracked = 0
  }

  /**
   * Tells the oldest request as unanswered if it was complete before `before`; its answers will be passed over. One that
   * asks the server to wait is let be until that time has passed, too. Its `flags`, -1 when there is none such. Not to be
   * called while its response is under way.
   */
  expireFirst(before: Timestamp): number {
    if (this.pending.length === 0) this.pending.rest(before)
    if (!this.pending.firstEndsBefore(before)) return -1
    const first = this.pending.first()!
    const turn = this.#turnOf(first)
    const { count, flags, quiet, blocking, waitMicros } = first
    if (this.#trust !== LOST && elapsedMicros(turn, before) <= waitMicros) return -1
    if (this.#trust === LOST) {
      this.#supposeNothingWaits()
    } else if (quiet) {
      this.#quietExpired = true
      this.#tellFirst('silent')
      this.#endDraining()
    } else {
      this.#forgotten += count
      if (blocking) {
        this.#blockingForgotten = true
        setLater(this.#unblockedAt, turn, waitMicros)
      }
      this.#tellFirst('unanswered')
    }
    return flags
  }

  /** The oldest request will be due some time, though it may be older than `expireFirst` was last called for. */
  get waitsLonger(): boolean {
    const first = this.pending.first()
    return (
      first !== undefined && (first.blocking || first.behindBlocking) && first.waitMicros < Number.POSITIVE_INFINITY
    )
  }

  /** When the server came to a request, as far as blocking ones before it kept it. */
  #turnOf(request: PendingRequest): Timestamp {
    const isHeldBack = request.behindBlocking && compareTime(this.#unblockedAt, request.end) > 0
    return isHeldBack ? this.#unblockedAt : request.end
  }

  close(responseUnderWay: boolean): void {
    if (this.#trust === LOST) this.#supposeNothingWaits()
    if (responseUnderWay && this.answersFirst) this.#tellFirst('unknown')
    while (this.pending.length > 0) this.#tellFirst(this.pending.first()!.quiet ? 'silent' : 'unanswered')
  }

  #supposeNothingWaits(): void {
    while (this.pending.length > 0) this.#tellFirst('unknown')
    this.#forgotten = 0
    this.#blockingForgotten = false
    this.#untracked = 0
    this.#idleTurns = 0
    this.#busyTurns = 0
    this.#stuckTurns = 0
    this.#lastDepth = -1
    this.#answeredLast = false
  }

  #endDraining(): void {
    if (this.#trust === DRAINING && this.pending.length + this.#forgotten === 0) this.loseResponses()
  }

  #tellResponse(response: ResponseFacts): void {
    const exchange = this.#exchange
    exchange.responseStart.set(this.#partBytes > 0 ? this.#partStart : response.start)
    exchange.responseEnd.set(response.end)
    exchange.responseBytes = response.bytes + this.#partBytes
    exchange.status = response.status
    exchange.statusText = response.statusText
    if (this.pending.first()!.blocking) this.#unblockedAt.set(response.end)
    this.#partBytes = 0
    this.#shift()
    this.#consumer.onExchange(exchange)
  }

  /** The oldest request's half of the lent exchange. */
  #shift(): void {
    const first = this.pending.first()!
    if (first.quiet) this.#quiet--
    if (first.blocking) this.#blocking--
    this.#pendingText -= first.request.length
    this.pending.shiftInto(this.#exchange)
  }

  #tellFirst(status: ExchangeStatus): void {
    this.#shift()
    this.#partBytes = 0
    this.#tellWithout(status)
  }

  #tellDraft(draft: PendingRequest, status: ExchangeStatus): void {
    const exchange = this.#exchange
    exchange.command = draft.command
    exchange.key = draft.key
    exchange.request = draft.request
    exchange.blocking = draft.blocking
    exchange.aheadInPipeline = this.pending.length
    exchange.requestStart.set(draft.start)
    exchange.requestEnd.set(draft.end)
    exchange.requestBytes = draft.bytes
    this.#tellWithout(status)
  }

  /** Tells the request in the lent exchange without a response. */
  #tellWithout(status: ExchangeStatus): void {
    const exchange = this.#exchange
    exchange.responseStart.seconds = 0
    exchange.responseStart.nanos = 0
    exchange.responseEnd.seconds = 0
    exchange.responseEnd.nanos = 0
    exchange.responseBytes = 0
    exchange.status = status
    exchange.statusText = ''
    this.#consumer.onExchange(exchange)
  }
}

/** Whether a parser made now reads a connection from its first byte on. */
export function isFromBeginning(connection: Connection): boolean {
  const [there, back] = connection.streams
  if (!connection.openerKnown || connection.resumed) return false
  return there.offset <= BEGINNING_BYTES && back.offset <= BEGINNING_BYTES
}

function setLater(later: Timestamp, t: Timestamp, micros: number): void {
  const nanos = t.nanos + (micros % 1e6) * 1000
  later.seconds = t.seconds + Math.floor(micros / 1e6) + (nanos >= 1e9 ? 1 : 0)
  later.nanos = nanos >= 1e9 ? nanos - 1e9 : nanos
}

function copyRequest(from: PendingRequest, to: PendingRequest): void {
  to.start.set(from.start)
  to.end.set(from.end)
  to.bytes = from.bytes
  to.command = from.command
  to.key = from.key
  to.request = from.request
  to.blocking = from.blocking
  to.waitMicros = from.waitMicros
  to.behindBlocking = from.behindBlocking
  to.quiet = from.quiet
  to.aheadInPipeline = from.aheadInPipeline
  to.flags = from.flags
  to.mark = from.mark
  to.count = from.count
}
