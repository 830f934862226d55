// mtu-black-hole: large packets vanish on the way, and the ICMP message that would say so as well (RFC 2923 §2.1, RFC 8899).

import { type Direction, opposite } from '../../core/connection.ts'
import { counted, duration } from '../../core/plain-numbers.ts'
import { sequenceDistance } from '../../core/sequence.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type Description, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import type { SideFacts } from '../side-facts.ts'
import { HUNG_PEER } from './answer-kinds.ts'
import { LOSS } from './loss-kind.ts'
import { TLS_KINDS } from './tls-kinds.ts'

export const MTU_BLACK_HOLE: FindingKind = {
  id: 'mtu-black-hole',
  severity: 'error',
  title: 'large packets do not get through',
  meaning:
    'Small packets pass and full-sized ones vanish. Somewhere on the way the largest packet that fits (the MTU) is smaller than the ends believe, and the ICMP message that would tell the sender is filtered. Connecting works and small answers work; the first large one hangs.',
  told: 'A large segment is sent again and again and never acknowledged, while the other side is alive or smaller segments have passed, and no segment so large ever was. No ICMP "fragmentation needed" or "packet too big" is seen. Next to the receiver: a hole of a segment or more that is never filled, while small segments behind it arrive.',
  limits:
    'A link that breaks just when the first large segment is sent looks the same, if nothing is heard of the other side after that; then this is only possible.',
  advice:
    'Find the size that passes: ping -M do -s 1372 HOST. Then use it on the way: docker network create --opt com.docker.network.driver.mtu=1400, or clamp the MSS: iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu. Let ICMP type 3 code 4 and ICMPv6 type 2 pass.',
  insteadOf: [LOSS, HUNG_PEER, ...TLS_KINDS],
}

/** No way has a smaller MTU (RFC 791: 576 with 40 bytes of headers), so smaller segments pass. */
const LEAST_LARGE_BYTES = 500
const REPEATS_TO_TELL = 3
const REPEATS_IN_SILENCE = 4
/** Of what both ends agreed on, less options: what is as large is a full segment. */
const OPTIONS_BYTES = 60
const HOLE_MICROS = 2_000_000
const TOO_BIG = { 4: { type: 3, code: 4 }, 6: { type: 2, code: 0 } } as const

export const mtuBlackHole: Rule = {
  kinds: [MTU_BLACK_HOLE],
  begin(judge: Judge): Judgement {
    const lookForHoles = (c: ConnectionFacts): void => {
      for (const { direction } of c.sides) if (hasHole(judge, c, direction)) tellOfHole(judge, c, direction)
    }
    return {
      onRetransmission(c, d) {
        if (!judge.has(MTU_BLACK_HOLE, c) && vanishes(c, d)) tell(judge, c, d)
      },
      onIcmp(c, { family, type, code }) {
        const { type: tooBig, code: why } = family === 4 ? TOO_BIG[4] : TOO_BIG[6]
        if (type === tooBig && code === why) judge.withdraw(MTU_BLACK_HOLE, c)
      },
      onSilenceEnd: lookForHoles,
      onClose(c) {
        if (judge.has(MTU_BLACK_HOLE, c)) {
          if (c.sides.some((side) => side.mostRepeats >= REPEATS_TO_TELL && hasPassed(side)))
            judge.withdraw(MTU_BLACK_HOLE, c)
        } else lookForHoles(c)
      },
    }
  },
}

function vanishes(c: ConnectionFacts, d: Direction): boolean {
  const sender = c.sides[d]
  const { repeats, repeatedBytes } = sender
  if (repeats < REPEATS_TO_TELL || repeatedBytes < LEAST_LARGE_BYTES || hasPassed(sender) || c.icmp.some(isTooBig))
    return false
  return isAlive(c, d) || (repeats >= REPEATS_IN_SILENCE && isFull(c, d) && hasPassedSmall(c, d))
}

function isTooBig({ family, type, code }: ConnectionFacts['icmp'][number]): boolean {
  const tooBig = family === 4 ? TOO_BIG[4] : TOO_BIG[6]
  return type === tooBig.type && code === tooBig.code
}

/** A segment as large as the one that is repeated was acknowledged. */
function hasPassed({ largestAcknowledgedPayload, repeatedBytes }: SideFacts): boolean {
  return largestAcknowledgedPayload >= repeatedBytes
}

/** Something came of the other side since the segment was sent again for the first time, or it tells of what lies behind. */
function isAlive(c: ConnectionFacts, d: Direction): boolean {
  const receiver = c.sides[opposite(d)]
  return receiver.lastMicros > c.sides[d].repeatedSinceMicros || receiver.duplicateAcknowledgementsInRow > 0
}

