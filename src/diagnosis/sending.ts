// What a segment tells of loss, distance and windows: sent again or new, acknowledged or repeated (RFC 9293 §3.8, RFC 5681,
// RFC 2883, RFC 6298). Seen from the capture point, which may lie on either side of where a packet was lost.

import { type Segment, TCP_FIN, TCP_RST, TCP_SYN } from '../core/segment.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import type { SideFacts } from './side-facts.ts'
import type { TcpOptions } from './tcp-options.ts'

/** What `noteSent` found. */
export const SENT_NOTHING = 0
export const SENT_NEW = 1
export const SENT_AGAIN = 2
export const SENT_KEEP_ALIVE = 3
/** Behind a hole that was seen, and now closed or narrowed. */
export const SENT_INTO_HOLE = 4

/** What `noteWindow` found, if not for how long the window was shut. */
export const WINDOW_AS_BEFORE = -1
export const WINDOW_SHUT = -2

/** The least time that Linux waits before it sends again unasked. */
const LEAST_TIMEOUT_MICROS = 190_000
/** What comes out of order comes so soon. */
const REORDERING_MICROS = 3_000
const DUPLICATES_OF_LOSS = 3
/** TCP_KEEPIDLE and TCP_KEEPINTVL are whole seconds; the clock of a capture may be a little off. */
const LEAST_PROBE_MICROS = 900_000
/** A window that takes so much is not a small one, however large the segments that offloading makes. */
const USUAL_SEGMENT_BYTES = 1460
/** What a host that names no other takes (RFC 9293 §3.7.1). */
const SMALLEST_SEGMENT_BYTES = 536
/** A header with time stamps has so many bytes of options: what is longer has SACK blocks in it. */
const OPTIONS_WITHOUT_SACK = 12
const SLOW_ROUND_TRIP_MICROS = 300_000
const DELAYED_LEAST_MICROS = 35_000
const DELAYED_MOST_MICROS = 300_000

/** Takes over what `s` says of the bytes that it carries; one of SENT_…. `length` counts SYN and FIN. */
export function noteSent(own: SideFacts, peer: SideFacts, s: Segment, payload: number, micros: number): number {
  const { flags, sequence } = s
  const isFin = (flags & TCP_FIN) !== 0
  const length = payload + ((flags & TCP_SYN) !== 0 ? 1 : 0) + (isFin ? 1 : 0)
  if ((flags & (TCP_SYN | TCP_FIN)) === 0 && isProbe(own, peer, sequence, payload, micros))
    return noteProbe(own, peer, micros)
  if (length === 0) return SENT_NOTHING
  const end = sequenceAdd(sequence, length)
  if (!own.hasSent) {
    own.hasSent = true
    own.furthest = end
    await_(own, end, micros)
    return SENT_NEW
  }
  const ahead = sequenceDistance(end, own.furthest)
  if (ahead > 0) {
    if (sequenceDistance(sequence, own.furthest) > 0) noteHole(own, sequence, micros)
    if (isBeyondWindow(peer, sequence)) own.uselessMicros = micros
    own.furthest = end
    if (payload > own.largestAcknowledgedPayload && own.largerPayload === 0) {
      own.largerPayload = payload
      own.largerEnd = end
    }
    // what waits for a hole to be filled tells nothing of the distance
    if (own.awaitedSinceMicros === 0 && own.holeSinceMicros === 0) await_(own, end, micros)
    return SENT_NEW
  }
  own.awaitedSinceMicros = 0
  if ((flags & TCP_SYN) !== 0) return SENT_AGAIN
  if (own.holeSinceMicros !== 0 && fillsHole(own, peer, sequence, end)) {
    return noteFilled(own, peer, sequence, end, micros)
  }
  noteAgain(own, peer, s, end, payload, micros)
  return SENT_AGAIN
}

function isBeyondWindow(peer: SideFacts, sequence: number): boolean {
  return peer.hasAcknowledged && peer.window > 0 && sequenceDistance(sequence, peer.acknowledged) > peer.window
}

function await_(own: SideFacts, end: number, micros: number): void {
  own.awaitedEnd = end
  own.awaitedSinceMicros = micros
}

