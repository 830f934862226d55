// The TCP header (RFC 9293 §3.1). Checksums are not verified: offloading leaves them unset in most captures.

import type { Segment } from '../core/segment.ts'
import { LAYER_TCP } from './causes.ts'
import type { Frame } from './frame.ts'
import { DECODE_OK } from './status.ts'

/** Fills `segment` and returns DECODE_OK, or counts why not. A header may be cut off in its options. */
export function parseTcp(frame: Frame, segment: Segment): number {
  const { buf, at, end, wireEnd } = frame
  if (end - at < 20) return frame.short(LAYER_TCP, 20)
  const headerBytes = (buf[at + 12]! >>> 4) << 2
  const payloadStart = at + headerBytes
  if (headerBytes < 20 || payloadStart > wireEnd) return frame.malformed(LAYER_TCP)
  frame.describe(segment)
  segment.sourcePort = (buf[at]! << 8) | buf[at + 1]!
  segment.destinationPort = (buf[at + 2]! << 8) | buf[at + 3]!
  segment.sequence = (buf[at + 4]! << 24) | (buf[at + 5]! << 16) | (buf[at + 6]! << 8) | buf[at + 7]!
  segment.acknowledgement = (buf[at + 8]! << 24) | (buf[at + 9]! << 16) | (buf[at + 10]! << 8) | buf[at + 11]!
  segment.flags = buf[at + 13]! & 0x3f
  segment.window = (buf[at + 14]! << 8) | buf[at + 15]!
  segment.optionsStart = at + 20
  segment.optionsEnd = Math.min(payloadStart, end)
  segment.payloadStart = segment.optionsEnd
  segment.payloadEnd = end
  segment.missingBytes = wireEnd - Math.max(payloadStart, end)
  return DECODE_OK
}
