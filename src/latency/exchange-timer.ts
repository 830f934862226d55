// Says of each exchange how long it took, and how that divides between client, network and server.

import { opposite } from '../core/connection.ts'
import { Exchange, type ExchangeConsumer } from '../core/exchange.ts'
import { type CaptureView, TimedExchange, type TimedExchangeConsumer } from '../core/timed-exchange.ts'
import { compareTime, elapsedMicros, epochMicros } from '../core/timestamp.ts'
import type { RoundTrips } from './round-trips.ts'

/** If a response comes this long before its request, the clock was set back between them. */
const CLOCK_WAS_SET_MICROS = 1_000_000
/** A round trip below this stays within a machine (loopback, a virtual cable) or a switch, and counts as none. */
const NEAR_MICROS = 100

export class ExchangeTimer implements ExchangeConsumer {
  readonly #consumer: TimedExchangeConsumer
  readonly #roundTrips: RoundTrips
  readonly #timed: TimedExchange

  constructor(consumer: TimedExchangeConsumer, roundTrips: RoundTrips) {
    this.#consumer = consumer
    this.#roundTrips = roundTrips
    this.#timed = new TimedExchange(new Exchange())
  }

  onExchange(exchange: Exchange): void {
    const timed = this.#timed
    timed.exchange = exchange
    if (isBeforeItsRequest(exchange)) exchange.status = 'unknown'
    const answered = exchange.status === 'ok' || exchange.status === 'error'
    if (answered && hasTimes(exchange)) this.#time(timed, exchange)
    else forgetTimes(timed)
    this.#look(timed, exchange)
    this.#consumer.onTimedExchange(timed)
  }

  /** A response that begins before its request has ended (an early refusal) ends the request's part. */
  #time(timed: TimedExchange, exchange: Exchange): void {
    const { requestStart, requestEnd, responseStart, responseEnd } = exchange
    const early = compareTime(responseStart, requestEnd) < 0
    timed.requestTransferMicros = atLeastZero(elapsedMicros(requestStart, early ? responseStart : requestEnd))
    timed.firstByteMicros = early ? 0 : elapsedMicros(requestEnd, responseStart)
    timed.responseTransferMicros = atLeastZero(elapsedMicros(responseStart, responseEnd))
    timed.latencyMicros = timed.requestTransferMicros + timed.firstByteMicros + timed.responseTransferMicros
  }

  #look(timed: TimedExchange, exchange: Exchange): void {
    timed.networkMicros = -1
    timed.serverMicros = -1
    timed.clientNetworkMicros = -1
    timed.view = 'unknown'
    const { connection, requestDirection } = exchange
    if (connection === undefined) return
    const trips = this.#roundTrips
    const { firstByteMicros } = timed
    // a response that waited behind others in a pipeline, or came before its request's end, says nothing about the distance
    if (firstByteMicros > 0 && exchange.aheadInPipeline === 0) {
      trips.boundBy(connection, requestDirection, firstByteMicros)
    }
    const toServer = trips.fastest(connection, requestDirection)
    const toClient = trips.fastest(connection, opposite(requestDirection))
    timed.clientNetworkMicros = toClient
    timed.view = viewOf(toServer, toClient)
    if (firstByteMicros < 0 || toServer < 0) return
    const network = Math.min(firstByteMicros, toServer + this.#sentAgainMicros(exchange))
    timed.networkMicros = network
    timed.serverMicros = firstByteMicros - network
  }

  /** The request was lost behind the capture point: until it was sent for the last time the server had nothing to do. */
  #sentAgainMicros({ connection, requestDirection, requestEnd, responseStart }: Exchange): number {
    const resentAt = this.#roundTrips.resentAt(connection!, requestDirection)
    if (resentAt === 0 || resentAt > epochMicros(responseStart)) return 0
    return atLeastZero(resentAt - epochMicros(requestEnd))
  }
}

function isBeforeItsRequest({ status, requestStart, responseEnd }: Exchange): boolean {
  if (status !== 'ok' && status !== 'error') return false
  return elapsedMicros(responseEnd, requestStart) > CLOCK_WAS_SET_MICROS
}

/** Packets of a savefile may have no time. Then nobody knows how long their exchange took. */
function hasTimes({ requestStart, requestEnd, responseStart, responseEnd }: Exchange): boolean {
  return requestStart.known && requestEnd.known && responseStart.known && responseEnd.known
}

function forgetTimes(timed: TimedExchange): void {
  timed.latencyMicros = -1
  timed.requestTransferMicros = -1
  timed.firstByteMicros = -1
  timed.responseTransferMicros = -1
}

function viewOf(toServer: number, toClient: number): CaptureView {
  const atServer = toServer >= 0 && toServer < NEAR_MICROS
  const atClient = toClient >= 0 && toClient < NEAR_MICROS
  if (atServer) return atClient ? 'both' : 'server'
  if (atClient) return 'client'
  return toServer < 0 && toClient < 0 ? 'unknown' : 'between'
}

/** Captures on several interfaces are not always in order to the microsecond. */
function atLeastZero(micros: number): number {
  return micros > 0 ? micros : 0
}
