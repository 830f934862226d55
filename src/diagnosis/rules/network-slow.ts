// network-slow: the way itself takes long, there and back.

import { counted, duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { hashOfPair } from '../end-hash.ts'
import { about, type Description, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'

export const NETWORK_SLOW: FindingKind = {
  id: 'network-slow',
  severity: 'warning',
  title: 'the network takes long, there and back',
  meaning:
    'What one side sends is acknowledged late by the other, though no application has a part in that: the packets themselves are long on their way.',
  told: 'Acknowledgements that take 300 ms and more, three and more of them, while the same two hosts have been ten times as fast; what was sent again is not counted. A way that always takes 500 ms and more is a note.',
  limits: 'Whether the way there or the way back is slow cannot be told from one place.',
  advice:
    'A way that is slow at times is a link or a shaper with a full queue: look for large transfers at that time, and at tc -s qdisc. One that is always slow is distance: keep connections open, and ask for several things at once.',
  latestText: true,
}

const ROUND_TRIPS_TO_TELL = 3
const FAR_ABOVE_TIMES = 10
const LONG_WAY_MICROS = 500_000
const MAXIMUM_PAIRS = 4096

export const networkSlow: Rule = {
  kinds: [NETWORK_SLOW],
  begin(judge: Judge): Judgement {
    /** By a hash of both hosts, the fastest round trip between them. */
    const fastest = new Map<number, number>()
    return {
      onEstablished(c) {
        const took = roundTripOf(c)
        if (took < LONG_WAY_MICROS || took > (fastest.get(hashOf(c)) ?? Number.POSITIVE_INFINITY) * 2) return
        judge.find(NETWORK_SLOW, about(c, { severity: 'note', group: 'steady', anyPort: true }), 'likely', () =>
          describeSteady(judge, c, took),
        )
      },
      onExchange(_timed, c) {
        if (c !== undefined && isLoaded(c, fastest)) tellLoaded(judge, c, fastest)
      },
      onClose(c) {
        if (isLoaded(c, fastest)) tellLoaded(judge, c, fastest)
        noteFastest(fastest, c)
      },
    }
  },
}

/** Of the handshake: nothing but the network, and both kernels. */
function roundTripOf({ client, server }: ConnectionFacts): number {
  if (client.syns !== 1 || server.syns !== 1) return -1
  return Math.max(0, client.firstRoundTripMicros) + Math.max(0, server.firstRoundTripMicros)
}

function noteFastest(fastest: Map<number, number>, c: ConnectionFacts): void {
  const took = fastestOf(c)
  if (took < 0) return
  const hash = hashOf(c)
  const before = fastest.get(hash)
  if (before !== undefined && before <= took) return
  if (before === undefined && fastest.size >= MAXIMUM_PAIRS) fastest.delete(fastest.keys().next().value!)
  fastest.set(hash, took)
}

function fastestOf({ client, server }: ConnectionFacts): number {
  if (client.roundTripMicros < 0 && server.roundTripMicros < 0) return -1
  return Math.max(0, client.roundTripMicros) + Math.max(0, server.roundTripMicros)
}

function usualOf(c: ConnectionFacts, fastest: ReadonlyMap<number, number>): number {
  return Math.min(fastestOf(c), fastest.get(hashOf(c)) ?? Number.POSITIVE_INFINITY)
}

function slowestOf({ client, server }: ConnectionFacts): number {
  return Math.max(client.slowestRoundTripMicros, server.slowestRoundTripMicros)
}

/** It was much faster at other times. */
export function isLoaded(c: ConnectionFacts, fastest: ReadonlyMap<number, number> = NOTHING): boolean {
  if (c.client.slowRoundTrips + c.server.slowRoundTrips < ROUND_TRIPS_TO_TELL) return false
  return slowestOf(c) >= usualOf(c, fastest) * FAR_ABOVE_TIMES
}

const NOTHING: ReadonlyMap<number, number> = new Map()

function tellLoaded(judge: Judge, c: ConnectionFacts, fastest: ReadonlyMap<number, number>): void {
  const subject = about(c, { group: 'loaded' })
  const usual = usualOf(c, fastest)
  if (judge.has(NETWORK_SLOW, c)) judge.update(NETWORK_SLOW, subject, () => describeLoaded(judge, c, usual))
  else judge.find(NETWORK_SLOW, subject, 'likely', () => describeLoaded(judge, c, usual))
}

function describeLoaded(judge: Judge, c: ConnectionFacts, usual: number): Description {
  const { client, server } = c
  const [from, to] = [judge.hostOf(c.place, c.clientEnd), judge.hostOf(c.place, c.serverEnd)]
  return {
    cause: `between ${from} and ${to} the network took up to ${duration(slowestOf(c))} there and back, ${counted(client.slowRoundTrips + server.slowRoundTrips, 'time')} more than 300 ms; usual is ${duration(usual)}: a link or shaper on the way has a full queue.`,
    next: 'look for large transfers at that time, and at the queues on the way: tc -s qdisc',
    evidence: [
      {
        micros: Math.max(client.slowRoundTripMicros, server.slowRoundTripMicros),
        text: 'the latest acknowledgement that took more than 300 ms',
      },
    ],
  }
}

function describeSteady(judge: Judge, c: ConnectionFacts, took: number): Description {
  const [from, to] = [judge.hostOf(c.place, c.clientEnd), judge.hostOf(c.place, c.serverEnd)]
  return {
    cause: `the way between ${from} and ${to} takes ${duration(took)} there and back: distance, a loaded link or a VPN. Every request pays for it at least once, a new connection once more.`,
    next: '',
    evidence: [
      { micros: c.client.firstSynMicros, text: `SYN to ${c.serverEnd}` },
      {
        micros: c.establishedMicros,
        text: `the handshake is over after ${duration(c.establishedMicros - c.client.firstSynMicros)}`,
      },
    ],
  }
}

function hashOf({ place, clientEnd, serverEnd }: ConnectionFacts): number {
  return hashOfPair(place, clientEnd, serverEnd)
}
