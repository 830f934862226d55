// --stats and --metrics: the ports by which others watch a run, opened before it begins.

import type { ClockConsumer } from '../core/consumers.ts'
import { OperatorError } from '../core/errors.ts'
import type { ExchangeHosts } from '../core/exchange-hosts.ts'
import type { TimedExchangeConsumer } from '../core/timed-exchange.ts'
import type { RunCounts } from '../metrics/run-counts.ts'
import { ServerStatistics } from '../metrics/server-statistics.ts'
import { StatisticsPort } from '../metrics/statistics-port.ts'
import type { LatencyPlan, ListenPlan } from '../plan.ts'
import type { Sinks } from './sinks.ts'

export interface WatchPorts {
  readonly statistics: (TimedExchangeConsumer & ClockConsumer) | undefined
  readonly metrics: (TimedExchangeConsumer & ClockConsumer) | undefined
  close(): void
}

/** Rejects with OperatorError for a port that is required and cannot be had. */
export async function openWatchPorts(
  latency: LatencyPlan,
  version: string,
  hosts: ExchangeHosts,
  sinks: Sinks,
): Promise<WatchPorts> {
  if (latency.stats === undefined && latency.metrics === undefined) {
    return { statistics: undefined, metrics: undefined, close: () => undefined }
  }
  const statistics = new ServerStatistics(({ exchange }) => hosts.of(exchange).serverAddress)
  const closers: (() => void)[] = []
  let metrics: WatchPorts['metrics']
  if (latency.stats !== undefined) {
    const flag = latency.program === 'tcpkit' ? '-P' : '--stats'
    const port = new StatisticsPort(() => statistics.toJson())
    await open(latency.stats, 'statistics on', '', (plan) => port.listen(plan, flag), sinks)
    closers.push(() => port.close())
  }
  if (latency.metrics !== undefined) {
    const served = await serveMetrics(latency.metrics, version, hosts, statistics, sinks)
    metrics = served.metrics
    closers.push(served.close)
  }
  return {
    statistics,
    metrics,
    close: () => {
      for (const close of closers) close()
    },
  }
}

async function serveMetrics(
  plan: ListenPlan,
  version: string,
  hosts: ExchangeHosts,
  statistics: ServerStatistics,
  sinks: Sinks,
): Promise<{ metrics: TimedExchangeConsumer & ClockConsumer; close: () => void }> {
  const [{ ExchangeMetrics }, { MetricsServer }] = await Promise.all([
    import('../metrics/exchange-metrics.ts'),
    import('../metrics/metrics-server.ts'),
  ])
  let counts: (() => RunCounts) | undefined
  sinks.counted.push((ask) => {
    counts = ask
  })
  const metrics = new ExchangeMetrics(
    version,
    ({ exchange }) => hosts.of(exchange),
    () => counts?.() ?? NOTHING_COUNTED,
  )
  const server = new MetricsServer({
    metrics: () => metrics.toText(),
    metricsType: metrics.contentType,
    stats: () => statistics.toJson(),
  })
  await open(plan, 'metrics on http://', '/metrics', (address) => server.listen(address), sinks)
  return { metrics, close: () => server.close() }
}

async function open(
  plan: ListenPlan,
  before: string,
  after: string,
  listen: (plan: ListenPlan) => Promise<number>,
  { messages }: Sinks,
): Promise<void> {
  try {
    const port = await listen(plan)
    const host = plan.host.includes(':') ? `[${plan.host}]` : plan.host
    messages.info(`${before}${before.endsWith('/') ? '' : ' '}${host}:${port}${after}`)
  } catch (error) {
    if (plan.required || !(error instanceof OperatorError)) throw error
    messages.info(`no statistics: ${error.message}`)
  }
}

const NOTHING_COUNTED: RunCounts = {
  packets: 0,
  packetBytes: 0,
  kernelDrops: 0,
  interfaceDrops: 0,
  connections: 0,
  openConnections: 0,
  payloadBytes: 0,
  gaps: 0,
  gapBytes: 0,
  evicted: 0,
  datagrams: 0,
}
