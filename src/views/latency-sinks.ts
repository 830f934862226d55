// Plan → what measures latencies: streams and datagrams become exchanges, exchanges are timed, and those who want them —
// lines or JSON, the table, statistics and metrics for who watches — get them in turn.

import packageJson from '../../package.json' with { type: 'json' }
import type { ClockConsumer, SegmentConsumer, Sink } from '../core/consumers.ts'
import { ExchangeHosts } from '../core/exchange-hosts.ts'
import type { Io } from '../core/io.ts'
import type { Names } from '../core/ports.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'
import { elapsedMicros, Timestamp } from '../core/timestamp.ts'
import { ExchangeTimer } from '../latency/exchange-timer.ts'
import { Grouper } from '../latency/grouping.ts'
import { makeHistogram } from '../latency/histograms.ts'
import { formatLatencyTable } from '../latency/latency-report.ts'
import { LatencyTable } from '../latency/latency-table.ts'
import { RoundTrips } from '../latency/round-trips.ts'
import { Slowest } from '../latency/slowest.ts'
import { Threshold } from '../latency/threshold.ts'
import { ExchangeJson } from '../output/exchanges/exchange-json.ts'
import { ExchangeLines } from '../output/exchanges/exchange-lines.ts'
import type { TerminalMessages } from '../output/messages/messages.ts'
import { PacketLines } from '../output/packets/packet-lines.ts'
import { sanitizeLine } from '../output/terminal/sanitize-text.ts'
import { TimePrefix } from '../output/writing/console-time.ts'
import type { OutputStream } from '../output/writing/output-stream.ts'
import type { LatencyPlan, Plan } from '../plan.ts'
import { DnsExchanges } from '../protocol/dns/dns-datagrams.ts'
import type { ExchangeProtocol } from '../protocol/exchange-parser.ts'
import { ExchangeStreams } from '../protocol/exchange-streams.ts'
import { raw } from '../protocol/raw/raw.ts'
import { EXCHANGE_PROTOCOLS } from '../protocol/registry.ts'
import { fanOutSegments } from '../river/fan-out.ts'
import { OneWay } from '../river/one-way.ts'
import type { Sinks } from './sinks.ts'
import { openWatchPorts, type WatchPorts } from './watch-ports.ts'

const AUTO = 'auto'
const DNS = 'dns'
/** How often, in capture time, those who wait too long are looked for. */
const EXPIRY_STEP_MICROS = 250_000
/** Servers of which it is said what they speak. */
const MAXIMUM_ANNOUNCED = 500
/** Of a table that goes to no terminal. */
const UNLIMITED_WIDTH = 200
/** `2026-01-31 12:34:56` */
const WHOLE_SECONDS_LENGTH = 19
const MICROS_PER_MILLI = 1000

/** Throws OperatorError when a port that was asked for cannot be had. */
export async function addLatencySinks(
  sinks: Sinks,
  plan: Plan,
  latency: LatencyPlan,
  io: Io,
  names: Names | undefined,
): Promise<void> {
  const hosts = new ExchangeHosts(names)
  const stream = sinks.standardOutput(io)
  if (io.stdoutIsTerminal) sinks.messages.beforeLine = () => stream.flush()
  const ports = await openWatchPorts(latency, packageJson.version, hosts, sinks)
  const run = new LatencyRun({ latency, io, hosts, stream, messages: sinks.messages, ports, others: sinks.exchanges })
  const segments: SegmentConsumer[] = [run.roundTrips]
  if (sinks.segments !== undefined) segments.push(sinks.segments)
  if (latency.packets !== 'none') {
    const packets = new PacketLines(stream, latency.packets === 'ascii')
    sinks.rawSegments.push(packets)
    sinks.datagrams.push(packets)
  }
  sinks.segments = fanOutSegments(segments)
  sinks.streams.push(run.streams, run.oneWay)
  if (run.datagrams !== undefined) sinks.datagrams.push(run.datagrams)
  sinks.clocks.push(run)
  sinks.counted.push((counts) => {
    run.hasPackets = () => counts().packets > 0
  })
  sinks.lastMoments.push((clock) => run.expire(clock))
  sinks.endings.push(() => run.datagrams?.close())
  sinks.all.push(run)
  if (!plan.quiet || latency.table === 'stdout') io.onReportSignal?.(() => run.report())
}

