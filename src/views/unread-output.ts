// An output that waits for a reader who does not read.

import type { Wait } from './view.ts'

/** Its wait, for when the operator wants the end. */
export function unreadOutput(output: { readonly blocked: boolean; abandon(): void }): Wait {
  return {
    get waiting() {
      return output.blocked
    },
    abandon: () => output.abandon(),
    dropped: 'the output is not being read: what was still to be printed is dropped',
  }
}
