// The stage below every view of exchanges: makes exchanges of streams and datagrams, and times them.

import type { ClockConsumer } from '../core/consumers.ts'
import type { ExchangeHosts } from '../core/exchange-hosts.ts'
import type { Messages } from '../core/ports.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'
import { elapsedMicros, Timestamp } from '../core/timestamp.ts'
import { ExchangeTimer } from '../latency/exchange-timer.ts'
import { RoundTrips } from '../latency/round-trips.ts'
import type { ExchangeDatagrams } from '../protocol/exchange-datagrams.ts'
import type { ExchangeProtocol } from '../protocol/exchange-parser.ts'
import { ExchangeStreams } from '../protocol/exchange-streams.ts'
import { AUTO } from '../protocol/names.ts'
import { raw } from '../protocol/raw/raw.ts'
import { EXCHANGE_PROTOCOLS } from '../protocol/registry.ts'
import type { Attachment } from './view.ts'

/** How long a late answer over UDP is waited for. After that its port and id belong to another query. */
const LATE_DATAGRAM_MILLIS = 60_000
/** How often, in capture time, it looks for requests that have waited too long. */
const EXPIRY_STEP_MICROS = 250_000

export interface ExchangeStageOptions {
  /** `auto`, or the name of a protocol in the registry. */
  readonly protocol: string
  /** A request that has waited this long for its response is reported as unanswered. */
  readonly timeoutMillis: number
  /**
   * The input is files: a request is paired however late its response is, and reported as unanswered only at the end.
   */
  readonly waitsForEnd: boolean
  /** The same for requests over UDP, whose clients give up early; default: `timeoutMillis`. */
  readonly datagramTimeoutMillis?: number
  readonly hosts: ExchangeHosts
  readonly messages: Pick<Messages, 'info'>
}

export class ExchangeStage implements ClockConsumer {
  readonly streams: ExchangeStreams
  readonly #datagrams: readonly ExchangeDatagrams[]
  readonly roundTrips = new RoundTrips()
  readonly #timeoutMillis: number
  readonly #datagramTimeoutMillis: number
  readonly #waitsForEnd: boolean
  readonly #expiredAt = new Timestamp(Number.NEGATIVE_INFINITY)
  readonly #before = new Timestamp()

  constructor(options: ExchangeStageOptions, consumers: readonly TimedExchangeConsumer[]) {
    const { protocol, timeoutMillis, waitsForEnd, hosts, messages } = options
    this.#timeoutMillis = timeoutMillis
    this.#datagramTimeoutMillis = options.datagramTimeoutMillis ?? timeoutMillis
    this.#waitsForEnd = waitsForEnd
    const { protocols, fallback } = protocolsOf(protocol)
    const timer = new ExchangeTimer(fanOutExchanges(consumers), this.roundTrips)
    this.streams = new ExchangeStreams({
      protocols,
      fallback,
      consumer: timer,
      onEnded: (connection) => hosts.forget(connection),
    })
    const context = { consumer: timer, onFirstEvicted: (what: string) => messages.info(what) }
    this.#datagrams = protocols.flatMap((each) => each.createDatagrams?.(context) ?? [])
  }

  onClock(t: Timestamp): void {
    const sinceExpiry = elapsedMicros(this.#expiredAt, t)
    if (sinceExpiry < EXPIRY_STEP_MICROS && sinceExpiry >= 0) return
    if (!this.#waitsForEnd) this.#expire(t)
    this.#forgetDatagrams(t)
  }

  /** What the stage wants to be given. */
  attachment() {
    return {
      segments: [this.roundTrips],
      streams: [this.streams],
      datagrams: this.#datagrams,
      clocks: [this],
      onLastMoment: (clock) => this.#expire(clock),
      onTrafficOver: () => {
        for (const each of this.#datagrams) each.close()
      },
    } satisfies Attachment
  }

  /** Reports the requests that have waited too long by now. */
  #expire(t: Timestamp): void {
    this.#expiredAt.set(t)
    setEarlier(this.#before, t, this.#timeoutMillis)
    this.streams.expire(this.#before)
    setEarlier(this.#before, t, this.#datagramTimeoutMillis)
    for (const each of this.#datagrams) each.expire(this.#before)
  }

  #forgetDatagrams(t: Timestamp): void {
    this.#expiredAt.set(t)
    setEarlier(this.#before, t, Math.max(this.#timeoutMillis, LATE_DATAGRAM_MILLIS))
    for (const each of this.#datagrams) each.forget(this.#before)
  }
}

class ExchangeFanOut implements TimedExchangeConsumer {
  readonly #consumers: readonly TimedExchangeConsumer[]

  constructor(consumers: readonly TimedExchangeConsumer[]) {
    this.#consumers = consumers
  }

  onTimedExchange(timed: TimedExchange): void {
    for (const consumer of this.#consumers) consumer.onTimedExchange(timed)
  }
}

function fanOutExchanges(consumers: readonly TimedExchangeConsumer[]): TimedExchangeConsumer {
  return consumers.length === 1 ? consumers[0]! : new ExchangeFanOut(consumers)
}

/** With `auto`, what is nothing else is `raw`; if a protocol was named, only that one is looked for. */
function protocolsOf(name: string): {
  protocols: readonly ExchangeProtocol[]
  fallback: ExchangeProtocol | undefined
} {
  if (name === AUTO) return { protocols: EXCHANGE_PROTOCOLS, fallback: raw }
  if (name === raw.name) return { protocols: [], fallback: raw }
  return { protocols: EXCHANGE_PROTOCOLS.filter((protocol) => protocol.name === name), fallback: undefined }
}

function setEarlier(earlier: Timestamp, t: Timestamp, millis: number): void {
  const nanos = t.nanos - (millis % 1000) * 1e6
  earlier.seconds = t.seconds - Math.floor(millis / 1000) - (nanos < 0 ? 1 : 0)
  earlier.nanos = nanos < 0 ? nanos + 1e9 : nanos
}
