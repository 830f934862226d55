// How connections ended: each end has one verdict (connection-end.ts), and the kind that it belongs to tells of it.

import type { CloseReason } from '../../core/connection.ts'
import { type ConnectionEnd, type EndKind, endOf, isUnheard } from '../connection-end.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { IdleTimes } from '../idle-times.ts'
import type { Judge, Judgement, Rule } from '../rule.ts'
import { ABORTED_TRANSFER, tellAborted } from './aborted-transfer.ts'
import { HUNG_PEER } from './answer-kinds.ts'
import { CONNTRACK_INVALID, tellConntrackInvalid } from './conntrack-invalid.ts'
import { IDLE_CUT, tellIdleCut } from './idle-cut.ts'
import { KEEPALIVE_RACE, tellRace } from './keepalive-race.ts'
import { RESET, tellReset } from './reset.ts'
import { RESET_BY_MIDDLEBOX, tellMiddlebox } from './reset-by-middlebox.ts'

const TELLS: Readonly<Record<EndKind, (judge: Judge, c: ConnectionFacts, end: ConnectionEnd) => void>> = {
  idle: tellIdleCut,
  'ran-into': tellIdleCut,
  silent: tellIdleCut,
  race: tellRace,
  'late-segment': tellConntrackInvalid,
  foreign: tellMiddlebox,
  aborted: tellAborted,
  reset: tellReset,
}

const MAXIMUM_JUMPS = 1024

export const connectionEnds: Rule = {
  kinds: [IDLE_CUT, RESET, RESET_BY_MIDDLEBOX, CONNTRACK_INVALID, KEEPALIVE_RACE, ABORTED_TRANSFER],
  begin(judge: Judge): Judgement {
    const times = new IdleTimes()
    /** Connections that ended because what came next was out of all proportion. */
    const jumps = new Set<string>()
    const judgeEnd = (c: ConnectionFacts, why: CloseReason): void => {
      const end = endOf(c, why, times, c.client.syns === 0 && jumps.has(keyOf(c)))
      if (end === undefined) return
      // what waits behind a limit for idleness is not hung
      if (end.kind === 'idle') judge.withdraw(HUNG_PEER, c)
      if (!judge.hasFailed(c)) TELLS[end.kind](judge, c, end)
    }
    return {
      // the sender may go on for a quarter of an hour: it is told while it tries
      onRetransmission(c, d) {
        if (isUnheard(c, c.sides[d]) && !judge.has(IDLE_CUT, c)) judgeEnd(c, 'capture-ended')
      },
      onClose(c, why) {
        if (why === 'jump' && jumps.size < MAXIMUM_JUMPS) jumps.add(keyOf(c))
        if (judge.has(IDLE_CUT, c) && !c.sides.some((side) => isUnheard(c, side))) judge.withdraw(IDLE_CUT, c)
        if (!judge.has(IDLE_CUT, c)) judgeEnd(c, why)
      },
    }
  },
}

function keyOf({ place, clientEnd, serverEnd }: ConnectionFacts): string {
  return `${place} ${clientEnd} ${serverEnd}`
}
