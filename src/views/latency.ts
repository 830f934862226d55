// `tcpflow latency`: a line or an object for each exchange, and the table.

import type { View } from './view.ts'

export const latencyView: View = {
  name: 'latency',
  wants: (plan) => plan.latency !== undefined,
  async attach(context) {
    const { LatencyRun } = await import('./latency-run.ts')
    const { quiet, latency } = context.plan
    const run = new LatencyRun(context, latency!, context.standardOutput())
    return {
      connections: [run.oneWay],
      exchanges: [run],
      clocks: [run],
      sinks: [run],
      ...(!quiet || latency?.table === 'stdout' ? { onReport: () => run.report() } : {}),
    }
  },
}
