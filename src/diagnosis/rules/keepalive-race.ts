// keepalive-race: the server closes an idle connection in the moment in which the client uses it again (RFC 9112 §9.5).

import { duration } from '../../core/plain-numbers.ts'
import type { ConnectionEnd } from '../connection-end.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge } from '../rule.ts'

export const KEEPALIVE_RACE: FindingKind = {
  id: 'keepalive-race',
  severity: 'error',
  title: 'a request crossed the closing of its connection',
  meaning:
    'The server closed a connection that had been idle, just when the client, or the proxy, sent its next request on it. The request was answered by a reset. It looks like a random failure: "connection reset by peer", "socket hang up", 502 of a proxy.',
  told: 'On a connection that had answered before, the server sends a FIN or a RST which does not acknowledge the new request, within a second of that; then comes a RST.',
  limits: 'Whether the request was lost or was sent again on another connection is not judged.',
  advice:
    "Make the server keep idle connections longer than the client or proxy does: the server's keep-alive timeout above the other's (for instance 65 s behind a load balancer with 60 s). Or let the client send such requests again where that is safe.",
}

export function tellRace(judge: Judge, c: ConnectionFacts, end: ConnectionEnd): void {
  const { client, server, place, serverEnd, clientEnd } = c
  judge.find(KEEPALIVE_RACE, about(c), 'likely', () => {
    const closed = server.finMicros || server.resetMicros
    const idle = duration(server.finMicros === 0 ? server.idleBeforeResetMicros : server.idleBeforeFinMicros)
    const waited = duration(client.silenceBeforeTurnMicros)
    const host = judge.hostOf(place, serverEnd)
    const apart = closed - client.turnMicros
    const evidence = [
      { micros: closed, text: `${server.finMicros === 0 ? 'RST' : 'FIN'} of ${host} after ${idle} of idleness` },
      { micros: client.turnMicros, text: `request: ${c.unanswered?.request ?? `${client.lastPayload} bytes`}` },
      { micros: end.micros, text: `RST of ${host}` },
    ].sort((a, b) => a.micros - b.micros)
    return {
      cause: `${host} closed the idle connection, and ${judge.hostOf(place, clientEnd)} sent its next request ${duration(Math.abs(apart))} ${apart > 0 ? 'before it heard of that' : 'after that'}: the request was answered by a reset.`,
      next: `set the keep-alive timeout of ${host} (here ${idle}) above the time for which its client keeps connections (${waited} and more)`,
      evidence,
    }
  })
}
