// IPv4 (RFC 791): lengths, addresses and fragments.

import { LAYER_IPV4 } from './causes.ts'
import type { FragmentTable } from './fragments.ts'
import type { Frame } from './frame.ts'
import { NEXT } from './status.ts'

/**
 * A length of 0 was not filled in yet because of offloading: the packet then reaches to the end of the frame. Linux makes such
 * packets no longer than this (BIG TCP); a longer one is not believed.
 */
export const MAXIMUM_OFFLOAD_BYTES = 1 << 19

export function parseIpv4(frame: Frame, fragments: FragmentTable): number {
  const { buf, at, end } = frame
  if (end - at < 20) return frame.short(LAYER_IPV4, 20)
  const first = buf[at]!
  const headerBytes = (first & 15) << 2
  if (first >>> 4 !== 4 || headerBytes < 20) return frame.malformed(LAYER_IPV4)
  if (end - at < headerBytes) return frame.short(LAYER_IPV4, headerBytes)
  const totalLength = (buf[at + 2]! << 8) | buf[at + 3]!
  if (totalLength !== 0) {
    if (totalLength < headerBytes) return frame.malformed(LAYER_IPV4)
    // Padding and trailers lie behind. A length that goes beyond the frame is wrong: those bytes were never sent.
    const packetEnd = at + totalLength
    if (packetEnd < frame.wireEnd) frame.wireEnd = packetEnd
    if (packetEnd < end) frame.end = packetEnd
  } else if (frame.wireEnd - at > MAXIMUM_OFFLOAD_BYTES) {
    frame.wireEnd = end
  }
  frame.at = at + headerBytes
  frame.family = 4
  frame.ipId = (buf[at + 4]! << 8) | buf[at + 5]!
  frame.hopLimit = buf[at + 8]!
  frame.ipProtocol = buf[at + 9]!
  frame.sourceWord0 = 0
  frame.sourceWord1 = 0
  frame.sourceWord2 = 0
  frame.sourceWord3 = (buf[at + 12]! << 24) | (buf[at + 13]! << 16) | (buf[at + 14]! << 8) | buf[at + 15]!
  frame.destinationWord0 = 0
  frame.destinationWord1 = 0
  frame.destinationWord2 = 0
  frame.destinationWord3 = (buf[at + 16]! << 24) | (buf[at + 17]! << 16) | (buf[at + 18]! << 8) | buf[at + 19]!
  const fragment = (buf[at + 6]! << 8) | buf[at + 7]!
  if ((fragment & 0x3fff) === 0) return NEXT
  return fragments.add(frame, frame.ipId, frame.ipProtocol, (fragment & 0x1fff) << 3, (fragment & 0x2000) !== 0)
}
