// Metrics in Prometheus' text format, by prom-client. We count ourselves (an addition for each exchange, no hashing of
// labels); its registry writes the counts when somebody asks.

import { type Metric, Registry } from 'prom-client'
import type { ClockConsumer } from '../core/consumers.ts'
import type { ExchangeEnds } from '../core/exchange-hosts.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'
import type { Timestamp } from '../core/timestamp.ts'
import type { RunCounts } from './run-counts.ts'
import { Silence } from './silence.ts'

const BUCKET_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const
/** Each one costs about 30 lines of text. */
const MAXIMUM_SERIES = 200
const OTHER = 'other'
/** Names come from the network: limited in length, and only with letters, digits and usual signs. */
const MAXIMUM_LABEL_CHARACTERS = 80

interface Labels {
  readonly server: string
  readonly protocol: string
  readonly container: string
}

class Series {
  readonly labels: Labels
  /** The clock at the latest exchange. */
  latestSeconds = 0
  requests = 0
  errors = 0
  unanswered = 0
  /** Unanswered requests that were answered later: they are counted here, because a counter never goes back. */
  late = 0
  unknown = 0
  requestBytes = 0
  responseBytes = 0
  timed = 0
  seconds = 0
  serverSeconds = 0
  networkSeconds = 0
  readonly buckets = new Float64Array(BUCKET_SECONDS.length)

  constructor(labels: Labels) {
    this.labels = labels
  }

  record({ exchange, latencyMicros, serverMicros, networkMicros }: TimedExchange): void {
    if (exchange.late) {
      this.late += exchange.blocking ? 0 : 1
    } else {
      this.requests++
      this.requestBytes += exchange.requestBytes
    }
    this.responseBytes += exchange.responseBytes
    if (exchange.status === 'error') this.errors++
    else if (exchange.status === 'unanswered') this.unanswered += exchange.blocking ? 0 : 1
    else if (exchange.status === 'unknown') this.unknown++
    // a blocking command's wait is what the client has asked for
    if (latencyMicros < 0 || exchange.blocking) return
    const seconds = latencyMicros / 1e6
    this.timed++
    this.seconds += seconds
    if (serverMicros >= 0) this.serverSeconds += serverMicros / 1e6
    if (networkMicros >= 0) this.networkSeconds += networkMicros / 1e6
    let bucket = 0
    while (bucket < BUCKET_SECONDS.length && seconds > BUCKET_SECONDS[bucket]!) bucket++
    if (bucket < BUCKET_SECONDS.length) this.buckets[bucket]!++
  }
}

interface Sample {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

export class ExchangeMetrics implements TimedExchangeConsumer, ClockConsumer {
  readonly #registry = new Registry()
  readonly #endsOf: (timed: TimedExchange) => ExchangeEnds
  readonly #series = new Map<string, Series>()
  readonly #silence = new Silence()
  #lastEnds: ExchangeEnds | undefined = undefined
  #lastProtocol = ''
  #last: Series | undefined = undefined
  #counts: () => RunCounts

  constructor(version: string, endsOf: (timed: TimedExchange) => ExchangeEnds, counts: () => RunCounts) {
    this.#endsOf = endsOf
    this.#counts = counts
    this.#register(version)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  onTimedExchange(timed: TimedExchange): void {
    const ends = this.#endsOf(timed)
    const { protocol } = timed.exchange
    if (ends !== this.#lastEnds || protocol !== this.#lastProtocol || this.#last === undefined) {
      this.#last = this.#find(ends, protocol)
      this.#lastEnds = ends
      this.#lastProtocol = protocol
    }
    this.#last.record(timed)
    this.#last.latestSeconds = this.#silence.now
  }

  onClock(t: Timestamp): void {
    this.#silence.now = t.seconds
  }

  toText(): Promise<string> {
    return this.#registry.metrics()
  }

  #find(ends: ExchangeEnds, protocol: string): Series {
    const labels = { server: labelText(ends.server), protocol, container: labelText(ends.container) }
    const key = `${labels.server} ${protocol} ${labels.container}`
    const known = this.#series.get(key)
    if (known !== undefined) return known
    if (this.#series.size >= MAXIMUM_SERIES) this.#silence.forget(this.#series)
    if (this.#series.size < MAXIMUM_SERIES) return this.#add(key, labels)
    const rest = `${OTHER} ${protocol}`
    return this.#series.get(rest) ?? this.#add(rest, { server: OTHER, protocol, container: '' })
  }

  #add(key: string, labels: Labels): Series {
    const series = new Series(labels)
    this.#series.set(key, series)
    return series
  }

