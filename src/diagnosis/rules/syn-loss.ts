// loss of a SYN: the first was lost, a later one was answered. (What is lost later is told by other rules with the same id.)

import { duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type Judge, type Judgement, type Rule } from '../rule.ts'
import { LOSS } from './loss-kind.ts'

/** Sooner than this it is a copy, not another attempt. */
const AGAIN_MICROS = 500_000
/** The answer is to the SYN that it follows so soon. */
const ANSWERED_MICROS = 500_000

export const synLoss: Rule = {
  kinds: [LOSS],
  begin: (judge: Judge): Judgement => ({
    onEstablished(c) {
      if (wasLost(c)) tell(judge, c)
    },
  }),
}

function wasLost({ client, server }: ConnectionFacts): boolean {
  if (client.syns < 2 || client.lastSynMicros - client.firstSynMicros < AGAIN_MICROS) return false
  const answered = server.firstSynMicros - client.lastSynMicros
  return answered >= 0 && answered < ANSWERED_MICROS
}

function tell(judge: Judge, c: ConnectionFacts): void {
  const { place, serverEnd, client, server } = c
  judge.find(LOSS, about(c, { group: 'syn' }), 'likely', () => ({
    cause: `the first SYN to ${judge.endOf(place, serverEnd)} got no answer, a later one did: it, or its answer, was lost. Connecting took ${duration(server.firstSynMicros - client.firstSynMicros)} instead of ${duration(server.firstSynMicros - client.lastSynMicros)}.`,
    next: 'once is ordinary loss; if it comes again and again, look at the link and at conntrack -S (insert_failed)',
    evidence: [
      { micros: client.firstSynMicros, text: `SYN to ${serverEnd}, no answer` },
      {
        micros: client.lastSynMicros,
        text: `SYN again after ${duration(client.lastSynMicros - client.firstSynMicros)}`,
      },
      { micros: server.firstSynMicros, text: 'SYN+ACK' },
    ],
  }))
}
