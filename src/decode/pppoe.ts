// PPP over Ethernet, session stage (RFC 2516): in a frame, or as a link type of its own.

import { LAYER_PPPOE } from './causes.ts'
import type { Frame } from './frame.ts'
import { parsePppProtocol } from './ppp.ts'

export function parsePppoeSession(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at < 6) return frame.short(LAYER_PPPOE, 6)
  if (buf[at] !== 0x11) return frame.malformed(LAYER_PPPOE)
  frame.at = at + 6
  return parsePppProtocol(frame)
}
