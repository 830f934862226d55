// loss and spurious-retransmission: data that was sent again, and whether it had to be.

import type { Direction } from '../../core/connection.ts'
import { counted, duration, grouped } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type Description, type Judge, type Judgement, type Rule, type Subject } from '../rule.ts'
import type { SideFacts } from '../side-facts.ts'
import { LOSS, SPURIOUS_RETRANSMISSION } from './loss-kind.ts'

/** By then the receiver has said whether it had the data already. */
const JUDGED_AFTER_MICROS = 1_000_000
/** Of all segments; less is how long ways are. Several that are not so rare count as well. */
const LOSS_TO_WARN = 0.01
const SEVERAL = 3
const SEVERAL_TO_WARN = 0.003
/** Several losses so close together are one burst. */
const BURST_MICROS = 100_000
const BURST_LEAST = 3

export const loss: Rule = {
  kinds: [LOSS, SPURIOUS_RETRANSMISSION],
  begin(judge: Judge): Judgement {
    /** By connection, the directions that were told (as bits): a connection counts once for each. */
    const told = new Map<number, number>()
    const isTold = (c: ConnectionFacts, d: Direction): boolean => ((told.get(c.id) ?? 0) & (1 << d)) !== 0
    /** A few in many are told when it is known that they were few. */
    const look = (c: ConnectionFacts, isOver: boolean): void => {
      for (const side of c.sides) {
        if (side.lostSegments === 0) continue
        if (isTold(c, side.direction)) {
          if (isOver) judge.update(LOSS, subjectOf(c, side, true), () => describe(judge, c, side))
        } else if (isOver || isSerious(side)) {
          told.set(c.id, (told.get(c.id) ?? 0) | (1 << side.direction))
          judge.find(LOSS, subjectOf(c, side, isSerious(side)), 'likely', () => describe(judge, c, side))
        }
      }
    }
    return {
      onRetransmission(c) {
        judge.wake(c, judge.nowMicros + JUDGED_AFTER_MICROS)
      },
      onWake(c) {
        if (c.client.lastRetransmissionMicros + c.server.lastRetransmissionMicros > 0) look(c, false)
      },
      onClose(c) {
        look(c, true)
        told.delete(c.id)
        for (const side of c.sides) if (side.spuriousRetransmissions > 0) tellSpurious(judge, c, side)
      },
    }
  },
}

function subjectOf(c: ConnectionFacts, side: SideFacts, serious: boolean): Subject {
  return about(c, { group: `${side.direction} ${serious ? '' : 'few'}`, severity: serious ? 'warning' : 'note' })
}

function isSerious({ lostSegments, neededTimeouts, dataSegments }: SideFacts): boolean {
  if (neededTimeouts > 0 || lostSegments >= dataSegments * LOSS_TO_WARN) return true
  return lostSegments >= SEVERAL && lostSegments >= dataSegments * SEVERAL_TO_WARN
}

function describe(judge: Judge, c: ConnectionFacts, side: SideFacts): Description {
  const { lostSegments: lost, dataSegments, firstRetransmissionMicros: first, lastRetransmissionMicros: last } = side
  const [from, to] = endsOf(judge, c, side.direction)
  const share = ((100 * lost) / Math.max(lost, dataSegments)).toPrecision(2)
  const span = last - first
  const pattern =
    lost < BURST_LEAST ? '' : span < BURST_MICROS ? ', all in one burst' : `, scattered over ${duration(span)}`
  const waits =
    side.neededTimeouts > 0
      ? ` ${counted(side.neededTimeouts, 'time')} the sender noticed only by a time-out, which costs 200 ms and more.`
      : ' The sender noticed quickly, by what the receiver acknowledged.'
  return {
    cause: `${counted(lost, 'segment')} of ${grouped(dataSegments)} (${share} %) from ${from} to ${to} ${lost === 1 ? 'was' : 'were'} lost ${whereOf(side)}${pattern}.${waits}`,
    next: `capture at ${to} as well and compare; look at drops on the way: ip -s link, tc -s qdisc`,
    evidence: [
      { micros: first, text: `first segment that was sent again, by ${from}` },
      ...(lost > 1 ? [{ micros: last, text: `the latest; ${counted(lost, 'segment')} in all` }] : []),
    ],
  }
}

function whereOf({ lostBefore, lostSegments }: SideFacts): string {
  if (lostBefore === 0) return 'behind this capture point'
  if (lostBefore === lostSegments) return 'before this capture point'
  return 'on both sides of this capture point'
}

function endsOf(judge: Judge, c: ConnectionFacts, from: Direction): readonly [string, string] {
  const client = judge.hostOf(c.place, c.clientEnd)
  const server = judge.endOf(c.place, c.serverEnd)
  return from === 0 ? [client, server] : [server, client]
}

function tellSpurious(judge: Judge, c: ConnectionFacts, side: SideFacts): void {
  judge.find(SPURIOUS_RETRANSMISSION, about(c, { group: `${side.direction}` }), 'certain', () => {
    const [from, to] = endsOf(judge, c, side.direction)
    return {
      cause: `${from} sent ${counted(side.spuriousRetransmissions, 'segment')} again that ${to} already had.`,
      next: '',
      evidence: [{ micros: side.firstRetransmissionMicros, text: `the first segment that ${from} sent again` }],
    }
  })
}
