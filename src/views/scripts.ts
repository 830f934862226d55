// --script: the operator's own programs. A script that is wrong ends the run before anything is written, so they are attached
// before every output.

import type { ScriptConsumer } from '../script/script-consumer.ts'
import type { View, Wait } from './view.ts'

const ONLY_WITH_LATENCY = new Map([['onExchange', 'is called by tcpflow latency only']] as const)
const WANTS_EXCHANGES = 'wants exchanges: run tcpflow latency --script …'

export const scriptsView: View = {
  name: 'scripts',
  before: ['console', 'json', 'files', 'http-bodies', 'ports', 'packet-lines', 'latency', 'packets'],
  wants: (plan) => plan.scripts.length > 0,
  async attach({ plan, io, messages, names, standardOutput, makeWay }) {
    const [{ openScript }, { ScriptOutput }] = await Promise.all([
      import('../script/script-consumer.ts'),
      import('../output/scripts/script-output.ts'),
    ])
    const shared = plan.console !== undefined || plan.json !== undefined || plan.latency !== undefined
    const output = new ScriptOutput(standardOutput(), { terminal: io.stdoutIsTerminal, shared, makeWay })
    const scripts: ScriptConsumer[] = []
    for (const path of plan.scripts) {
      scripts.push(
        await openScript({
          path,
          cwd: io.cwd,
          print: (bytes) => output.print(bytes),
          flushOutput: () => output.flush(),
          printError: (bytes) => messages.write(Buffer.from(bytes).toString('utf8')),
          messages,
          names,
          importModule: io.importModule,
          ...(plan.latency === undefined ? { neverCalled: ONLY_WITH_LATENCY, alone: WANTS_EXCHANGES } : {}),
        }),
      )
    }
    const hearPackets = scripts.filter((script) => script.hears('onPacket'))
    return {
      rawSegments: hearPackets,
      datagrams: hearPackets,
      exchanges: plan.latency === undefined ? [] : scripts.filter((script) => script.hears('onExchange')),
      streams: scripts.filter((script) => script.hears('onConnection') || script.hears('onData')),
      sinks: [...scripts, output],
      stoppers: scripts,
      waits: scripts.map(waitOf),
    }
  },
}

function waitOf(script: ScriptConsumer): Wait {
  return {
    get waiting() {
      return script.busy
    },
    abandon: () => script.abandon(),
    dropped: 'the script is not waited for any longer: what it had not seen yet is dropped',
  }
}
