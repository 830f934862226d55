// Decides whether a segment belongs to a known connection: whether a SYN begins a new one, and whether a sequence number can be
// part of the flow. Follows RFC 9293 §3.5 and §3.10 and RFC 5961 as far as an observer can.

import { type Segment, TCP_ACK, TCP_RST, TCP_SYN, type Transport } from '../core/segment.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import {
  PLAUSIBLE_BYTES,
  POSITION_ANCHORED,
  POSITION_OWN,
  POSITION_UNKNOWN,
  type TrackedStream,
} from './tracked-connection.ts'

/** The SYN belongs to this connection: its first, or the same again. */
export const SYN_BELONGS = 0
/** Another initial sequence number: another connection on the same 4-tuple. */
export const SYN_NEW = 1
/** The server answered once more with another initial sequence number, before any of its data. */
export const SYN_REPLACES_ANSWER = 2
/** Forged, or of an earlier connection. */
export const SYN_IGNORED = 3

/** How far before the first data seen a late SYN may lie. */
const LATE_SYN_BYTES = 65_536

/** One of the SYN_… verdicts on a SYN or SYN-ACK sent on `stream`; `other` is the way back. */
export function judgeSyn(stream: TrackedStream, other: TrackedStream, s: Segment): number {
  const isAnswer = (s.flags & TCP_ACK) !== 0
  if (stream.sawSyn) {
    if (s.sequence === stream.initialSequence) return SYN_BELONGS
    if (!isAnswer) return SYN_NEW
    if (!acknowledgesKnown(other, s.acknowledgement)) return SYN_NEW
    // The client has acknowledged the first answer.
    const isSettled = stream.connection.handshakeMicros >= 0
    return stream.offset === 0 && stream.first === null && !isSettled ? SYN_REPLACES_ANSWER : SYN_IGNORED
  }
  const due = sequenceAdd(s.sequence, 1)
  if (stream.position === POSITION_ANCHORED) {
    // `expected - offset` is where the stream began; exact, since doubles hold both and `| 0` is modulo 2^32.
    const early = sequenceDistance(sequenceAdd(stream.expected, -stream.offset), due)
    return early >= 0 && early <= LATE_SYN_BYTES ? SYN_BELONGS : SYN_NEW
  }
  // What is held back from before the SYN is of an earlier connection.
  if (stream.first !== null && sequenceDistance(stream.first.sequence, due) < 0) return SYN_NEW
  if (isAnswer && acknowledgesKnown(other, s.acknowledgement)) return SYN_BELONGS
  if (stream.position === POSITION_UNKNOWN) {
    // Both sides open at once (RFC 9293 §3.5, simultaneous open).
    return !isAnswer && other.sawSyn && other.offset === 0 ? SYN_BELONGS : SYN_NEW
  }
  const early = sequenceDistance(stream.expected, due)
  return early >= 0 && early <= LATE_SYN_BYTES ? SYN_BELONGS : SYN_NEW
}

/** True when `acknowledgement` lies within what is known of the stream that it acknowledges. */
export function acknowledgesKnown(stream: TrackedStream, acknowledgement: number): boolean {
  if (stream.position === POSITION_UNKNOWN) return false
  const start = stream.sawSyn ? sequenceAdd(stream.initialSequence, 1) : sequenceAdd(stream.expected, -LATE_SYN_BYTES)
  return sequenceDistance(acknowledgement, start) >= 0 && sequenceDistance(acknowledgement, stream.reach) <= 1
}

/** Data at `sequence` is too far from where the stream stands to be part of it (tcpflow's -m). */
export function isJump(stream: TrackedStream, sequence: number, maximumJumpBytes: number): boolean {
  if (stream.position !== POSITION_ANCHORED) return false
  const ahead = sequenceDistance(sequence, stream.expected)
  if (ahead <= 0) return ahead < -Math.max(maximumJumpBytes, PLAUSIBLE_BYTES)
  return sequenceDistance(sequence, stream.reach) > maximumJumpBytes
}

/** Data that the finished `stream` cannot have sent: of a connection whose SYN was not captured. */
export function isBeyondEnd(stream: TrackedStream, s: Segment): boolean {
  const length = s.payloadEnd - s.payloadStart + s.missingBytes
  if (length === 0 || (s.flags & (TCP_SYN | TCP_RST)) !== 0) return false
  const ahead = sequenceDistance(s.sequence, stream.expected)
  return ahead + length > 0 || ahead < -PLAUSIBLE_BYTES
}

/** Whether an acknowledgement sent with `sequence` on `stream` can come from the one who is connected. */
export function isInWindow(stream: TrackedStream, sequence: number): boolean {
  if (stream.position < POSITION_OWN) return true
  return Math.abs(sequenceDistance(sequence, stream.expected)) <= PLAUSIBLE_BYTES
}

/** For a connection whose SYN was not seen: whether the sender of its first packet is taken for the client. */
export function senderLooksLikeClient(t: Transport, carriesData: boolean): boolean {
  const source = t.sourcePort
  const destination = t.destinationPort
  if (source < 1024 !== destination < 1024) return destination < 1024
  // Where systems take their ephemeral ports from (Linux 32768 on, IANA 49152 on).
  if (source >= 32768 !== destination >= 32768) return source >= 32768
  if (carriesData) return true
  return source >= destination
}
