// The ids that rules about packets which were sent again share.

import type { FindingKind } from '../rule.ts'

export const LOSS: FindingKind = {
  id: 'loss',
  severity: 'warning',
  title: 'packets were lost',
  meaning: 'Packets did not arrive and had to be sent again. The connection went on, slower.',
  told: 'A SYN that was repeated and then answered at once. Data that was sent again and then acknowledged, where nothing says that it had arrived before; or a hole in the data that was filled too late to be a mere change of order. One lost packet in a hundred, several in a thousand, or any that cost a time-out of 200 ms and more, is a warning; less is a note.',
  limits:
    'From one place it cannot be told whether a packet or its acknowledgement was lost, nor by which device; only whether it was before or behind the capture point.',
  advice:
    'Capture at both ends: the packet is lost between the last point that has it and the first that has not. Look at errors and drops of the interfaces (ip -s link), and at limits of rate on the way (tc -s qdisc).',
  latestText: true,
}

export const SPURIOUS_RETRANSMISSION: FindingKind = {
  id: 'spurious-retransmission',
  severity: 'note',
  title: 'data was sent again that had arrived',
  meaning: 'The sender repeated data that the receiver already had. It costs little, and nothing was lost.',
  told: 'Data was sent again after its acknowledgement had passed, or the receiver said that it came twice (DSACK, RFC 2883).',
  limits:
    'Why the sender did not wait longer cannot be seen: a lost acknowledgement, a late one, or a tail-loss probe.',
  advice: 'Nothing, as long as it is rare. Busy healthy machines do so with tail-loss probes (RFC 8985).',
  latestText: true,
}
