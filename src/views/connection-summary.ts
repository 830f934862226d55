// --summary without the console: a line for each connection when it ends. With -c the console prints them in their place.

import { ConnectionSummary } from '../output/messages/connection-summary.ts'
import type { View } from './view.ts'

export const connectionSummaryView: View = {
  name: 'connection-summary',
  wants: (plan) => plan.connectionSummary && plan.console === undefined,
  async attach({ messages, names }) {
    return { connections: [new ConnectionSummary((line) => messages.error(line), names)] }
  },
}
