// --json: events, one object a line.

import type { View } from './view.ts'

export const jsonView: View = {
  name: 'json',
  wants: (plan) => plan.json !== undefined,
  async attach({ plan, arena, names, standardOutput }) {
    const jsonPlan = plan.json!
    const [{ JsonSink }, { compileNameTemplate }] = await Promise.all([
      import('../output/json/json-sink.ts'),
      import('../output/names/flow-name.ts'),
    ])
    const namer = compileNameTemplate(jsonPlan.nameTemplate, names)
    const json = new JsonSink({
      arena,
      plan: jsonPlan,
      stream: standardOutput(),
      nameOf: (c, d) => namer.name(c, d),
      nameOfDatagram: (g) => namer.nameOfDatagram(g),
      names,
    })
    return { streams: [json], datagrams: plan.udp ? [json] : [], sinks: [json] }
  },
}
