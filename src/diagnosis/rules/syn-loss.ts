// loss of a SYN: the first was lost, a later one was answered; and snat-race, where that happens again and again, and only on
// the way out. (What is lost later is told by loss.ts.)

import { isPublic } from '../../core/endpoint.ts'
import { counted, duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts, CountedConnection } from '../connection-facts.ts'
import { hashOfHost } from '../end-hash.ts'
import {
  about,
  type Description,
  type FindingKind,
  type Judge,
  type Judgement,
  type Rule,
  type Subject,
} from '../rule.ts'
import { LOSS } from './loss-kind.ts'

export const SNAT_RACE: FindingKind = {
  id: 'snat-race',
  severity: 'warning',
  title: 'first SYNs to the outside are lost again and again',
  meaning:
    'Of several connections to the outside the first SYN vanished, and the one a second later got through. When two connections leave a host in the same moment, its NAT may give both the same source port; the kernel then drops the packet of one.',
  told: 'Three connections and more of one host to addresses outside, each with its first SYN lost and the one after a second answered, while neither SYNs to addresses inside nor data to the outside are lost as often.',
  limits:
    'A link to the outside that loses packets when connections begin together looks the same: it is only possible.',
  advice:
    'conntrack -S: a growing insert_failed proves it. Then use MASQUERADE --random-fully (iptables, or the engine’s own setting), or keep connections and use them again.',
  insteadOf: [LOSS],
  latestText: true,
}

/** Sooner than this it is a copy, not another attempt. */
const AGAIN_MICROS = 500_000
/** The answer is to the SYN that it follows so soon. */
const ANSWERED_MICROS = 500_000
/** The first SYN is repeated after a second (RFC 6298 §2.1). */
const FIRST_AGAIN_MICROS = 1_300_000
const TIMES_TO_TELL = 3
const MAXIMUM_HOSTS = 1024

export const synLoss: Rule = {
  // LOSS is listed by loss.ts
  kinds: [SNAT_RACE],
  begin(judge: Judge): Judgement {
    const outward = new Map<number, OutwardLosses>()
    return {
      onEstablished(c) {
        if (wasAnswerLost(c)) tellOfAnswer(judge, c)
        if (!wasLost(c)) return
        const losses = outwardOf(outward, c)
        if (losses === undefined || !noteLost(losses, c)) {
          judge.find(LOSS, about(c, { group: 'syn' }), 'likely', () => describe(judge, c))
        } else tellOfRace(judge, c, losses)
      },
      onRetransmission(c, d) {
        if (d !== 0 || outward.size === 0) return
        const losses = outward.get(hashOfHost(c.place, c.clientEnd))
        if (losses !== undefined) losses.data++
      },
    }
  },
}

/** First SYNs of one host to the outside that were lost. */
interface OutwardLosses {
  /** Those that were told as loss so far. */
  told: CountedConnection[]
  syns: number
  data: number
  inward: number
}

function outwardOf(all: Map<number, OutwardLosses>, c: ConnectionFacts): OutwardLosses | undefined {
  const hash = hashOfHost(c.place, c.clientEnd)
  let losses = all.get(hash)
  if (losses === undefined) {
    if (all.size >= MAXIMUM_HOSTS) return undefined
    losses = { told: [], syns: 0, data: 0, inward: 0 }
    all.set(hash, losses)
  }
  return losses
}

/** True once it looks like a race. */
function noteLost(losses: OutwardLosses, c: ConnectionFacts): boolean {
  if (!isPublic(c.serverEnd)) {
    losses.inward++
    return false
  }
  const { syns, lastSynMicros, firstSynMicros } = c.client
  if (syns !== 2 || lastSynMicros - firstSynMicros > FIRST_AGAIN_MICROS) return false
  losses.syns++
  if (losses.syns < TIMES_TO_TELL) losses.told.push(c.counted)
  return losses.syns >= TIMES_TO_TELL && losses.inward === 0 && losses.data < losses.syns
}

function wasLost({ client, server }: ConnectionFacts): boolean {
  if (client.syns < 2 || client.lastSynMicros - client.firstSynMicros < AGAIN_MICROS) return false
  const answered = server.firstSynMicros - client.lastSynMicros
  return answered >= 0 && answered < ANSWERED_MICROS
}

/** Each SYN was answered at once, and the client sent another all the same. */
function wasAnswerLost({ client, server }: ConnectionFacts): boolean {
  if (client.syns < 2 || server.syns < 2 || client.lastSynMicros - client.firstSynMicros < AGAIN_MICROS) return false
  const first = server.firstSynMicros - client.firstSynMicros
  return first >= 0 && first < ANSWERED_MICROS && server.lastSynMicros >= client.lastSynMicros
}

function tellOfAnswer(judge: Judge, c: ConnectionFacts): void {
  const { place, clientEnd, serverEnd, client, server } = c
  judge.find(LOSS, about(c, { group: 'syn' }), 'likely', () => ({
    cause: `the first answer of ${judge.endOf(place, serverEnd)} (SYN+ACK) did not reach ${judge.hostOf(place, clientEnd)}, which asked again after ${duration(client.lastSynMicros - client.firstSynMicros)}: it was lost behind this capture point.`,
    next: `capture at ${judge.hostOf(place, clientEnd)} as well and compare; look at drops on the way: ip -s link`,
    evidence: [
      { micros: client.firstSynMicros, text: `SYN to ${serverEnd}` },
      { micros: server.firstSynMicros, text: 'SYN+ACK' },
      { micros: client.lastSynMicros, text: 'SYN again, as if there had been no answer' },
    ],
  }))
}

/** Those before it are counted with it. */
function tellOfRace(judge: Judge, c: ConnectionFacts, losses: OutwardLosses): void {
  const describeIt = (): Description => describeRace(judge, c, losses.syns)
  const earlier = losses.told.splice(0)
  for (const each of earlier) judge.withdraw(LOSS, each)
  for (const each of earlier) judge.find(SNAT_RACE, raceOf(c, each), 'possible', describeIt)
  judge.find(SNAT_RACE, raceOf(c, c), 'possible', describeIt)
}

/** Of the host, whatever it connects to. */
function raceOf({ place, clientEnd }: ConnectionFacts, facts: CountedConnection): Subject {
  return { place, client: clientEnd, server: undefined, facts }
}

function describeRace(judge: Judge, c: ConnectionFacts, times: number): Description {
  const { place, clientEnd, serverEnd, client, server } = c
  return {
    cause: `the first SYN of ${counted(times, 'connection')} of ${judge.hostOf(place, clientEnd)} to the outside was lost, the one after a second was answered. It may be that the NAT gave two connections the same source port; ordinary loss on that link looks the same.`,
    next: 'on the host that does the NAT: conntrack -S (does insert_failed grow?); then MASQUERADE --random-fully',
    evidence: [
      { micros: client.firstSynMicros, text: `the latest: SYN to ${serverEnd}, no answer` },
      {
        micros: client.lastSynMicros,
        text: `SYN again after ${duration(client.lastSynMicros - client.firstSynMicros)}`,
      },
      { micros: server.firstSynMicros, text: 'SYN+ACK' },
    ],
  }
}

function describe(judge: Judge, c: ConnectionFacts): Description {
  const { place, serverEnd, client, server } = c
  return {
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
  }
}
