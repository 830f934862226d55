// Finds the request of each response on connections that answer in the order of the requests: HTTP/1, Redis and memcached share
// it. PairingTrust decides when the pairing can be trusted. Here is what follows from that:
// - when response bytes are lost, the requests that wait are told as `unknown`. When request bytes are lost, the requests
// before them still get their responses, which come first; only after those the pairing is in doubt;
// - pairs made while it is in doubt are kept. They are told with their latency once the pairing is proven or nothing more
// comes, and as `unknown` when it is disproven;
// - a request that was told as unanswered and is answered later is told again.

import { type Connection, opposite } from '../core/connection.ts'
import { Exchange, type ExchangeStatus } from '../core/exchange.ts'
import { compareTime, elapsedMicros, setAfter, Timestamp } from '../core/timestamp.ts'
import type { ParserContext } from './exchange-parser.ts'
import { PairingTrust, TURN_DISPROVEN, TURN_PROVEN } from './pairing-trust.ts'
import { MAXIMUM_PENDING_TEXT, type PendingRequest, PendingRequests } from './pending-requests.ts'
import { SupposedPairs } from './supposed-pairs.ts'

/** A parser that is made within this many bytes has seen the connection's beginning: recognition holds back a few hundred. */
const BEGINNING_BYTES = 4096

/** What is known of a complete response, lent during `respond`. */
export interface ResponseFacts {
  readonly start: Timestamp
  readonly end: Timestamp
  readonly bytes: number
  /** `unknown` where bytes are missing that decide on its times or its outcome. */
  readonly status: ExchangeStatus
  readonly statusText: string
  /** Announced and never sent: Exchange.responseMissingBytes. Left out: none. */
  readonly missingBytes?: number
}

export interface ExchangePairingOptions {
  readonly maximumPending?: number
  /** After a loss messages of this protocol are found by guessing, so the first one found may be the rest of another. */
  readonly guesses?: boolean
  /** Called when all waiting requests are given up: the next responses answer none of them. */
  readonly onNothingWaits?: () => void
}

export class ExchangePairing {
  readonly pending: PendingRequests
  readonly #exchange: Exchange
  readonly #consumer: ParserContext['consumer']
  readonly #trust: PairingTrust
  readonly #onNothingWaits: (() => void) | undefined
  readonly #guesses: boolean
  /** The next request or response is the first after a loss and was found by guessing. */
  #requestIsGuessed: boolean
  #responseIsGuessed: boolean
  /** While in doubt: how many pending requests were sent before the doubt began. */
  #proven: number
  /** While in doubt: pairs that are older than what is pending. What is paired beyond their bound is told as unknown. */
  readonly #supposed: SupposedPairs
  /** How many of the oldest pending requests were told as unanswered. */
  #told: number
  /** Responses that belong to requests behind the pending ones, which were too many. */
  #untracked: number
  /** How many pending requests are quiet, and how many are blocking. */
  #quiet: number
  #blocking: number
  /** When the latest blocking request was answered or given up. The server begins those behind it then. */
  readonly #unblockedAt: Timestamp
  /** Characters of text in the pending requests. */
  #pendingText: number
  /** Quiet requests were told as silent because of their age, and nothing was answered since. */
  #quietExpired: boolean
  /** When each side last sent bytes, and whether an answer came since the latest request. */
  readonly #clientTime: Timestamp
  readonly #serverTime: Timestamp
  #answeredLast: boolean
  /** Start and bytes of the answers that have come to a request with several (SUBSCRIBE). */
  readonly #partStart: Timestamp
  #partBytes: number

  constructor(context: ParserContext, protocol: string, options: ExchangePairingOptions = {}) {
    const { connection, clientDirection } = context
    this.pending = new PendingRequests(options.maximumPending, context.memory.waitingRequests)
    this.#exchange = new Exchange()
    this.#exchange.connection = connection
    this.#exchange.requestDirection = clientDirection
    this.#exchange.place = connection.place
    this.#exchange.client = connection.endpoints[clientDirection]
    this.#exchange.server = connection.endpoints[opposite(clientDirection)]
    this.#exchange.protocol = protocol
    this.#consumer = context.consumer
    this.#trust = new PairingTrust(isFromBeginning(connection))
    this.#onNothingWaits = options.onNothingWaits
    this.#guesses = options.guesses === true
    this.#requestIsGuessed = false
    this.#responseIsGuessed = false
    this.#proven = 0
    this.#supposed = new SupposedPairs(this.#exchange, context.memory.waitingRequests)
    this.#told = 0
    this.#untracked = 0
    this.#quiet = 0
    this.#blocking = 0
    this.#unblockedAt = new Timestamp(Number.NEGATIVE_INFINITY)
    this.#pendingText = 0
    this.#quietExpired = false
    this.#clientTime = new Timestamp(Number.NEGATIVE_INFINITY)
    this.#serverTime = new Timestamp(Number.NEGATIVE_INFINITY)
    this.#answeredLast = false
    this.#partStart = new Timestamp()
    this.#partBytes = 0
  }

