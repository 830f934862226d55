// refused: the SYN was answered by a reset (RFC 9293 §3.10.7.1).

import { duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'

export const REFUSED: FindingKind = {
  id: 'refused',
  severity: 'error',
  title: 'nothing listens on that port',
  meaning: 'The client asked for a connection, and a reset came back at once in the name of the server.',
  told: 'A SYN, then a RST that acknowledges exactly that SYN, and nothing else from the server.',
  limits:
    'A firewall that rejects with a reset looks the same at the client: same addresses, time to live and IP fields. Only the sockets that the server has open, or a capture next to the server, tell the two apart.',
  advice:
    'See whether the server runs and on which port and address it listens: tcpflow containers, docker port NAME, ss -ltn inside its network namespace.',
  foldsPorts: true,
}

export const refused: Rule = {
  kinds: [REFUSED],
  begin: (judge: Judge): Judgement => ({
    onReset(c, d) {
      if (d === 1 && isRefusal(c) && !judge.has(REFUSED, c)) tell(judge, c)
    },
    onWentOn(c) {
      judge.withdraw(REFUSED, c)
    },
  }),
}

export function isRefusal({ client, server }: ConnectionFacts): boolean {
  return client.syns > 0 && server.syns === 0 && server.resetHasAcknowledgement && server.packets === server.resets
}

function tell(judge: Judge, c: ConnectionFacts): void {
  const { place, serverEnd, client, server } = c
  judge.find(REFUSED, about(c), 'likely', () => {
    const host = judge.hostOf(place, serverEnd)
    return {
      cause: `${host} answered the SYN with a reset: nothing listens on port ${serverEnd.port} there, or a firewall resets.`,
      next: `see which ports ${host} listens on (ss -ltn in its network namespace)`,
      evidence: [
        { micros: client.lastSynMicros, text: `SYN to ${serverEnd}` },
        { micros: server.resetMicros, text: `RST after ${duration(server.resetMicros - client.lastSynMicros)}` },
      ],
    }
  })
}