  #register(version: string): void {
    const each = (value: (series: Series) => number) => (): Sample[] =>
      [...this.#series.values()].map((series) => ({
        labels: series.labels as Sample['labels'] & Labels,
        value: value(series),
      }))
    const one = (value: (counts: RunCounts) => number) => (): Sample[] => [{ labels: {}, value: value(this.#counts()) }]
    this.#metric('tcpflow_build_info', 'gauge', 'Version of tcpflow.', () => [{ labels: { version }, value: 1 }])
    this.#metric(
      'tcpflow_request_duration_seconds',
      'histogram',
      'First byte of the request to last byte of the response; without blocking commands.',
      () => [...this.#series.values()].flatMap((series) => histogramSamples(series)),
    )
    const perServer: readonly (readonly [string, string, (series: Series) => number])[] = [
      ['tcpflow_requests_total', 'Requests seen, answered or not.', (s) => s.requests],
      ['tcpflow_request_errors_total', 'Requests answered by an error.', (s) => s.errors],
      ['tcpflow_requests_unanswered_total', 'Requests that got no response in time.', (s) => s.unanswered],
      ['tcpflow_late_responses_total', 'Responses to requests that were counted as unanswered.', (s) => s.late],
      [
        'tcpflow_requests_unknown_total',
        'Requests not timed because bytes are missing from the capture.',
        (s) => s.unknown,
      ],
      ['tcpflow_request_bytes_total', 'Bytes of requests.', (s) => s.requestBytes],
      ['tcpflow_response_bytes_total', 'Bytes of responses.', (s) => s.responseBytes],
      [
        'tcpflow_server_seconds_total',
        'Time that servers took until the first byte, where it is known.',
        (s) => s.serverSeconds,
      ],
      [
        'tcpflow_network_seconds_total',
        'Round trips from the capture to servers, where they are known.',
        (s) => s.networkSeconds,
      ],
    ]
    for (const [name, help, value] of perServer) this.#metric(name, 'counter', help, each(value))
    const perRun: readonly (readonly [string, 'counter' | 'gauge', string, (counts: RunCounts) => number])[] = [
      ['tcpflow_packets_total', 'counter', 'Packets captured.', (c) => c.packets],
      ['tcpflow_packet_bytes_total', 'counter', 'Bytes of packets captured.', (c) => c.packetBytes],
      ['tcpflow_payload_bytes_total', 'counter', 'Payload bytes of TCP, each once.', (c) => c.payloadBytes],
      ['tcpflow_connections_total', 'counter', 'TCP connections seen.', (c) => c.connections],
      ['tcpflow_connections_open', 'gauge', 'TCP connections open now.', (c) => c.openConnections],
      [
        'tcpflow_connections_evicted_total',
        'counter',
        'Connections given up because there were too many.',
        (c) => c.evicted,
      ],
      ['tcpflow_gaps_total', 'counter', 'Gaps in TCP streams.', (c) => c.gaps],
      ['tcpflow_gap_bytes_total', 'counter', 'Bytes missing from TCP streams.', (c) => c.gapBytes],
      ['tcpflow_kernel_dropped_packets_total', 'counter', 'Packets dropped by the kernel.', (c) => c.kernelDrops],
      [
        'tcpflow_interface_dropped_packets_total',
        'counter',
        'Packets dropped by the interface.',
        (c) => c.interfaceDrops,
      ],
    ]
    for (const [name, type, help, value] of perRun) this.#metric(name, type, help, one(value))
    this.#metric('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', () => [
      { labels: {}, value: process.memoryUsage.rss() },
    ])
  }

  /** The part of a metric that the registry needs. */
  #metric(name: string, type: string, help: string, samples: () => Sample[]): void {
    const metric = { name, get: async () => ({ name, help, type, values: samples(), aggregator: 'sum' }) }
    this.#registry.registerMetric(metric as unknown as Metric)
  }
}

function histogramSamples(series: Series): Sample[] {
  const name = 'tcpflow_request_duration_seconds'
  const labels = { ...series.labels }
  const samples: Sample[] = []
  let count = 0
  for (let i = 0; i < BUCKET_SECONDS.length; i++) {
    count += series.buckets[i]!
    samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: BUCKET_SECONDS[i]! }, value: count })
  }
  samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: series.timed })
  samples.push({ metricName: `${name}_sum`, labels, value: series.seconds })
  samples.push({ metricName: `${name}_count`, labels, value: series.timed })
  return samples
}

function labelText(text: string): string {
  return text.slice(0, MAXIMUM_LABEL_CHARACTERS).replace(/[^A-Za-z0-9_.:/[\]() -]/g, '_')
}
