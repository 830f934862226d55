// Lines about connections that were refused, unanswered or reset.

import { Notes } from '../output/messages/notes.ts'
import type { View } from './view.ts'

export const notesView: View = {
  name: 'notes',
  wants: (plan) => plan.notes,
  async attach({ messages, names }) {
    const notes = new Notes(messages, names)
    return { connections: [notes], clocks: [notes], sinks: [notes] }
  },
}