/** The other side may have acknowledged everything, or not everything while its window is closed. */
function isProbe(own: SideFacts, peer: SideFacts, sequence: number, payload: number, micros: number): boolean {
  if (payload > 1) return false
  // sooner it is a last byte that was sent again
  if (micros - Math.max(own.lastMicros, peer.lastMicros) < LEAST_PROBE_MICROS) return false
  // met midway, before it has sent anything: what the other side has acknowledged tells where it stands
  if (!own.hasSent) return peer.hasAcknowledged && sequence === sequenceAdd(peer.acknowledged, -1)
  if (sequence === sequenceAdd(own.furthest, -1)) return !peer.hasAcknowledged || peer.acknowledged === own.furthest
  return (
    payload === 1 &&
    peer.window === 0 &&
    sequenceDistance(sequence, own.furthest) <= 0 &&
    peer.acknowledged === sequence
  )
}

function noteProbe(own: SideFacts, peer: SideFacts, micros: number): number {
  if (peer.window === 0) {
    own.windowProbes++
    return SENT_NOTHING
  }
  if (own.keepAliveProbes === 0) {
    own.firstKeepAliveMicros = micros
    own.keepAliveIdleMicros = micros - Math.max(own.lastMicros, peer.lastMicros)
  }
  own.keepAliveProbes++
  own.lastKeepAliveMicros = micros
  return SENT_KEEP_ALIVE
}

/** Several holes at once are taken for one, from the first to the last. */
function noteHole(own: SideFacts, sequence: number, micros: number): void {
  if (own.holeSinceMicros === 0) own.holeStart = own.furthest
  own.holeEnd = sequence
  own.holeSinceMicros = micros
}

/** The receiver has not acknowledged it, so the hole may still be there. */
function fillsHole(own: SideFacts, peer: SideFacts, sequence: number, end: number): boolean {
  if (sequenceDistance(sequence, own.holeStart) < 0 || sequenceDistance(end, own.holeEnd) > 0) return false
  return !peer.hasAcknowledged || sequenceDistance(end, peer.acknowledged) > 0
}

function noteFilled(own: SideFacts, peer: SideFacts, sequence: number, end: number, micros: number): number {
  if (micros - own.holeSinceMicros <= Math.max(REORDERING_MICROS, peer.roundTripMicros / 2)) own.reordered++
  else noteLostBefore(own, micros)
  if (sequence === own.holeStart) own.holeStart = end
  else if (end === own.holeEnd) own.holeEnd = sequence
  if (sequenceDistance(own.holeEnd, own.holeStart) <= 0) own.holeSinceMicros = 0
  return SENT_INTO_HOLE
}

function noteLostBefore(own: SideFacts, micros: number): void {
  own.lostBefore++
  if (own.firstRetransmissionMicros === 0) own.firstRetransmissionMicros = micros
  own.lastRetransmissionMicros = micros
}

function noteAgain(own: SideFacts, peer: SideFacts, s: Segment, end: number, payload: number, micros: number): void {
  if (payload === 0) return
  const since = micros - Math.max(own.lastDataMicros, own.lastRetransmissionMicros)
  // sent in smaller pieces, the large one has not passed
  if (own.largerPayload > payload && sequenceDistance(own.largerEnd, s.sequence) > 0) own.largerPayload = 0
  if (payload >= own.largerPayload && payload > own.largestAcknowledgedPayload) {
    own.largerPayload = payload
    own.largerEnd = end
  }
  own.retransmissions++
  own.retransmittedBytes += payload
  if (own.firstRetransmissionMicros === 0) own.firstRetransmissionMicros = micros
  own.lastRetransmissionMicros = micros
  if (peer.hasAcknowledged && sequenceDistance(end, peer.acknowledged) <= 0) {
    own.spuriousRetransmissions++
    own.spuriousAt = end
    own.uselessMicros = micros
    return
  }
  own.unacknowledgedRetransmissions++
  if (peer.duplicateAcknowledgementsInRow >= DUPLICATES_OF_LOSS || since < LEAST_TIMEOUT_MICROS)
    own.fastRetransmissions++
  else own.timeoutRetransmissions++
  if (own.repeats > 0 && own.repeatedSequence === s.sequence) own.repeats++
  else {
    own.repeats = 1
    own.repeatedSequence = s.sequence
    own.repeatedSinceMicros = micros
  }
  own.repeatedBytes = payload
  if (own.repeats > own.mostRepeats) own.mostRepeats = own.repeats
}