  /** Seen from its beginning, with nothing missing. */
  get certain(): boolean {
    return this.#trust.certain
  }

  /** True while at least some pairs are only supposed. */
  get inDoubt(): boolean {
    return this.#trust.inDoubt
  }

  /** True when the next pair can be told at once. */
  get settled(): boolean {
    return !this.#trust.inDoubt || this.#proven > 0
  }

  /** True when a late answer could belong to an expired request or to a quiet one. The caller then gives up the pairing. */
  get owesAmongQuiet(): boolean {
    return this.#told > 0 && (this.#quietExpired || this.#quiet > 0)
  }

  /** Whether the next response is for `pending.first()`, by what is known or supposed. */
  get answersFirst(): boolean {
    return this.pending.length > 0
  }

  /** The server, the client says something at `t`. */
  serverSpeaks(t: Timestamp): void {
    this.#serverTime.set(t)
  }

  clientSpeaks(t: Timestamp): void {
    this.#clientTime.set(t)
  }

  /** The first byte of a request came; `betweenResponses`: both directions are at known boundaries. */
  requestBegins(betweenResponses: boolean): void {
    if (!this.#answeredLast || compareTime(this.#clientTime, this.#serverTime) < 0) return
    this.#answeredLast = false
    const depth = this.pending.length - this.#quiet
    const silence = elapsedMicros(this.#serverTime, this.#clientTime)
    const shown = this.#trust.turn(depth, betweenResponses, silence)
    if (shown === TURN_PROVEN) this.#tellSupposed()
    else if (shown === TURN_DISPROVEN) this.#supposeNothingWaits()
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
    if (full && !this.settled) this.#supposeNothingWaits()
    if (this.#untracked > 0 || (full && pending.length > 0)) {
      this.#untracked += due
      this.#tellDraft(draft, 'unknown')
      return
    }
    if (pending.length > this.#quiet) this.#trust.notePipeline()
    // in doubt, requests that seem to wait may be none
    draft.aheadInPipeline = this.#trust.inDoubt && this.#trust.isOfOneWhoWaits ? 0 : pending.length
    draft.behindBlocking = this.#blocking > 0
    draft.told = false
    if (draft.quiet) this.#quiet++
    if (draft.blocking) this.#blocking++
    this.#pendingText += draft.request.length
    const request = pending.push()
    request.set(draft)
    if (this.#requestIsGuessed) request.unknown = true
    this.#requestIsGuessed = false
  }

  /** A response is complete. The oldest request gets it, or one of the `count` that are due to it. */
  respond(response: ResponseFacts): void {
    this.#answeredLast = true
    this.#quietExpired = false
    const first = this.pending.first()
    if (first === undefined) {
      if (this.#untracked > 0) this.#untracked--
      else this.disprove()
    } else if (first.count > 1) {
      first.count--
      if (this.#partBytes === 0) this.#partStart.set(response.start)
      this.#partBytes += response.bytes
    } else if (compareTime(response.start, first.start) < 0) {
      // the clock was set, or packets are in the wrong order: there is no time to tell
      if (this.settled) this.#tellFirst('unknown')
      else this.disprove()
    } else {
      this.#pair(first, response)
    }
  }

  /** The oldest request gets this and no other answer, however many were due. Only when `answersFirst`. */
  respondFinally(response: ResponseFacts): void {
    this.pending.first()!.count = 1
    this.respond(response)
  }

  /** The oldest request was found to get no answer, or (`known` false) one that cannot be told. Only when `answersFirst`. */
  passOver(known: boolean): void {
    this.#tellFirst(known && this.settled ? 'silent' : 'unknown')
  }

  /** A response came that nobody asked for, or that cannot be the oldest request's: the pairing is wrong. */
  disprove(): void {
    this.#trust.disprove()
    this.#supposeNothingWaits()
    this.#answeredLast = true
  }

  /** Response bytes are missing or make no sense: no waiting request can be paired. */
  loseResponses(): void {
    this.#responseIsGuessed = this.#guesses
    this.#trust.lose()
    this.#supposeNothingWaits()
  }

  /** Request bytes are missing or make no sense: everything after the waiting requests is in doubt. */
  loseRequests(): void {
    if (this.#trust.inDoubt) {
      // requests from before the first loss are still answered first
      if (this.#proven === 0) this.#supposeNothingWaits()
    } else {
      this.#proven = this.pending.length
      this.#trust.beginAnew()
    }
    this.#requestIsGuessed = this.#guesses
    this.#trust.lose()
    this.#untracked = 0
  }

  /**
   * Tells requests as unanswered that were complete before `before`. A request that asks the server to wait gets that time in
   * addition. Not to be called while a response is under way.
   */
  expire(before: Timestamp): void {
    const { pending } = this
    if (pending.length === 0) pending.rest(before)
    while (this.#expireNext(before));
    if (!this.#trust.inDoubt || pending.length + this.#supposed.length === 0) return
    if (compareTime(this.#clientTime, before) < 0 && compareTime(this.#serverTime, before) < 0) this.#endDoubt(true)
  }

  /** True when the oldest request will expire later, because it asked the server to wait. */
  get waitsLonger(): boolean {
    const first = this.pending.at(this.#told)
    return (
      first !== undefined && (first.blocking || first.behindBlocking) && first.waitMicros < Number.POSITIVE_INFINITY
    )
  }

  close(responseUnderWay: boolean): void {
    if (responseUnderWay && this.answersFirst) {
      if (this.settled) this.#tellCutOff()
      else this.#supposeNothingWaits()
    }
    const { pending } = this
    while (this.#proven > 0 && pending.length > 0) this.#tellFirst(pending.first()!.quiet ? 'silent' : 'unanswered')
    if (this.#trust.inDoubt) this.#endDoubt(false)
    while (pending.length > 0) this.#tellFirst(pending.first()!.quiet ? 'silent' : 'unanswered')
  }

  #pair(first: PendingRequest, response: ResponseFacts): void {
    const isSettled = this.settled
    this.#trust.noteAnswer(elapsedMicros(first.end, response.end))
    const exchange = isSettled ? this.#exchange : this.#suppose()
    const isKnown = response.status !== 'unknown' && !first.unknown && !this.#responseIsGuessed
    this.#responseIsGuessed = false
    if (first.blocking) this.#unblockedAt.set(response.end)
    const partBytes = this.#partBytes
    this.#partBytes = 0
    this.#shift(exchange)
    if (isKnown) {
      exchange.responseStart.set(partBytes > 0 ? this.#partStart : response.start)
      exchange.responseEnd.set(response.end)
      exchange.responseBytes = response.bytes + partBytes
      exchange.status = response.status
      exchange.statusText = response.statusText
      exchange.responseMissingBytes = response.missingBytes ?? 0
    } else {
      becomeResponseless(exchange, 'unknown')
    }
    if (isSettled) this.#tell(exchange)
  }

  /** A place for a pair that waits for proof. */
  #suppose(): Exchange {
    if (this.#supposed.full) this.#tellUnknown(this.#supposed.dropOldest())
    return this.#supposed.add()
  }

  /** The supposed pairs are right: tells them. */
  #tellSupposed(): void {
    for (const exchange of this.#supposed.takeAll()) this.#tell(exchange)
  }

  #supposeNothingWaits(): void {
    for (const exchange of this.#supposed.takeAll()) this.#tellUnknown(exchange)
    while (this.pending.length > 0) this.#tellFirst('unknown')
    this.#proven = 0
    this.#untracked = 0
    this.#trust.beginAnew()
    this.#answeredLast = false
    this.#onNothingWaits?.()
  }

  /** Nothing more comes while in doubt. If all requests were answered, the pairs are told; if none was, they are unanswered. */
  #endDoubt(goesOn: boolean): void {
    const { pending } = this
    if (pending.length === this.#quiet) {
      this.#tellSupposed()
    } else if (this.#supposed.length > 0) {
      this.#supposeNothingWaits()
    } else if (goesOn) {
      for (; this.#told < pending.length; this.#told++) this.#tellPending(pending.at(this.#told)!, 'unanswered')
    }
  }

  /** Tells the next request that is due. False when there is none. */
  #expireNext(before: Timestamp): boolean {
    const { pending } = this
    const next = pending.at(this.#told)
    if (next === undefined || !this.#isProven(this.#told) || compareTime(next.end, before) >= 0) return false
    const turn = this.#turnOf(next)
    if (elapsedMicros(turn, before) <= next.waitMicros) return false
    if (next.quiet) {
      this.#quietExpired = true
      if (this.#told === 0) {
        this.#tellFirst('silent')
        return true
      }
    }
    if (next.blocking) setAfter(this.#unblockedAt, turn, next.waitMicros)
    this.#tellPending(next, next.quiet ? 'silent' : 'unanswered')
    this.#told++
    return true
  }

  #isProven(index: number): boolean {
    return !this.#trust.inDoubt || index < this.#proven
  }

  /** When the server could begin a request: blocking requests before it may have held it back. */
  #turnOf(request: PendingRequest): Timestamp {
    const isHeldBack = request.behindBlocking && compareTime(this.#unblockedAt, request.end) > 0
    return isHeldBack ? this.#unblockedAt : request.end
  }

  /** Moves the oldest request into `exchange`. */
  #shift(exchange: Exchange): void {
    const first = this.pending.first()!
    if (first.quiet) this.#quiet--
    if (first.blocking) this.#blocking--
    if (this.#told > 0) this.#told--
    if (this.#proven > 0) this.#proven--
    this.#pendingText -= first.request.length
    this.pending.shiftInto(exchange)
  }

  #tellFirst(status: ExchangeStatus): void {
    const exchange = this.#exchange
    this.#shift(exchange)
    this.#partBytes = 0
    // it was told before, as unanswered
    if (!exchange.late) this.#tellWithout(exchange, status)
  }

  /** Its response had begun when the connection ended, or the capture did. */
  #tellCutOff(): void {
    const exchange = this.#exchange
    this.#shift(exchange)
    this.#partBytes = 0
    if (exchange.late) return
    becomeResponseless(exchange, 'unknown')
    const isEnded = exchange.connection!.streams.some(({ sawFin, sawReset }) => sawFin || sawReset)
    if (isEnded) exchange.responseMissingBytes = -1
    this.#tell(exchange)
  }

  /** Tells a request that stays pending. */
  #tellPending(request: PendingRequest, status: ExchangeStatus): void {
    request.writeInto(this.#exchange)
    request.told = true
    this.#tellWithout(this.#exchange, status)
  }

  #tellDraft(draft: PendingRequest, status: ExchangeStatus): void {
    draft.aheadInPipeline = this.pending.length
    draft.behindBlocking = false
    draft.told = false
    draft.writeInto(this.#exchange)
    this.#tellWithout(this.#exchange, status)
  }

  #tellUnknown(exchange: Exchange): void {
    if (!exchange.late) this.#tellWithout(exchange, 'unknown')
  }

  #tellWithout(exchange: Exchange, status: ExchangeStatus): void {
    becomeResponseless(exchange, status)
    this.#consumer.onExchange(exchange)
  }

  /** A request that was told as unanswered is told again only with its answer. */
  #tell(exchange: Exchange): void {
    if (!exchange.late || exchange.status !== 'unknown') this.#consumer.onExchange(exchange)
  }
}

/** Whether a parser made now reads a connection from its first byte on. */
export function isFromBeginning(connection: Connection): boolean {
  const [there, back] = connection.streams
  if (!connection.openerKnown || connection.resumed) return false
  return there.offset <= BEGINNING_BYTES && back.offset <= BEGINNING_BYTES
}

function becomeResponseless(exchange: Exchange, status: ExchangeStatus): void {
  exchange.responseStart.seconds = 0
  exchange.responseStart.nanos = 0
  exchange.responseEnd.seconds = 0
  exchange.responseEnd.nanos = 0
  exchange.responseBytes = 0
  exchange.responseMissingBytes = 0
  exchange.status = status
  exchange.statusText = ''
}
