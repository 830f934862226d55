// Opens the ports of --stats and --metrics.

import { OperatorError } from '../core/errors.ts'
import type { ExchangeMetrics } from '../metrics/exchange-metrics.ts'
import { ServerStatistics } from '../metrics/server-statistics.ts'
import { StatisticsPort } from '../metrics/statistics-port.ts'
import type { TerminalMessages } from '../output/messages/messages.ts'
import type { LatencyPlan, ListenPlan } from '../plan.ts'
import type { Attachment, ViewContext } from './view.ts'

/** Rejects with OperatorError when a port that was asked for cannot be had. */
export async function openPorts(context: ViewContext, latency: LatencyPlan): Promise<Attachment> {
  const { hosts, messages } = context
  const { stats, metrics, program } = latency
  // Both hand out the same statistics.
  const statistics = new ServerStatistics(({ exchange }) => hosts.of(exchange).serverAddress)
  const closers: (() => void)[] = []
  if (stats !== undefined) {
    const flag = program === 'tcpkit' ? '-P' : '--stats'
    const port = new StatisticsPort(() => statistics.toJson())
    await open(stats, 'statistics on', '', (listenPlan) => port.listen(listenPlan, flag), messages)
    closers.push(() => port.close())
  }
  const served = metrics && (await serveMetrics(metrics, context, statistics))
  if (served !== undefined) closers.push(served.close)
  return {
    exchanges: served === undefined ? [statistics] : [statistics, served.metrics],
    clocks: served === undefined ? [statistics] : [statistics, served.metrics],
    close: () => {
      for (const close of closers) close()
    },
  }
}

async function serveMetrics(
  plan: ListenPlan,
  { version, hosts, counts, messages }: ViewContext,
  statistics: ServerStatistics,
): Promise<{ metrics: ExchangeMetrics; close: () => void }> {
  const [{ ExchangeMetrics }, { MetricsServer }] = await Promise.all([
    import('../metrics/exchange-metrics.ts'),
    import('../metrics/metrics-server.ts'),
  ])
  const metrics = new ExchangeMetrics(version, ({ exchange }) => hosts.of(exchange), counts)
  const server = new MetricsServer({
    metrics: () => metrics.toText(),
    metricsType: metrics.contentType,
    stats: () => statistics.toJson(),
  })
  await open(plan, 'metrics on http://', '/metrics', (address) => server.listen(address), messages)
  return { metrics, close: () => server.close() }
}

/** Rejects with OperatorError for a port that is required and cannot be had. */
async function open(
  plan: ListenPlan,
  before: string,
  after: string,
  listen: (plan: ListenPlan) => Promise<number>,
  messages: TerminalMessages,
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
