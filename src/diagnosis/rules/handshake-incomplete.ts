// handshake-incomplete: the server answers and the client never acknowledges.

import { counted, duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'

export const HANDSHAKE_INCOMPLETE: FindingKind = {
  id: 'handshake-incomplete',
  severity: 'warning',
  title: 'the client never acknowledged the answer',
  meaning: 'The server answered the SYN, more than once, and nothing more came from the client.',
  told: 'SYN, SYN+ACK repeated, no ACK, no data and no reset from the client.',
  limits:
    'An answer that is lost on its way back, a way back that differs from the way there, and a port scan look the same.',
  advice: 'Capture at the client: does the SYN+ACK arrive there? If not, look at routes and filters on the way back.',
  foldsPorts: true,
}

const ANSWERS_TO_TELL = 2

export const handshakeIncomplete: Rule = {
  kinds: [HANDSHAKE_INCOMPLETE],
  begin: (judge: Judge): Judgement => ({
    onClose(c) {
      if (isIncomplete(c)) tell(judge, c)
    },
  }),
}

function isIncomplete(c: ConnectionFacts): boolean {
  const { client, server } = c
  if (client.syns === 0 || server.syns < ANSWERS_TO_TELL || c.establishedMicros !== 0) return false
  return client.packets === client.syns && server.packets === server.syns + server.resets
}

function tell(judge: Judge, c: ConnectionFacts): void {
  const { place, clientEnd, serverEnd, client, server } = c
  judge.find(HANDSHAKE_INCOMPLETE, about(c), 'likely', () => ({
    cause: `${judge.hostOf(place, serverEnd)} answered, ${judge.hostOf(place, clientEnd)} never acknowledged: the answer is lost on its way back, or this is a port scan.`,
    next: `capture at ${judge.hostOf(place, clientEnd)} to see whether the SYN+ACK arrives`,
    evidence: [
      { micros: client.firstSynMicros, text: `SYN to ${serverEnd}` },
      {
        micros: server.firstSynMicros,
        text: `SYN+ACK after ${duration(server.firstSynMicros - client.firstSynMicros)}, sent ${counted(server.syns, 'time')}, no ACK`,
      },
    ],
  }))
}
