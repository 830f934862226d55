// PPP over Ethernet, session stage (RFC 2516): in a frame, or as a link type of its own.

import { LAYER_PPPOE } from './causes.ts'
import type { Frame } from './frame.ts'
import { parsePppProtocol } from './ppp.ts'

export function parsePppoeSession(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at < 6) return frame.short(LAYER_PPPOE, 6)
  if (buf[at] !== 0x11) return frame.malformed(LAYER_PPPOE)
  // The length field tells the payload from Ethernet's padding.
  const payloadEnd = at + 6 + ((buf[at + 4]! << 8) | buf[at + 5]!)
  if (payloadEnd < frame.end) frame.end = payloadEnd
  if (payloadEnd < frame.wireEnd) frame.wireEnd = payloadEnd
  frame.at = at + 6
  return parsePppProtocol(frame)
}
