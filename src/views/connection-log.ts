// -v: a line when a connection opens and when it closes.

import { ConnectionLog } from '../output/messages/connection-log.ts'
import type { View } from './view.ts'

export const connectionLogView: View = {
  name: 'connection-log',
  wants: (plan) => plan.verbosity > 0,
  async attach({ messages, names }) {
    return { connections: [new ConnectionLog(messages, names)] }
  },
}
