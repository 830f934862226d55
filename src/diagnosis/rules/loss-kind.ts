// The id that rules about lost packets share.

import type { FindingKind } from '../rule.ts'

export const LOSS: FindingKind = {
  id: 'loss',
  severity: 'warning',
  title: 'packets were lost',
  meaning: 'Packets did not arrive and had to be sent again. The connection went on, slower.',
  told: 'A SYN that was repeated and then answered at once.',
  limits: 'Whether the packet or its answer was lost cannot be told from one place.',
  advice: 'Compare captures of both ends. Look at errors and drops of the interfaces: ip -s link.',
}
