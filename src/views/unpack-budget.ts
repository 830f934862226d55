// The one bound on what a run unpacks: bodies are printed or written to files, never both.

import type { Messages } from '../core/ports.ts'
import type { Plan } from '../plan.ts'
import { UnpackBudget } from '../transform/unpack-budget.ts'

export function unpackBudget({ decode }: Plan, messages: Messages): UnpackBudget {
  return new UnpackBudget(decode.maximumUnpackedBytes, () =>
    messages.error(
      'so much has come out of compressed HTTP bodies that further ones are cut short or left as they were sent',
      '--max-unpacked allows more: 1G',
    ),
  )
}
