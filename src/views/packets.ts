// -w: every packet into a pcapng file.

import { unreadOutput } from './unread-output.ts'
import type { View } from './view.ts'

export const packetsView: View = {
  name: 'packets',
  wants: (plan) => plan.save !== undefined,
  async attach({ plan, io, names, inUse }) {
    const { SavefileSink } = await import('../output/packets/savefile-sink.ts')
    const save = new SavefileSink(plan.save!, io.stdout, names, inUse)
    return { savers: [save], sinks: [save], waits: [unreadOutput(save)] }
  },
}
