// conntrack-invalid: a packet was not translated back, because connection tracking took it for invalid; the host, to which it then
// seemed to be addressed, answers with a reset.

import type { ConnectionEnd } from '../connection-end.ts'
import { hasOtherHopLimit } from '../connection-end.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge } from '../rule.ts'

export const CONNTRACK_INVALID: FindingKind = {
  id: 'conntrack-invalid',
  severity: 'warning',
  title: 'a late packet was answered by a reset of the host in between',
  meaning:
    'A packet that was late or outside the window was not recognised by connection tracking (conntrack) at the host that translates addresses. It was not passed on to the container, so the host itself answered it, with a reset that ends a healthy connection.',
  told: 'In an open connection one side sends something that had been acknowledged already, or that lies beyond the window, and at once a RST without ACK comes back, as a host sends it that knows no such connection. It is likely where the time to live of that RST differs from the other packets, and possible else.',
  limits:
    'A server that was restarted answers the same way. That the container has not sent the reset shows only a capture inside of it.',
  advice:
    'Drop what is invalid instead of letting it pass: iptables -I INPUT -m conntrack --ctstate INVALID -j DROP on the host; or sysctl net.netfilter.nf_conntrack_tcp_be_liberal=1.',
}

export function tellConntrackInvalid(judge: Judge, c: ConnectionFacts, end: ConnectionEnd): void {
  const own = c.sides[end.by]
  const peer = c.sides[end.by === 0 ? 1 : 0]
  const foreign = hasOtherHopLimit(own)
  judge.find(CONNTRACK_INVALID, about(c), foreign ? 'likely' : 'possible', () => {
    const host = judge.hostOf(c.place, end.by === 0 ? c.clientEnd : c.serverEnd)
    const other = judge.hostOf(c.place, end.by === 0 ? c.serverEnd : c.clientEnd)
    return {
      cause: foreign
        ? `A late packet of ${other} was answered by a reset that ${host} has not sent: the host between the two did not recognise it (conntrack: invalid) and answered itself.`
        : `A late packet of ${other} was answered by a reset: perhaps the host that translates the addresses of ${host} did not recognise it (conntrack: invalid), or ${host} was restarted.`,
      next: 'on the Docker host: iptables -I INPUT -m conntrack --ctstate INVALID -j DROP',
      evidence: [
        {
          micros: peer.uselessMicros || peer.turnMicros,
          text: `${other} sends what was acknowledged, or lies beyond the window`,
        },
        {
          micros: own.resetMicros,
          text: `RST without ACK, time to live ${own.resetHopLimit}${own.hopLimit === 0 ? '' : ` (else ${own.hopLimit})`}`,
        },
      ],
    }
  })
}