/** Takes over what `s`, sent by `own`, acknowledges of what `peer` has sent. */
export function noteAcknowledged(
  own: SideFacts,
  peer: SideFacts,
  s: Segment,
  payload: number,
  micros: number,
  options: TcpOptions,
): void {
  const { acknowledgement } = s
  if (s.optionsEnd - s.optionsStart > OPTIONS_WITHOUT_SACK && (s.flags & TCP_SYN) === 0) {
    options.read(s)
    noteDuplicate(peer, options, acknowledgement)
  }
  if (!own.hasAcknowledged) {
    own.hasAcknowledged = true
    own.acknowledged = acknowledgement
    own.acknowledgedMicros = micros
  } else {
    const ahead = sequenceDistance(acknowledgement, own.acknowledged)
    if (ahead > 0) noteAdvance(own, peer, acknowledgement, micros)
    else if (ahead === 0) noteSame(own, peer, s, payload)
  }
  timeRoundTrip(own, peer, s, payload, micros)
  noteDelay(own, peer, s, payload, micros)
}

/** What is known as spurious already is not counted again. */
function noteDuplicate(peer: SideFacts, options: TcpOptions, acknowledgement: number): void {
  if (!options.tellsOfDuplicate(acknowledgement) || options.right[0] === peer.spuriousAt) return
  if (peer.retransmissions <= peer.spuriousRetransmissions) return
  peer.spuriousRetransmissions++
  peer.spuriousAt = options.right[0]!
}

function noteAdvance(own: SideFacts, peer: SideFacts, acknowledgement: number, micros: number): void {
  own.acknowledged = acknowledgement
  own.acknowledgedMicros = micros
  own.duplicateAcknowledgementsInRow = 0
  peer.unacknowledgedRetransmissions = 0
  if (peer.repeats > 0 && sequenceDistance(acknowledgement, peer.repeatedSequence) > 0) peer.repeats = 0
  if (peer.holeSinceMicros !== 0 && acknowledgement === peer.furthest) peer.holeSinceMicros = 0
  if (peer.largerPayload > 0 && sequenceDistance(acknowledgement, peer.largerEnd) >= 0) {
    peer.largestAcknowledgedPayload = Math.max(peer.largestAcknowledgedPayload, peer.largerPayload)
    peer.largerPayload = 0
  }
  if (
    peer.finMicros !== 0 &&
    peer.finAcknowledgedMicros === 0 &&
    sequenceDistance(acknowledgement, peer.finSequence) > 0
  ) {
    peer.finAcknowledgedMicros = micros
  }
}

/** RFC 5681 §2: no payload, the same window, and something is out. */
function noteSame(own: SideFacts, peer: SideFacts, s: Segment, payload: number): void {
  if (payload > 0 || (s.flags & (TCP_SYN | TCP_FIN | TCP_RST)) !== 0) return
  if (!peer.hasSent || sequenceDistance(peer.furthest, own.acknowledged) <= 0) return
  own.duplicateAcknowledgements++
  own.duplicateAcknowledgementsInRow++
}

/** Karn's rule: what was sent twice is not timed. An acknowledgement that brings data waited for that data, but for a SYN's. */
function timeRoundTrip(own: SideFacts, peer: SideFacts, s: Segment, payload: number, micros: number): void {
  const since = peer.awaitedSinceMicros
  if (since === 0 || sequenceDistance(s.acknowledgement, peer.awaitedEnd) < 0) return
  peer.awaitedSinceMicros = 0
  if (payload > 0 && own.dataSegments + peer.dataSegments > 0) return
  const took = micros - since
  if (took < 0) return
  if (peer.firstRoundTripMicros < 0) peer.firstRoundTripMicros = took
  if (peer.roundTripMicros < 0 || took < peer.roundTripMicros) peer.roundTripMicros = took
  if (took > peer.slowestRoundTripMicros) peer.slowestRoundTripMicros = took
  if (took >= SLOW_ROUND_TRIP_MICROS) {
    peer.slowRoundTrips++
    peer.slowRoundTripMicros = micros
  }
}

