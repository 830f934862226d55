// `tcpflow diagnose`: findings as they come, and the report.

import type { View } from './view.ts'

export const diagnoseView: View = {
  name: 'diagnose',
  wants: (plan) => plan.diagnose !== undefined,
  async attach(context) {
    const { DiagnoseRun } = await import('./diagnose-run.ts')
    const { TlsStreams } = await import('../protocol/tls/tls-streams.ts')
    const run = new DiagnoseRun(context, context.plan.diagnose!, context.standardOutput())
    const { diagnosis } = run
    return {
      // TLS first: what it finds at a connection's end is to be known at its end
      streams: [new TlsStreams(diagnosis), diagnosis],
      segments: [diagnosis],
      datagrams: [diagnosis],
      events: [diagnosis],
      exchanges: [diagnosis],
      drops: [diagnosis],
      clocks: [diagnosis, run],
      sinks: [run],
      onTrafficOver: () => diagnosis.end(),
      onReport: () => run.report(),
      exitCode: () => run.exitCode,
    }
  },
}
