// port-reuse: the same source port again while the server still remembers the connection before (TIME-WAIT, RFC 9293 §3.6.1).

import { duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { hashOfEnd } from '../end-hash.ts'
import { RecentMap } from '../recent-map.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import { LOSS } from './loss-kind.ts'
import { isUnanswered, UNANSWERED } from './unanswered.ts'

export const PORT_REUSE: FindingKind = {
  id: 'port-reuse',
  severity: 'warning',
  title: 'a source port was used again too soon',
  meaning:
    'The client took a source port again that it had used towards the same server and port less than a minute before. The server, or a device between, still remembers the old connection.',
  told: 'A SYN that is answered by a plain ACK with old numbers, which the client resets; or a SYN that gets no answer on a 4-tuple that was closed less than a minute before.',
  limits: 'A dropped SYN on a reused port may also be ordinary loss.',
  advice:
    'Keep connections open and use them again; widen net.ipv4.ip_local_port_range; give the client more addresses.',
  insteadOf: [UNANSWERED, LOSS],
}

const REMEMBERED_MICROS = 60_000_000
const MAXIMUM_REMEMBERED = 8192
const SYNS_TO_TELL = 2

export const portReuse: Rule = {
  kinds: [PORT_REUSE],
  begin(judge: Judge): Judgement {
    /** By both ends, when it closed. */
    const closed = new RecentMap<number, number>(MAXIMUM_REMEMBERED)
    return {
      onReset(c, d) {
        if (d === 0 && wasChallenged(c) && !judge.has(PORT_REUSE, c)) tellOfChallenge(judge, c)
      },
      onSynAgain(c, d) {
        if (d !== 0 || c.connection.occurrence === 0 || judge.has(PORT_REUSE, c)) return
        const since = closed.get(keyOf(c)) ?? Number.NEGATIVE_INFINITY
        if (c.client.firstSynMicros - since > REMEMBERED_MICROS) return
        if (isUnanswered(judge, c) && c.client.syns >= SYNS_TO_TELL) tellOfSilence(judge, c, since)
      },
      onClose(c) {
        if (c.establishedMicros === 0 || c.firstFinBy < 0) return
        closed.set(keyOf(c), c.lastMicros)
      },
    }
  },
}

/** Two connections that share one by chance do no harm: only what has come again, by its addresses and ports, is looked up. */
function keyOf({ place, clientEnd, serverEnd }: ConnectionFacts): number {
  return Math.imul(hashOfEnd(place, clientEnd), 31) ^ hashOfEnd(place, serverEnd)
}

/** Nothing came from the server but acknowledgements, and those were not of the SYN. */
function wasChallenged({ client, server, establishedMicros }: ConnectionFacts): boolean {
  if (client.syns === 0 || server.syns > 0 || establishedMicros !== 0) return false
  return server.packets > 0 && server.resets === 0 && server.dataSegments === 0 && client.dataSegments === 0
}

function tellOfChallenge(judge: Judge, c: ConnectionFacts): void {
  const { place, clientEnd, serverEnd, client, server } = c
  judge.find(PORT_REUSE, about(c), 'certain', () => ({
    cause: `${judge.hostOf(place, clientEnd)} used source port ${clientEnd.port} again while ${judge.endOf(place, serverEnd)} still knew the old connection.`,
    next: 'keep connections and use them again, or widen net.ipv4.ip_local_port_range at the client',
    evidence: [
      { micros: client.firstSynMicros, text: `SYN from port ${clientEnd.port}` },
      { micros: server.firstMicros, text: 'answered by an ACK of the old connection, not by SYN+ACK' },
      { micros: client.resetMicros, text: 'RST from the client' },
    ],
  }))
}

function tellOfSilence(judge: Judge, c: ConnectionFacts, closedMicros: number): void {
  const { place, clientEnd, serverEnd, client } = c
  judge.find(PORT_REUSE, about(c), 'likely', () => ({
    cause: `${judge.hostOf(place, clientEnd)} used source port ${clientEnd.port} again ${duration(client.firstSynMicros - closedMicros)} after that connection to ${judge.endOf(place, serverEnd)} had closed, and its SYN was dropped.`,
    next: 'keep connections and use them again, or widen net.ipv4.ip_local_port_range at the client',
    evidence: [
      { micros: closedMicros, text: 'the connection before was closed' },
      { micros: client.firstSynMicros, text: `SYN from the same port ${clientEnd.port}, no answer` },
      { micros: client.lastSynMicros, text: `SYN again` },
    ],
  }))
}