/** A bare acknowledgement that came late, of a lone small segment: the sender's next one shows whether it waited for it. */
function noteDelay(own: SideFacts, peer: SideFacts, s: Segment, payload: number, micros: number): void {
  if (payload > 0 || (s.flags & (TCP_SYN | TCP_FIN | TCP_RST)) !== 0 || s.acknowledgement !== peer.furthest) return
  if (peer.lastDataMicros === 0 || peer.lastPayload === 0) return
  const waited = micros - peer.lastDataMicros
  // the way there and back is no delay of the receiver's
  const delayed = waited - Math.max(0, peer.roundTripMicros)
  if (delayed < DELAYED_LEAST_MICROS || delayed > DELAYED_MOST_MICROS) return
  if (peer.lastPayload < smallSegmentBytes(own)) peer.delayedSinceMicros = micros - waited
}

/** Less than a full segment, which Nagle's algorithm would not hold back. */
function smallSegmentBytes(receiver: SideFacts): number {
  return Math.min(receiver.maximumSegmentBytes || USUAL_SEGMENT_BYTES, USUAL_SEGMENT_BYTES) - OPTIONS_WITHOUT_SACK
}

/**
 * The sender of `own` goes on with a small segment within a few milliseconds after such an acknowledgement, though nobody else
 * spoke since: true.
 */
export function noteNagle(own: SideFacts, peer: SideFacts, payload: number, micros: number): boolean {
  const since = own.delayedSinceMicros
  if (since === 0) return false
  own.delayedSinceMicros = 0
  const afterAcknowledgement = micros - peer.acknowledgedMicros
  const soon = Math.max(2_000, own.roundTripMicros > 0 ? Math.min(own.roundTripMicros * 2, 30_000) : 0)
  if (afterAcknowledgement > soon || peer.lastDataMicros > since || payload >= smallSegmentBytes(peer)) return false
  own.nagleDelays++
  own.nagleMicros += micros - since
  return true
}

/**
 * The window that `s` advertises; how long it was below one segment, when it opens again; WINDOW_SHUT when it becomes so; else
 * WINDOW_AS_BEFORE. A capture that lacks one of the SYNs does
 * not know the scale: there zero is zero, and any other window is unknown.
 */
export function noteWindow(own: SideFacts, peer: SideFacts, s: Segment, micros: number): number {
  const known = own.syns > 0 && peer.syns > 0
  // scaled once both sides have said so, and never in a SYN (RFC 7323 §2.2)
  const scaled = own.windowScale > 0 && peer.windowScale >= 0 && (s.flags & TCP_SYN) === 0
  const window = scaled ? s.window << own.windowScale : s.window
  let told = WINDOW_AS_BEFORE
  if (window === 0) {
    if (own.window !== 0) {
      own.zeroWindows++
      own.zeroWindowSinceMicros = micros
    }
  } else if (own.zeroWindowSinceMicros !== 0) {
    const closed = micros - own.zeroWindowSinceMicros
    own.zeroWindowMicros += closed
    if (closed > own.longestZeroWindowMicros) own.longestZeroWindowMicros = closed
    own.zeroWindowSinceMicros = 0
  }
  if (window < (known ? fullSegmentBytes(own, peer) : 1)) {
    if (own.smallWindowSinceMicros === 0) {
      own.smallWindowSinceMicros = micros
      told = WINDOW_SHUT
    }
  } else if (own.smallWindowSinceMicros !== 0) {
    told = micros - own.smallWindowSinceMicros
    own.smallWindowMicros += told
    if (told > own.longestSmallWindowMicros) own.longestSmallWindowMicros = told
    own.smallWindowSinceMicros = 0
  }
  own.window = known || window === 0 ? window : -1
  return told
}

/** What `peer` sends to `own` in one segment, as far as it has shown. */
function fullSegmentBytes(own: SideFacts, peer: SideFacts): number {
  const agreed = Math.min(own.maximumSegmentBytes || USUAL_SEGMENT_BYTES, USUAL_SEGMENT_BYTES)
  return Math.min(peer.largestPayload || SMALLEST_SEGMENT_BYTES, agreed)
}

/** A segment that fills the other side's window to its end, or leaves no room for another. */
export function fillsWindow(own: SideFacts, peer: SideFacts): boolean {
  if (!peer.hasAcknowledged || peer.window <= 0) return false
  const room = sequenceDistance(sequenceAdd(peer.acknowledged, peer.window), own.furthest)
  return room >= 0 && room < fullSegmentBytes(peer, own)
}
