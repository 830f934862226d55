// Decides which resets a receiver would believe, and what shows afterwards that it did not (RFC 9293 §3.10.7.4, RFC 5961 §3;
// Linux, tcp_validate_incoming). A believed reset ends the connection after a short silence, because data of the other side may
// still be under way. A reset that is only inside the window is doubted, and ends the connection after a long silence.

import type { Direction } from '../core/connection.ts'
import { type Segment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../core/segment.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import { elapsedMicros } from '../core/timestamp.ts'
import { believed } from './hole-list.ts'
import { acknowledgesKnown, judgeSyn, SYN_NEW } from './plausibility.ts'
import { PLAUSIBLE_BYTES, POSITION_UNKNOWN, type TrackedConnection, type TrackedStream } from './tracked-connection.ts'

/** Outside the window: the receiver ignores it. */
export const RESET_IGNORED = 0
/** Inside the window, but not at the number that the receiver expects: it answers with a challenge ACK. */
export const RESET_DOUBTED = 1
export const RESET_BELIEVED = 2

/** Silence after which a believed reset has ended the connection. */
export const BELIEVED_SILENCE_MICROS = 2_000_000
/** The same for a doubted one. It is longer because challenges are rate-limited and an idle side sends nothing for a while. */
export const DOUBTED_SILENCE_MICROS = 30_000_000
/** New data that comes this long after a reset was not under way at the reset. */
const UNDER_WAY_MICROS = 1_000_000
/** A segment from the resetting side that comes this much later was not just captured in the wrong order. */
const SWAPPED_MICROS = 1_000_000
/** How far a reset may lie from where the stream stands: its sender may have been ahead of what was captured. */
const RESET_SLACK_BYTES = 65_536

/** One of the RESET_… verdicts on a RST sent on `stream`; `other` is the way back. */
export function judgeReset(stream: TrackedStream, other: TrackedStream, s: Segment): number {
  // The refusal of a SYN has no sequence number of its own and must acknowledge ours (RFC 9293 §3.10.7.3).
  if (stream.position === POSITION_UNKNOWN) return isRefusal(other, s) ? RESET_BELIEVED : RESET_IGNORED
  const { sequence } = s
  const due = dueAtReceiver(stream)
  if (sequence === due || isBelowFin(stream, sequence, due)) return RESET_BELIEVED
  // What is queued here has been selectively acknowledged there.
  if (stream.first !== null && sequence === stream.reach) return RESET_BELIEVED
  if (sequenceDistance(sequence, stream.reach) > RESET_SLACK_BYTES) return RESET_IGNORED
  if (sequenceDistance(sequence, due) > 0) return RESET_DOUBTED
  // What has been acknowledged lies before the window; a very old acknowledgement says nothing.
  const lag = sequenceDistance(due, stream.acknowledged)
  const left = lag >= 0 && lag <= RESET_SLACK_BYTES ? stream.acknowledged : sequenceAdd(due, -RESET_SLACK_BYTES)
  return sequenceDistance(sequence, left) >= 0 ? RESET_DOUBTED : RESET_IGNORED
}

/** What the receiver of `stream` expects next: it may have got, and acknowledged, more than was captured. */
export function dueAtReceiver(stream: TrackedStream): number {
  const { expected } = stream
  const due = sequenceAdd(expected, believed(sequenceDistance(stream.acknowledged, expected)))
  return stream.finKnown && due === stream.finSequence ? sequenceAdd(due, 1) : due
}

/** After a FIN some systems reset with the number of the FIN itself. */
function isBelowFin(stream: TrackedStream, sequence: number, due: number): boolean {
  if (sequence !== sequenceAdd(due, -1)) return false
  if (stream.finKnown) return sequence === stream.finSequence
  // a lone byte that was acknowledged and never seen is as likely a FIN that was not captured
  return sequence === stream.expected
}

function isRefusal(other: TrackedStream, s: Segment): boolean {
  if ((s.flags & TCP_ACK) === 0) return false
  if (!other.sawSyn) return acknowledgesKnown(other, s.acknowledgement)
  const end = sequenceAdd(other.reach, other.finKnown ? 1 : 0)
  return sequenceDistance(s.acknowledgement, other.initialSequence) > 0 && sequenceDistance(s.acknowledgement, end) <= 0
}

/** Remembers on the connection what a reset that may end it looked like. */
export function noteReset(c: TrackedConnection, direction: Direction, s: Segment, now: number): void {
  const stream = c.streamOf(direction)
  const other = c.streamOf(direction === 0 ? 1 : 0)
  if (c.resetBy < 0) c.phaseBeforeReset = c.phase
  c.streams[0].sawReset = direction === 0
  c.streams[1].sawReset = direction === 1
  c.resetBy = direction
  const since = c.lastDataTime.seconds > 0 ? c.lastDataTime : c.openTime
  c.resetIdleMicros = Math.max(0, elapsedMicros(since, s.time))
  c.resetMicros = now
  c.resetSequence = s.sequence
  c.resetIsRefusal = stream.position === POSITION_UNKNOWN
  c.resetPeerKnown = other.position !== POSITION_UNKNOWN
  c.resetPeerEnd = other.finKnown ? sequenceAdd(other.finSequence, 1) : other.reach
}

/** Forgets it: there was no reset. */
export function forgetReset(c: TrackedConnection): void {
  c.streams[0].sawReset = false
  c.streams[1].sawReset = false
  c.resetBy = -1
}

/**
 * Whether a segment (no RST) of a connection that seems to be reset shows that it is not: its sender goes on, or the other
 * side asks back. `doubted`: the reset is.
 */
export function showsGoingOn(
  c: TrackedConnection,
  direction: Direction,
  s: Segment,
  doubted: boolean,
  now: number,
): boolean {
  const length = s.payloadEnd - s.payloadStart + s.missingBytes
  const end = sequenceAdd(s.sequence, length + ((s.flags & (TCP_SYN | TCP_FIN)) !== 0 ? 1 : 0))
  const later = now - c.resetMicros
  const stream = c.streamOf(direction)
  const other = c.streamOf(direction === 0 ? 1 : 0)
  if (direction === c.resetBy) {
    if (c.resetIsRefusal) return true
    // it begins another connection, wherever its number happens to lie
    if ((s.flags & TCP_SYN) !== 0 && judgeSyn(stream, other, s) === SYN_NEW) return false
    const beyond = sequenceDistance(end, c.resetSequence)
    if (beyond > 0 && beyond <= PLAUSIBLE_BYTES) return true
    if (acknowledgesMore(c, s)) return true
    return later >= SWAPPED_MICROS
  }
  if (length > 0) {
    return c.resetPeerKnown && later >= UNDER_WAY_MICROS && sequenceDistance(end, c.resetPeerEnd) > 0
  }
  return doubted && isChallenge(other, s)
}

/** Whether the resetting side acknowledges what the other side sent after the reset. */
function acknowledgesMore(c: TrackedConnection, s: Segment): boolean {
  if ((s.flags & TCP_ACK) === 0 || !c.resetPeerKnown) return false
  const more = sequenceDistance(s.acknowledgement, c.resetPeerEnd)
  return more > 0 && more <= PLAUSIBLE_BYTES
}

/** An empty ACK that says once more where its sender stands on `stream`, the way back (RFC 5961 §3.2, §4.2). */
export function isChallenge(stream: TrackedStream, s: Segment): boolean {
  if ((s.flags & (TCP_ACK | TCP_SYN | TCP_FIN | TCP_RST)) !== TCP_ACK) return false
  if (s.payloadEnd > s.payloadStart || s.missingBytes > 0 || stream.position === POSITION_UNKNOWN) return false
  const ahead = sequenceDistance(s.acknowledgement, stream.acknowledged)
  return ahead <= 0 && ahead >= -RESET_SLACK_BYTES
}

/** Whether a client whose SYN was refused sends it again: that is a new attempt. */
export function triesAgain(c: TrackedConnection, direction: Direction, s: Segment): boolean {
  return direction === 0 && c.resetIsRefusal && c.resetBy === 1 && (s.flags & (TCP_SYN | TCP_ACK)) === TCP_SYN
}
