// The output of `tcpflow latency`: prints exchanges as they come, gathers the table, and prints it on request and at
// the end.

import type { ClockConsumer, Sink } from '../core/consumers.ts'
import type { ExchangeHosts } from '../core/exchange-hosts.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'
import type { Timestamp } from '../core/timestamp.ts'
import { Grouper } from '../latency/grouping.ts'
import { makeHistogram } from '../latency/histograms.ts'
import { formatLatencyTable } from '../latency/latency-report.ts'
import { LatencyTable } from '../latency/latency-table.ts'
import { Slowest } from '../latency/slowest.ts'
import { Threshold } from '../latency/threshold.ts'
import { ExchangeJson } from '../output/exchanges/exchange-json.ts'
import { ExchangeLines } from '../output/exchanges/exchange-lines.ts'
import { sanitizeLine } from '../output/terminal/sanitize-text.ts'
import { TimePrefix } from '../output/writing/console-time.ts'
import type { OutputStream } from '../output/writing/output-stream.ts'
import type { LatencyPlan } from '../plan.ts'
import { AUTO } from '../protocol/names.ts'
import { EXCHANGE_GROUPINGS } from '../protocol/registry.ts'
import { OneWay } from '../river/one-way.ts'
import { ReportClock } from './report-clock.ts'
import { SpokenProtocols } from './spoken-protocols.ts'
import { tableLook } from './table-look.ts'
import type { ViewContext } from './view.ts'

/** `2026-01-31 12:34:56` */
const WHOLE_SECONDS_LENGTH = 19

export class LatencySink implements TimedExchangeConsumer, ClockConsumer, Sink {
  readonly oneWay = new OneWay()
  readonly #context: ViewContext
  readonly #latency: LatencyPlan
  readonly #stream: OutputStream
  readonly #table: LatencyTable
  readonly #printer: ExchangeLines | ExchangeJson | undefined
  readonly #slowest: Slowest | undefined
  readonly #threshold: Threshold | undefined
  readonly #spoken: SpokenProtocols | undefined
  /** Where tables come again and again. */
  readonly #reports: ReportClock

  constructor(context: ViewContext, latency: LatencyPlan, stream: OutputStream) {
    const { hosts, messages } = context
    this.#context = context
    this.#latency = latency
    this.#stream = stream
    this.#reports = new ReportClock(latency.everyMillis)
    const grouper = new Grouper(latency.by, EXCHANGE_GROUPINGS)
    this.#table = new LatencyTable(({ exchange }) => grouper.groupOf(exchange, hosts.of(exchange)), makeHistogram)
    const { threshold } = latency
    this.#threshold =
      threshold && new Threshold(threshold, threshold.kind === 'percentile' ? makeHistogram() : undefined)
    this.#printer = printerOf(latency, stream, hosts)
    const printer = this.#printer
    this.#slowest =
      latency.top > 0 && printer !== undefined ? new Slowest(latency.top, (timed) => printer.format(timed)) : undefined
    this.#spoken = latency.protocol === AUTO ? new SpokenProtocols(hosts, messages) : undefined
  }

  get blocked(): boolean {
    return this.#stream.blocked
  }

  drain(): Promise<void> {
    return this.#stream.drain()
  }

  flush(): void {
    this.#stream.flush()
  }

  onTimedExchange(timed: TimedExchange): void {
    this.#spoken?.onTimedExchange(timed)
    this.#table.onTimedExchange(timed)
    if (this.#slowest !== undefined) this.#slowest.onTimedExchange(timed)
    else if (this.#printer !== undefined && this.#isToBePrinted(timed)) this.#printer.onTimedExchange(timed)
  }

  onClock(t: Timestamp): void {
    this.#table.onClock(t)
    if (this.#reports.isDue(t)) this.report()
  }

  /** Prints the table as it stands. */
  report(): void {
    const latency = this.#latency
    const table = formatLatencyTable(this.#table, {
      ...tableLook(latency, this.#context.io),
      title: latency.by.join(' '),
      sanitize: sanitizeLine,
    })
    const text = latency.everyMillis > 0 ? `${this.#timeLine()}${table}` : table
    this.#stream.flush()
    if (latency.table === 'stdout') {
      this.#stream.writeText(text)
      this.#stream.flush()
    } else {
      this.#context.messages.draw(text)
    }
  }

  async finish(): Promise<void> {
    const { messages, counts } = this.#context
    const { table, packets } = this.#latency
    for (const line of this.#slowest?.lines() ?? []) this.#stream.writeText(line)
    const couldNotBegin = messages.errors > 0 && counts().packets === 0
    if (table !== 'none' && !couldNotBegin) this.report()
    const { requests, timed, blocking } = this.#table.total
    const oneWay = this.oneWay.line(requests, timed + blocking)
    if (oneWay !== undefined && packets === 'none') messages.info(oneWay)
    await this.#stream.finish()
  }

  /** Tables that come again and again are of the whole run until then, which their numbers do not show. */
  #timeLine(): string {
    const { latest } = this.#reports
    if (latest.seconds === 0) return ''
    return `${new TimePrefix().format(latest).slice(0, WHOLE_SECONDS_LENGTH)}, since the start:\n`
  }

  /** Errors and what got no answer are shown however fast they were. */
  #isToBePrinted(timed: TimedExchange): boolean {
    const { format } = this.#latency
    const { status, blocking } = timed.exchange
    const answered = timed.latencyMicros >= 0
    const threshold = this.#threshold
    const slow = threshold === undefined || (answered && !blocking && threshold.isSlow(timed.latencyMicros))
    if (format === 'bare') return answered ? slow : (status === 'ok' || status === 'error') && threshold === undefined
    if (status === 'error' || status === 'unanswered') return true
    if (!answered) return (format === 'json' || status === 'ok') && threshold === undefined
    return slow
  }
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