interface LatencyRunParts {
  readonly latency: LatencyPlan
  readonly io: Io
  readonly hosts: ExchangeHosts
  readonly stream: OutputStream
  readonly messages: TerminalMessages
  readonly ports: WatchPorts
  /** Who else wants the exchanges. */
  readonly others: readonly TimedExchangeConsumer[]
}

/** One run of `tcpflow latency`. */
class LatencyRun implements TimedExchangeConsumer, ClockConsumer, Sink {
  readonly streams: ExchangeStreams
  /** DNS over UDP, unless another protocol was asked for. */
  readonly datagrams: DnsExchanges | undefined
  readonly roundTrips = new RoundTrips()
  readonly oneWay = new OneWay()
  readonly #parts: LatencyRunParts
  readonly #table: LatencyTable
  readonly #printer: ExchangeLines | ExchangeJson | undefined
  readonly #slowest: Slowest | undefined
  readonly #threshold: Threshold | undefined
  readonly #announced = new Set<string>()
  hasPackets = (): boolean => true
  /** Of the latest exchange: most of the time the next has the same. */
  #lastServer = ''
  #lastProtocol = ''
  readonly #expiredAt = new Timestamp(Number.NEGATIVE_INFINITY)
  readonly #reportedAt = new Timestamp(Number.NEGATIVE_INFINITY)
  readonly #before = new Timestamp()
  /** Where tables come again and again. */
  readonly #latest = new Timestamp()

  constructor(parts: LatencyRunParts) {
    const { latency, hosts, stream } = parts
    this.#parts = parts
    this.#table = new LatencyTable(groupsBy(latency, hosts), makeHistogram)
    const { threshold } = latency
    this.#threshold =
      threshold && new Threshold(threshold, threshold.kind === 'percentile' ? makeHistogram() : undefined)
    this.#printer = printerOf(latency, stream, hosts)
    const printer = this.#printer
    this.#slowest =
      latency.top > 0 && printer !== undefined ? new Slowest(latency.top, (timed) => printer.format(timed)) : undefined
    const timer = new ExchangeTimer(this, this.roundTrips)
    this.streams = new ExchangeStreams({
      ...protocolsOf(latency.protocol),
      consumer: timer,
      onEnded: (connection) => hosts.forget(connection),
    })
    const wantsDns = latency.packets === 'none' && (latency.protocol === AUTO || latency.protocol === DNS)
    this.datagrams = wantsDns ? new DnsExchanges(timer) : undefined
  }

  get blocked(): boolean {
    return this.#parts.stream.blocked
  }

  drain(): Promise<void> {
    return this.#parts.stream.drain()
  }

  flush(): void {
    this.#parts.stream.flush()
  }