function isFull(c: ConnectionFacts, d: Direction): boolean {
  const [own, peer] = [c.sides[d], c.sides[opposite(d)]]
  const agreed = Math.min(own.maximumSegmentBytes || 1460, peer.maximumSegmentBytes || 1460)
  return own.repeatedBytes >= agreed - OPTIONS_BYTES
}

/** The handshake, or a smaller segment. */
function hasPassedSmall(c: ConnectionFacts, d: Direction): boolean {
  return c.establishedMicros !== 0 || c.sides[d].largestAcknowledgedPayload > 0
}

/** Next to the receiver: what is missing never comes, and what is behind it is small and has arrived. */
function hasHole(judge: Judge, c: ConnectionFacts, d: Direction): boolean {
  const [sender, receiver] = [c.sides[d], c.sides[opposite(d)]]
  if (sender.holeSinceMicros === 0 || judge.nowMicros - sender.holeSinceMicros < HOLE_MICROS) return false
  if (judge.has(MTU_BLACK_HOLE, c) || c.icmp.some(isTooBig)) return false
  const missing = sequenceDistance(sender.holeEnd, sender.holeStart)
  if (missing < LEAST_LARGE_BYTES || sender.largestPayload >= missing || isFullPayload(sender.largestPayload))
    return false
  // acknowledged all the same: the capture has lost it
  return receiver.hasAcknowledged && sequenceDistance(receiver.acknowledged, sender.holeStart) <= 0
}

function isFullPayload(bytes: number): boolean {
  return bytes >= 1460 - OPTIONS_BYTES
}

function tell(judge: Judge, c: ConnectionFacts, d: Direction): void {
  const certainty = isAlive(c, d) && isFull(c, d) ? 'likely' : 'possible'
  judge.find(MTU_BLACK_HOLE, about(c, { group: `${d}` }), certainty, () => describe(judge, c, d))
}

function describe(judge: Judge, c: ConnectionFacts, d: Direction): Description {
  const { repeats, repeatedBytes, repeatedSinceMicros, largestAcknowledgedPayload } = c.sides[d]
  const [from, to] = endsOf(judge, c, d)
  const passed =
    largestAcknowledgedPayload > 0
      ? `the largest that passed had ${counted(largestAcknowledgedPayload, 'byte')}`
      : 'only packets without data have passed'
  const alive = isAlive(c, d) ? '' : ', or the way broke just then'
  return {
    cause: `segments of ${counted(repeatedBytes, 'byte')} from ${from} do not reach ${to}; ${passed}. A link on the way has a smaller MTU and its ICMP message is filtered${alive}.`,
    next: `find the size that passes: ping -M do -s ${Math.max(28, repeatedBytes - 100)} ${to}; then set that MTU (--opt com.docker.network.driver.mtu=) or clamp the MSS`,
    evidence: [
      { micros: repeatedSinceMicros, text: `${counted(repeatedBytes, 'byte')} sent again by ${from}` },
      {
        micros: judge.nowMicros,
        text: `${counted(repeats, 'time')} in ${duration(judge.nowMicros - repeatedSinceMicros)}, never acknowledged`,
      },
    ],
  }
}

function tellOfHole(judge: Judge, c: ConnectionFacts, d: Direction): void {
  const { holeSinceMicros, holeStart, holeEnd, largestPayload } = c.sides[d]
  const [from, to] = endsOf(judge, c, d)
  const missing = sequenceDistance(holeEnd, holeStart)
  judge.find(MTU_BLACK_HOLE, about(c, { group: `${d}` }), 'possible', () => ({
    cause: `${counted(missing, 'byte')} from ${from} never reached ${to}, while small segments behind them did (the largest had ${counted(largestPayload, 'byte')}): probably large packets do not pass, as a link on the way has a smaller MTU and its ICMP message is filtered.`,
    next: `find the size that passes: ping -M do -s 1372 ${from}; then set that MTU (--opt com.docker.network.driver.mtu=) or clamp the MSS`,
    evidence: [
      { micros: holeSinceMicros, text: `a segment arrives, ${counted(missing, 'byte')} before it are missing` },
      { micros: judge.nowMicros, text: `still missing after ${duration(judge.nowMicros - holeSinceMicros)}` },
    ],
  }))
}

function endsOf(judge: Judge, c: ConnectionFacts, from: Direction): readonly [string, string] {
  const ends = [judge.hostOf(c.place, c.clientEnd), judge.hostOf(c.place, c.serverEnd)] as const
  return from === 0 ? ends : [ends[1], ends[0]]
}
