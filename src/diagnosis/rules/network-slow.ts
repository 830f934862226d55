// network-slow: the way itself takes long, there and back.

import type { Exchange } from '../../core/exchange.ts'
import { counted, duration } from '../../core/plain-numbers.ts'
import { epochMicros } from '../../core/timestamp.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { hashOfPair } from '../end-hash.ts'
import { RecentMap } from '../recent-map.ts'
import { about, type Description, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'

export const NETWORK_SLOW: FindingKind = {
  id: 'network-slow',
  severity: 'warning',
  title: 'the network takes long, there and back',
  meaning:
    'What one side sends is acknowledged late by the other, though no application has a part in that: the packets themselves are long on their way.',
  told: 'Acknowledgements that take 300 ms and more, three and more of them, while the same two hosts have been ten times as fast; or a late answer whose request was acknowledged as late. What was sent again is not counted. A way that always takes 500 ms and more is a note.',
  limits: 'Whether the way there or the way back is slow cannot be told from one place.',
  advice:
    'A way that is slow at times is a link or a shaper with a full queue: look for large transfers at that time, and at tc -s qdisc. One that is always slow is distance: keep connections open, and ask for several things at once.',
  latestText: true,
}

const ROUND_TRIPS_TO_TELL = 3
const FAR_ABOVE_TIMES = 10
const LONG_WAY_MICROS = 500_000
/** What was slow so shortly before a request is so still. */
const JUST_BEFORE_MICROS = 2_000_000
const MAXIMUM_WAYS = 4096

export const networkSlow: Rule = {
  kinds: [NETWORK_SLOW],
  begin(judge: Judge): Judgement {
    /** By a hash of both hosts. */
    const ways = new RecentMap<number, Way>(MAXIMUM_WAYS)
    const wayOf = (c: ConnectionFacts): Way => {
      const hash = hashOfPair(c.place, c.clientEnd, c.serverEnd)
      let way = ways.get(hash)
      if (way === undefined) {
        way = new Way()
        ways.set(hash, way)
      }
      return way
    }
    const look = (c: ConnectionFacts, way: Way): void => {
      if (way.isLoaded(c)) tellLoaded(judge, c, way)
    }
    return {
      onEstablished(c) {
        const way = wayOf(c)
        way.noteFastest(c)
        const took = roundTripOf(c)
        if (took >= LONG_WAY_MICROS && took <= way.fastestMicros * 2) {
          judge.find(NETWORK_SLOW, about(c, { severity: 'note', group: 'steady', anyPort: true }), 'likely', () =>
            describeSteady(judge, c, took),
          )
        } else if (slowRoundTripsOf(c) > 0) look(c, way)
      },
      onExchange({ exchange, firstByteMicros }, c) {
        if (c === undefined || slowRoundTripsOf(c) === 0) return
        const isLate = firstByteMicros >= judge.options.slowMicros && isOfNetwork(exchange, c, firstByteMicros)
        if (isLate) tellLoaded(judge, c, wayOf(c))
        else look(c, wayOf(c))
      },
      onClose(c) {
        if (fastestOf(c) < 0) return
        const way = wayOf(c)
        way.noteFastest(c)
        if (slowRoundTripsOf(c) > 0) look(c, way)
        way.slow += slowRoundTripsOf(c)
      },
    }
  },
}

/** What is known of the way between two hosts. */
class Way {
  fastestMicros = Number.POSITIVE_INFINITY
  /** Slow round trips of connections that are over. */
  slow = 0

  noteFastest(c: ConnectionFacts): void {
    const took = fastestOf(c)
    if (took >= 0 && took < this.fastestMicros) this.fastestMicros = took
  }

  /** It was much faster at other times. */
  isLoaded(c: ConnectionFacts): boolean {
    if (this.slow + slowRoundTripsOf(c) < ROUND_TRIPS_TO_TELL) return false
    return slowestOf(c) >= this.usualOf(c) * FAR_ABOVE_TIMES
  }

  usualOf(c: ConnectionFacts): number {
    return Math.min(fastestOf(c), this.fastestMicros)
  }
}

/** Of the handshake: nothing but the network, and both kernels. */
function roundTripOf({ client, server }: ConnectionFacts): number {
  if (client.syns !== 1 || server.syns !== 1) return -1
  return Math.max(0, client.firstRoundTripMicros) + Math.max(0, server.firstRoundTripMicros)
}

function fastestOf({ client, server }: ConnectionFacts): number {
  if (client.roundTripMicros < 0 && server.roundTripMicros < 0) return -1
  return Math.max(0, client.roundTripMicros) + Math.max(0, server.roundTripMicros)
}

function slowRoundTripsOf({ client, server }: ConnectionFacts): number {
  return client.slowRoundTrips + server.slowRoundTrips
}

function slowestOf({ client, server }: ConnectionFacts): number {
  return Math.max(client.slowestRoundTripMicros, server.slowestRoundTripMicros)
}

/**
 * An answer that came after `micros` is late because of the way: the request was acknowledged late, or what else was
 * acknowledged at that time. An acknowledgement that comes with the answer tells nothing.
 */
export function isOfNetwork({ requestEnd, responseStart }: Exchange, c: ConnectionFacts, micros: number): boolean {
  const askedMicros = epochMicros(requestEnd)
  const { client, server } = c
  const { acknowledgedMicros } = server
  if (acknowledgedMicros < epochMicros(responseStart) && acknowledgedMicros - askedMicros > micros / 2) return true
  const latestSlowMicros = Math.max(client.slowRoundTripMicros, server.slowRoundTripMicros)
  return latestSlowMicros > askedMicros - JUST_BEFORE_MICROS && slowestOf(c) > micros / 2
}

function tellLoaded(judge: Judge, c: ConnectionFacts, way: Way): void {
  const subject = about(c, { group: 'loaded', anyPort: true })
  const describe = (): Description => describeLoaded(judge, c, way)
  if (judge.has(NETWORK_SLOW, c)) judge.update(NETWORK_SLOW, subject, describe)
  else judge.find(NETWORK_SLOW, subject, 'likely', describe)
}

function describeLoaded(judge: Judge, c: ConnectionFacts, way: Way): Description {
  const { client, server } = c
  const [from, to] = [judge.hostOf(c.place, c.clientEnd), judge.hostOf(c.place, c.serverEnd)]
  return {
    cause: `between ${from} and ${to} the network took up to ${duration(slowestOf(c))} there and back, ${counted(way.slow + slowRoundTripsOf(c), 'time')} more than 300 ms; usual is ${duration(way.usualOf(c))}: a link or shaper on the way has a full queue.`,
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
