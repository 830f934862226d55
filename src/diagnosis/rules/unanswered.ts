// unanswered: SYNs to which nothing comes back. Linux repeats one after 1 s, then at 1 s steps (from 6.5 on) or doubling.

import { counted, duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'

export const UNANSWERED: FindingKind = {
  id: 'unanswered',
  severity: 'error',
  title: 'no answer at all',
  meaning: 'The client asked for a connection, again and again, and nothing came back.',
  told: 'A SYN that is repeated, with no packet from the server and no ICMP error; or a single one with three seconds of silence after it.',
  limits:
    'A firewall that drops, an address that nobody has behind a router, and a way back that is broken look the same. A server whose queue of new connections is full drops SYNs too.',
  advice:
    'Find the last place where the SYN is seen: capture at the server, and at each host between. Where it stops, look at the filter rules.',
  foldsPorts: true,
}

/** Told live from the third SYN on. */
const SYNS_TO_TELL = 3
const SYNS_AT_END = 2
const WAITED_MICROS = 3_000_000

export const unanswered: Rule = {
  kinds: [UNANSWERED],
  begin: (judge: Judge): Judgement => ({
    onSynAgain(c, d) {
      if (d === 0 && isUnanswered(judge, c) && c.client.syns >= SYNS_TO_TELL && !judge.has(UNANSWERED, c))
        tell(judge, c)
    },
    onEstablished(c) {
      judge.withdraw(UNANSWERED, c)
    },
    onReset(c, d) {
      if (d === 1) judge.withdraw(UNANSWERED, c)
    },
    onIcmp(c) {
      judge.withdraw(UNANSWERED, c)
    },
    onClose(c) {
      if (!isUnanswered(judge, c) || judge.has(UNANSWERED, c)) return
      const { syns, firstSynMicros } = c.client
      if (syns >= SYNS_AT_END || judge.nowMicros - firstSynMicros >= WAITED_MICROS) tell(judge, c)
    },
  }),
}

/** Nothing was seen of the server, nor of the client but SYNs (and a reset, when it gave up). */
export function isUnanswered(judge: Judge, c: ConnectionFacts): boolean {
  const { client, server } = c
  if (client.syns === 0 || server.packets > 0 || client.packets > client.syns + client.resets) return false
  const arp = judge.arpOf(c.place, c.serverEnd)
  return c.icmp.length === 0 && (arp === undefined || arp.answered)
}

function tell(judge: Judge, c: ConnectionFacts): void {
  const { place, serverEnd, client } = c
  judge.find(UNANSWERED, about(c), 'likely', () => {
    const end = judge.endOf(place, serverEnd)
    const waited = duration(Math.max(judge.nowMicros, c.lastMicros) - client.firstSynMicros)
    return {
      cause: `${end} did not answer: a firewall drops the packets, the address is wrong, or the way back is broken.`,
      next: `capture at ${judge.hostOf(place, serverEnd)} to see whether the SYN arrives: tcpflow -c 'host ${serverEnd.address} and port ${serverEnd.port}'`,
      evidence: [
        { micros: client.firstSynMicros, text: `SYN to ${serverEnd}` },
        { micros: client.lastSynMicros, text: `${counted(client.syns, 'SYN')}, no answer in ${waited}` },
      ],
    }
  })
}
