// A capture may begin in the middle of a connection with a single byte. That is either the first data, or a keep-alive probe,
// which has one byte of garbage before the next sequence number (RFC 9293 §3.8.4). The byte is held until the true next number
// is seen.

import { type Segment, TCP_FIN, TCP_PSH } from '../core/segment.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import { POSITION_OWN, type TrackedStream } from './tracked-connection.ts'

/** Not known yet: perhaps the same probe again. */
export const HELD_BYTE_UNKNOWN = 0
/** It was a probe. */
export const HELD_BYTE_PROBE = 1
/** It was a probe, and so is this segment. */
export const HELD_BYTE_PROBES = 2
/** It is data, and this segment repeats it. */
export const HELD_BYTE_REPEATED = 3
/** It is data and follows the data of this segment. */
export const HELD_BYTE_FOLLOWS = 4

/** Systems send data with PSH and probes without; a NUL is the usual garbage. */
export function mayBeProbe(s: Segment): boolean {
  if (s.payloadEnd - s.payloadStart !== 1 || s.missingBytes > 0 || (s.flags & TCP_FIN) !== 0) return false
  return (s.flags & TCP_PSH) === 0 || s.buf[s.payloadStart] === 0
}

/** Holds the byte of a segment for which `mayBeProbe`. */
export function holdByte(stream: TrackedStream, s: Segment, sequence: number): void {
  stream.heldByte = s.buf[s.payloadStart]!
  stream.heldByteSequence = sequence
  stream.heldByteTime.set(s.time)
  stream.position = POSITION_OWN
  stream.expected = sequenceAdd(sequence, 1)
  stream.acknowledged = sequence
}

/** One of the HELD_BYTE_… verdicts on the byte, by the next segment with payload. */
export function judgeHeldByte(stream: TrackedStream, s: Segment, sequence: number): number {
  const ahead = sequenceDistance(sequence, stream.heldByteSequence)
  if (ahead > 0) return HELD_BYTE_PROBE
  const length = s.payloadEnd - s.payloadStart + s.missingBytes
  if (ahead === 0 && mayBeProbe(s)) {
    // Acknowledged, and sent once more.
    return sequenceDistance(stream.acknowledged, sequence) > 0 ? HELD_BYTE_PROBES : HELD_BYTE_UNKNOWN
  }
  if (ahead + length > 0) return HELD_BYTE_REPEATED
  return ahead + length === 0 ? HELD_BYTE_FOLLOWS : HELD_BYTE_PROBE
}
