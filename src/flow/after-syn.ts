// Judges the segments that follow a SYN with another initial sequence number on an open connection. An answer to it shows that
// it begins another connection. Segments that continue the old one show that it has strayed here (RFC 9293 §3.10.7.4, RFC 5961
// §4).

import type { Direction } from '../core/connection.ts'
import { type Segment, TCP_ACK, TCP_RST, TCP_SYN } from '../core/segment.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import type { HeldSyn } from './held-syn.ts'
import { isChallenge, judgeReset, RESET_BELIEVED } from './resets.ts'
import { POSITION_UNKNOWN, type TrackedConnection, type TrackedStream } from './tracked-connection.ts'

/** Says nothing about the SYN that is held. */
export const AFTER_SYN_NOTHING = 0
/** The SYN begins another connection, that the segment belongs to. */
export const AFTER_SYN_ANSWERED = 1
/** The connection goes on: the SYN has strayed here. */
export const AFTER_SYN_GOES_ON = 2
/** The segment is the same SYN once more. */
export const AFTER_SYN_REPEATED = 3
/** The sender of the SYN knows nothing of this connection and resets it. */
export const AFTER_SYN_RESET = 4

/** The sequence numbers of another connection are at least this far away. */
const FITTING_BYTES = 1_048_576
/** Segments of a new connection may come before the one that was to answer its SYN. */
const FIRST_BYTES = 65_536
/** The same SYN this much later is no copy of a packet: its sender has had no answer. */
const INSISTS_MICROS = 200_000

/** One of the AFTER_SYN_… verdicts on a segment of `c`; `silent`: nothing of `c` has come since the SYN. */
export function judgeAfterSyn(
  c: TrackedConnection,
  held: HeldSyn,
  direction: Direction,
  s: Segment,
  silent: boolean,
  now: number,
): number {
  const stream = c.streamOf(direction)
  const other = c.streamOf(direction === 0 ? 1 : 0)
  const first = sequenceAdd(held.segment.sequence, 1)
  if (direction !== held.direction) return judgeAnswer(stream, other, held, first, s)
  if ((s.flags & TCP_SYN) !== 0) {
    if (s.sequence !== held.segment.sequence) return AFTER_SYN_GOES_ON
    return silent && !held.challenged && now - held.micros >= INSISTS_MICROS ? AFTER_SYN_ANSWERED : AFTER_SYN_REPEATED
  }
  if ((s.flags & TCP_RST) !== 0) {
    return held.challenged && judgeReset(stream, other, s) === RESET_BELIEVED ? AFTER_SYN_RESET : AFTER_SYN_NOTHING
  }
  if (fits(stream, other, s)) return AFTER_SYN_GOES_ON
  return isWithin(s.sequence, first, FIRST_BYTES) ? AFTER_SYN_ANSWERED : AFTER_SYN_NOTHING
}

/** The same for a segment from the receiver of the SYN, which may answer it, send a challenge, or have data under way. */
function judgeAnswer(stream: TrackedStream, other: TrackedStream, held: HeldSyn, first: number, s: Segment): number {
  if ((s.flags & TCP_ACK) === 0) return AFTER_SYN_NOTHING
  const { segment } = held
  const answers = isWithin(s.acknowledgement, first, segment.payloadEnd + segment.missingBytes)
  if (answers && (s.flags & TCP_SYN) !== 0) return AFTER_SYN_ANSWERED
  if (answers && (s.flags & TCP_RST) !== 0 && judgeReset(stream, other, s) !== RESET_BELIEVED) return AFTER_SYN_ANSWERED
  if ((s.flags & (TCP_SYN | TCP_RST)) !== 0) return AFTER_SYN_NOTHING
  if (!fits(stream, other, s)) {
    return isWithin(s.acknowledgement, first, FIRST_BYTES) ? AFTER_SYN_ANSWERED : AFTER_SYN_NOTHING
  }
  if (isChallenge(other, s)) held.challenged = true
  return AFTER_SYN_NOTHING
}

/** Whether both numbers of the segment are near to where the connection stands. */
function fits(stream: TrackedStream, other: TrackedStream, s: Segment): boolean {
  if (stream.position !== POSITION_UNKNOWN) {
    if (Math.abs(sequenceDistance(s.sequence, stream.expected)) > FITTING_BYTES) return false
  }
  if ((s.flags & TCP_ACK) === 0 || other.position === POSITION_UNKNOWN) return true
  return Math.abs(sequenceDistance(s.acknowledgement, other.expected)) <= FITTING_BYTES
}

function isWithin(number: number, first: number, bytes: number): boolean {
  const ahead = sequenceDistance(number, first)
  return ahead >= 0 && ahead <= bytes
}
