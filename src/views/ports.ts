// --stats and --metrics: the ports by which others watch a run, open before it begins.

import type { View } from './view.ts'

export const portsView: View = {
  name: 'ports',
  wants: ({ latency }) => latency?.stats !== undefined || latency?.metrics !== undefined,
  async attach(context) {
    const { openPorts } = await import('./open-ports.ts')
    return await openPorts(context, context.plan.latency!)
  },
}
