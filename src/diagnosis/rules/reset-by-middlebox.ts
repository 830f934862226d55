// reset-by-middlebox: the RST did not come from the host whose address it bears.

import { duration } from '../../core/plain-numbers.ts'
import { type ConnectionEnd, isForged } from '../connection-end.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge } from '../rule.ts'

export const RESET_BY_MIDDLEBOX: FindingKind = {
  id: 'reset-by-middlebox',
  severity: 'warning',
  title: 'something between the two reset the connection',
  meaning:
    'A reset came in the name of one side, and that side did not send it: a firewall, a proxy, a load balancer or the Docker host between the two did.',
  told: "The RST's time to live (hop limit) differs from that of every other packet of the same side: it has come from nearer or from farther away. Or it has no ACK, as if that side knew nothing of the connection, though it had just sent data or acknowledged some; then it is possible only.",
  limits:
    'A device that sets the time to live as the real sender would cannot be told so. A host with an odd system may send resets with another time to live than data.',
  advice:
    'Look for the device: the difference of the two times to live is how many hops it is nearer or farther. Look there for idle limits, policy rules (tcp-reset) and connection tables that are full. A capture next to the supposed sender, without that RST, proves it.',
}

export function tellMiddlebox(judge: Judge, c: ConnectionFacts, end: ConnectionEnd): void {
  const own = c.sides[end.by]
  const isNear = own.resetHopLimit < own.leastHopLimit || own.resetHopLimit > own.greatestHopLimit
  const group = end.by === 0 ? 'client' : 'server'
  judge.find(RESET_BY_MIDDLEBOX, about(c, { group }), isNear ? 'likely' : 'possible', () => {
    const host = judge.hostOf(c.place, end.by === 0 ? c.clientEnd : c.serverEnd)
    const text = own.resetText === '' ? '' : ` The reset says: ${own.resetText}`
    const others = `time to live ${usual(own)}`
    return {
      cause: isNear
        ? `A device between the two reset the connection in the name of ${host}: the reset's time to live is ${own.resetHopLimit}, that of the other packets of ${host} is ${usual(own)}.${text}`
        : `A firewall has probably reset the connection in the name of ${host}: the reset has no ACK, as from a host that does not know the connection, and ${host} had used it just before.${text}`,
      next: `capture next to ${host}: is the reset seen there? Look for rules that reset (iptables: REJECT --reject-with tcp-reset)`,
      evidence: [
        { micros: own.firstMicros, text: `packets of ${host}: ${others}` },
        {
          micros: own.resetMicros,
          text: `RST${isForged(own) ? ' without ACK' : ''}: time to live ${own.resetHopLimit}, ${duration(own.idleBeforeResetMicros)} after the last data`,
        },
      ],
    }
  })
}

function usual({ leastHopLimit, greatestHopLimit }: ConnectionFacts['client']): string {
  return leastHopLimit === greatestHopLimit ? `${leastHopLimit}` : `${leastHopLimit} to ${greatestHopLimit}`
}
