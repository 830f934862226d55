// tcpkit's statistics: for each server counts, bytes and a histogram, as the JSON that its port hands out.

import type { ClockConsumer } from '../core/consumers.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'
import type { Timestamp } from '../core/timestamp.ts'
import { LATENCY_BUCKET_NAMES, latencyBucketOf } from './latency-buckets.ts'
import { Silence } from './silence.ts'

const MAXIMUM_SERVERS = 1000
const OTHER = 'other'

class ServerCounts {
  /** What the clock said at the latest exchange. */
  latestSeconds = 0
  requests = 0
  requestBytes = 0
  responses = 0
  responseBytes = 0
  readonly latency = new Float64Array(LATENCY_BUCKET_NAMES.length)
}

/** Servers are `IP:port`, never names; those beyond the bound count as `other`. */
export class ServerStatistics implements TimedExchangeConsumer, ClockConsumer {
  readonly #servers = new Map<string, ServerCounts>()
  readonly #silence = new Silence()
  readonly #addressOf: (timed: TimedExchange) => string

  constructor(addressOf: (timed: TimedExchange) => string) {
    this.#addressOf = addressOf
  }

  onTimedExchange(timed: TimedExchange): void {
    const { exchange, latencyMicros } = timed
    const address = this.#addressOf(timed)
    const counts = this.#servers.get(address) ?? this.#add(address)
    counts.latestSeconds = this.#silence.now
    if (!exchange.late) {
      counts.requests++
      counts.requestBytes += exchange.requestBytes
    }
    if (exchange.responseBytes > 0) counts.responses++
    counts.responseBytes += exchange.responseBytes
    if (latencyMicros >= 0) counts.latency[latencyBucketOf(latencyMicros)]!++
  }

  onClock(t: Timestamp): void {
    this.#silence.now = t.seconds
  }

  /** Indented by tabs, with a newline at the end. */
  toJson(): string {
    const servers = [...this.#servers].map(([address, counts]) => [
      address,
      {
        requests: counts.requests,
        request_bytes: counts.requestBytes,
        responses: counts.responses,
        response_bytes: counts.responseBytes,
        latency: LATENCY_BUCKET_NAMES.flatMap((name, i) =>
          counts.latency[i] === 0 ? [] : [{ [name]: counts.latency[i] }],
        ),
      },
    ])
    return `${JSON.stringify(Object.fromEntries(servers), undefined, '\t')}\n`
  }

  #add(address: string): ServerCounts {
    if (this.#servers.size >= MAXIMUM_SERVERS) this.#silence.forget(this.#servers)
    const key = this.#servers.size < MAXIMUM_SERVERS ? address : OTHER
    let counts = this.#servers.get(key)
    if (counts === undefined) {
      counts = new ServerCounts()
      this.#servers.set(key, counts)
    }
    return counts
  }
}
