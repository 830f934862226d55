// `tcpflow diagnose`: findings as they come, and the report.

import type { FlightRecorder } from '../output/recorder/flight-recorder.ts'
import type { KeepAroundPlan } from '../plan.ts'
import type { View, ViewContext } from './view.ts'

export const diagnoseView: View = {
  name: 'diagnose',
  wants: (plan) => plan.diagnose !== undefined,
  async attach(context) {
    const { DiagnoseSink } = await import('./diagnose-sink.ts')
    const { FirstWords } = await import('../protocol/first-words/first-words.ts')
    const { TlsStreams } = await import('../protocol/tls/tls-streams.ts')
    const { keepAround } = context.plan.diagnose!
    const recorder = keepAround === undefined ? undefined : await flightRecorder(keepAround, context)
    const recorders = recorder === undefined ? [] : [recorder]
    const sink = new DiagnoseSink(context, context.plan.diagnose!, context.standardOutput(), recorder)
    const { diagnosis } = sink
    return {
      savers: recorders,
      connections: recorders,
      // TLS first: what it finds at a connection's end is to be known at its end
      streams: [new TlsStreams(diagnosis), new FirstWords(diagnosis), diagnosis],
      segments: [...recorders, diagnosis],
      datagrams: [...recorders, diagnosis],
      events: [...recorders, diagnosis],
      exchanges: [diagnosis],
      drops: [diagnosis],
      clocks: [diagnosis, sink, ...recorders],
      sinks: [sink],
      settle: () => diagnosis.settle(),
      // what was found at the very end becomes a file too, and the last word on a finding names it
      onTrafficOver: () => {
        diagnosis.endTraffic()
        recorder?.end()
        diagnosis.end()
      },
      onReport: () => sink.report(),
      exitCode: () => sink.exitCode,
    }
  },
}

async function flightRecorder(
  { path, severity, ids, memoryBytes, keep }: KeepAroundPlan,
  { names, messages }: ViewContext,
): Promise<FlightRecorder> {
  const { FlightRecorder } = await import('../output/recorder/flight-recorder.ts')
  return new FlightRecorder({ path, memoryBytes, keep, severity, ids: new Set(ids), names, messages })
}
