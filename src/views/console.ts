// -c: the conversation on standard output.

import type { Connection, Direction } from '../core/connection.ts'
import type { StreamConsumer } from '../core/consumers.ts'
import { unpackBudget } from './unpack-budget.ts'
import type { View, ViewContext } from './view.ts'

export const consoleView: View = {
  name: 'console',
  wants: (plan) => plan.console !== undefined,
  async attach(context) {
    const { plan, arena, names } = context
    const consolePlan = plan.console!
    const [{ ConsoleSink }, { compileNameTemplate, DEFAULT_NAME_TEMPLATE, withHostNames }, { putDefaultName }] =
      await Promise.all([
        import('../output/console/console-sink.ts'),
        import('../output/names/flow-name.ts'),
        import('../output/names/flow-name-bytes.ts'),
      ])
    const namer = compileNameTemplate(withHostNames(consolePlan.nameTemplate), names, 'lines')
    const console = new ConsoleSink({
      plan: consolePlan,
      arena,
      stream: context.standardOutput(),
      nameOf: (c: Connection, d: Direction): string => namer.name(c, d),
      ...(consolePlan.nameTemplate === DEFAULT_NAME_TEMPLATE ? { putName: putDefaultName } : {}),
      nameOfDatagram: (g) => namer.nameOfDatagram(g),
      summary: plan.connectionSummary,
      names,
    })
    return {
      streams: [consolePlan.decodeBodies ? await decodingBodies(console, context) : console],
      datagrams: plan.udp ? [console] : [],
      clocks: [console],
      drops: [console],
      sinks: [console],
      makeWay: () => console.makeWay(),
      onTrafficOver: () => hintAtDatagrams(context),
    }
  },
}

async function decodingBodies(consumer: StreamConsumer, { plan, messages }: ViewContext): Promise<StreamConsumer> {
  const { DecodeBodies } = await import('../transform/decode-bodies.ts')
  return new DecodeBodies(consumer, unpackBudget(plan, messages))
}

/** If a capture of DNS shows nothing, a line says why. */
function hintAtDatagrams({ plan, messages, counts }: ViewContext): void {
  if (plan.udp || plan.scripts.length > 0) return
  const { connections, datagrams } = counts()
  if (connections === 0 && datagrams > 0) messages.info('UDP is shown with --udp')
}
