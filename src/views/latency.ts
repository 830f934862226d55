// `tcpflow latency`: a line or an object for each exchange, and the table.

import type { View } from './view.ts'

export const latencyView: View = {
  name: 'latency',
  wants: (plan) => plan.latency !== undefined,
  async attach(context) {
    const { LatencySink } = await import('./latency-sink.ts')
    const { quiet, latency } = context.plan
    const sink = new LatencySink(context, latency!, context.standardOutput())
    return {
      connections: [sink.oneWay],
      exchanges: [sink],
      clocks: [sink],
      sinks: [sink],
      ...(!quiet || latency?.table === 'stdout' ? { onReport: () => sink.report() } : {}),
    }
  },
}