  onTimedExchange(timed: TimedExchange): void {
    const { latency, ports, others } = this.#parts
    if (latency.protocol === AUTO) this.#announce(timed)
    this.#table.onTimedExchange(timed)
    ports.statistics?.onTimedExchange(timed)
    ports.metrics?.onTimedExchange(timed)
    for (const other of others) other.onTimedExchange(timed)
    if (this.#slowest !== undefined) this.#slowest.onTimedExchange(timed)
    else if (this.#printer !== undefined && this.#isToBePrinted(timed)) this.#printer.onTimedExchange(timed)
  }

  onClock(t: Timestamp): void {
    const { latency, ports } = this.#parts
    const { everyMillis } = latency
    this.#table.onClock(t)
    ports.statistics?.onClock(t)
    ports.metrics?.onClock(t)
    const sinceExpiry = elapsedMicros(this.#expiredAt, t)
    if (sinceExpiry >= EXPIRY_STEP_MICROS || sinceExpiry < 0) this.expire(t)
    if (everyMillis === 0) return
    this.#latest.set(t)
    if (this.#reportedAt.seconds === Number.NEGATIVE_INFINITY) this.#reportedAt.set(t)
    const sinceReport = elapsedMicros(this.#reportedAt, t)
    if (sinceReport >= 0 && sinceReport < everyMillis * MICROS_PER_MILLI) return
    this.#reportedAt.set(t)
    // the clock was set back
    if (sinceReport < 0) return
    this.report()
  }

  /** Tells as unanswered what at this moment has waited too long. */
  expire(t: Timestamp): void {
    this.#expiredAt.set(t)
    setEarlier(this.#before, t, this.#parts.latency.timeoutMillis)
    this.streams.expire(this.#before)
    this.datagrams?.expire(this.#before)
  }

  /** Prints the table as it stands. */
  report(): void {
    const { io, latency, messages, stream } = this.#parts
    const table = formatLatencyTable(this.#table, {
      ...tableLook(latency, io),
      title: latency.by.join(' '),
      sanitize: sanitizeLine,
    })
    const text = latency.everyMillis > 0 ? `${this.#timeLine()}${table}` : table
    stream.flush()
    if (latency.table === 'stdout') {
      stream.writeText(text)
      stream.flush()
    } else {
      messages.draw(text)
    }
  }

  async finish(): Promise<void> {
    const { latency, messages, ports, stream } = this.#parts
    for (const line of this.#slowest?.lines() ?? []) stream.writeText(line)
    const couldNotBegin = messages.errors > 0 && !this.hasPackets()
    if (latency.table !== 'none' && !couldNotBegin) this.report()
    const { requests, timed, blocking } = this.#table.total
    const oneWay = this.oneWay.line(requests, timed + blocking)
    if (oneWay !== undefined && latency.packets === 'none') messages.info(oneWay)
    ports.close()
    await stream.finish()
  }

  /** Tables that come again and again are of the whole run until then, which their numbers do not show. */
  #timeLine(): string {
    if (this.#latest.seconds === 0) return ''
    return `${new TimePrefix().format(this.#latest).slice(0, WHOLE_SECONDS_LENGTH)}, since the start:\n`
  }

  /** Errors and what got no answer are shown however fast they were. */
  #isToBePrinted(timed: TimedExchange): boolean {
    const { format } = this.#parts.latency
    const { status, blocking } = timed.exchange
    const answered = timed.latencyMicros >= 0
    const threshold = this.#threshold
    const slow = threshold === undefined || (answered && !blocking && threshold.isSlow(timed.latencyMicros))
    if (format === 'bare') return answered && slow
    if (status === 'error' || status === 'unanswered') return true
    if (!answered) return format === 'json' && threshold === undefined
    return slow
  }

  #announce({ exchange }: TimedExchange): void {
    const { hosts, messages } = this.#parts
    const { server } = hosts.of(exchange)
    const { protocol } = exchange
    if (server === this.#lastServer && protocol === this.#lastProtocol) return
    this.#lastServer = server
    this.#lastProtocol = protocol
    const line = `${server}: ${protocol}`
    if (this.#announced.has(line) || this.#announced.size >= MAXIMUM_ANNOUNCED) return
    this.#announced.add(line)
    messages.info(line)
  }
}

/** How the table is drawn where it goes. */
export function tableLook(latency: LatencyPlan, io: Io): { width: number; unicode: boolean; color: boolean } {
  const isTerminal = latency.table === 'stdout' ? io.stdoutIsTerminal : io.stderrIsTerminal
  const width = isTerminal ? io.columns() : UNLIMITED_WIDTH
  return { width, unicode: latency.unicode, color: latency.tableColor }
}

function groupsBy(latency: LatencyPlan, hosts: ExchangeHosts): (timed: TimedExchange) => string {
  const grouper = new Grouper(latency.by, hosts)
  return (timed) => grouper.groupOf(timed)
}

function printerOf(
  latency: LatencyPlan,
  stream: OutputStream,
  hosts: ExchangeHosts,
): ExchangeLines | ExchangeJson | undefined {
  if (latency.format === 'none' || latency.packets !== 'none') return undefined
  if (latency.format === 'json') return new ExchangeJson(stream, hosts)
  return new ExchangeLines(stream, hosts, { color: latency.color, bare: latency.format === 'bare' })
}

/** `auto` takes for `raw` what is nothing else; a protocol that was named is looked for alone. */
export function protocolsOf(name: string): {
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
