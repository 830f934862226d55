// nagle-delay: the sender waits for an acknowledgement that the receiver delays (RFC 896, RFC 1122 §4.2.3.2).

import type { Direction } from '../../core/connection.ts'
import { counted, duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type Description, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'

export const NAGLE_DELAY: FindingKind = {
  id: 'nagle-delay',
  severity: 'warning',
  title: 'two small writes wait for a delayed acknowledgement',
  meaning:
    'The application writes a message in two pieces and then waits for the answer. TCP holds the second piece back until the first is acknowledged (Nagle’s algorithm), and the other side delays that acknowledgement by 40 ms or more, as it hopes to send it with an answer. Both wait for each other.',
  told: 'A small segment, nothing for 40 to 200 ms, a bare acknowledgement, and at once the next small segment; three times and more in one connection.',
  limits: 'An application that happens to write in step with the acknowledgements looks the same.',
  advice: 'Write a message at once (one buffer, writev), or set TCP_NODELAY on the socket.',
  latestText: true,
}

const TIMES_TO_TELL = 3

export const nagleDelay: Rule = {
  kinds: [NAGLE_DELAY],
  begin: (judge: Judge): Judgement => ({
    onNagleDelay(c, d) {
      if (c.sides[d].nagleDelays !== TIMES_TO_TELL) return
      judge.find(NAGLE_DELAY, subjectOf(c, d), 'likely', () => describe(judge, c, d))
    },
    onClose(c) {
      for (const { direction, nagleDelays } of c.sides) {
        if (nagleDelays > TIMES_TO_TELL)
          judge.update(NAGLE_DELAY, subjectOf(c, direction), () => describe(judge, c, direction))
      }
    },
  }),
}

function subjectOf(c: ConnectionFacts, d: Direction) {
  return about(c, { group: `${d}` })
}

function describe(judge: Judge, c: ConnectionFacts, d: Direction): Description {
  const { nagleDelays, nagleMicros, lastDataMicros, delayedSinceMicros } = c.sides[d]
  const [sender, receiver] = d === 0 ? [c.clientEnd, c.serverEnd] : [c.serverEnd, c.clientEnd]
  const host = judge.hostOf(c.place, sender)
  const each = duration(nagleMicros / nagleDelays)
  return {
    cause: `${host} writes its messages in several small pieces, and the next piece waits ${each} for the acknowledgement that ${judge.hostOf(c.place, receiver)} delays: ${counted(nagleDelays, 'time')}, ${duration(nagleMicros)} in all.`,
    next: `set TCP_NODELAY at ${host}, or write each message at once`,
    evidence: [
      {
        micros: delayedSinceMicros || lastDataMicros,
        text: `small segment, bare acknowledgement ${each} later, then at once the next small segment`,
      },
    ],
  }
}
