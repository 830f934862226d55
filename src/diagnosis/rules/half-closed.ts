// half-closed: one side has finished, and the other never does (FIN-WAIT-2 and CLOSE-WAIT, RFC 9293 §3.3.2).

import { duration } from '../../core/plain-numbers.ts'
import { isRequestPending } from '../connection-end.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'

export const HALF_CLOSED: FindingKind = {
  id: 'half-closed',
  severity: 'warning',
  title: 'one side has closed, the other does not',
  meaning:
    "One side closed the connection in good order and the other side's system took note of it, but the program there did not close its end for more than a minute. Its socket stays in CLOSE-WAIT. Programs that do this run out of file descriptors in the end.",
  told: 'A FIN that was acknowledged, no request that waits for an answer, and for more than 60 s neither data nor a FIN from the other side.',
  limits:
    'A pool that throws a closed connection away only when it wants to use it looks the same: harmless when there are few of them.',
  advice:
    'Count them at the side that does not close: ss -tn state close-wait. If they grow, look in that program for a connection that is not closed after its end was read.',
}

const WAITED_MICROS = 60_000_000

export const halfClosed: Rule = {
  kinds: [HALF_CLOSED],
  begin(judge: Judge): Judgement {
    const look = (c: ConnectionFacts): void => {
      const since = halfClosedSince(c)
      if (since === 0 || judge.has(HALF_CLOSED, c)) return
      if (judge.nowMicros - since >= WAITED_MICROS) tell(judge, c, since)
      // another rule's earlier wish may have taken the place of ours
      else if (c.closed === undefined) judge.wake(c, since + WAITED_MICROS)
    }
    return {
      onFin(c) {
        judge.wake(c, judge.nowMicros + WAITED_MICROS)
      },
      onWake: look,
      onClose: look,
    }
  },
}

/** Since when nothing but one FIN has come of both; 0: it is not so. */
function halfClosedSince(c: ConnectionFacts): number {
  if (c.firstFinBy < 0 || c.firstResetBy >= 0) return 0
  const own = c.sides[c.firstFinBy === 0 ? 0 : 1]
  const peer = c.sides[c.firstFinBy === 0 ? 1 : 0]
  if (peer.finMicros !== 0 || own.finAcknowledgedMicros === 0 || isRequestPending(c)) return 0
  return Math.max(own.finAcknowledgedMicros, peer.lastDataMicros)
}

function tell(judge: Judge, c: ConnectionFacts, since: number): void {
  const by = c.firstFinBy === 0 ? 0 : 1
  judge.find(HALF_CLOSED, about(c, { group: by === 0 ? 'client' : 'server' }), 'likely', () => {
    const closer = judge.hostOf(c.place, by === 0 ? c.clientEnd : c.serverEnd)
    const other = judge.hostOf(c.place, by === 0 ? c.serverEnd : c.clientEnd)
    const waited = duration(judge.nowMicros - since)
    return {
      cause: `${closer} closed the connection, and ${other} has neither sent anything nor closed it for ${waited}: the program there leaks the socket (CLOSE-WAIT), or a pool keeps it unused.`,
      next: `at ${other}: ss -tn state close-wait; if they grow, the program does not close what has ended`,
      evidence: [
        { micros: c.sides[by].finMicros, text: `FIN of ${closer}` },
        { micros: c.sides[by].finAcknowledgedMicros, text: `acknowledged by ${other}, and nothing since` },
      ],
    }
  })
}
