// Ethernet II and IEEE 802.3 (LINKTYPE_ETHERNET). A frame check sequence at the end does no harm: IP says its length.

import { LAYER_ETHERNET } from '../causes.ts'
import type { Frame } from '../frame.ts'
import type { LinkType } from '../link-type.ts'
import { parseLlc } from '../llc.ts'
import { NEXT } from '../status.ts'

export const LINKTYPE_ETHERNET = 1

export const ethernet: LinkType = { number: LINKTYPE_ETHERNET, name: 'EN10MB', parse: parseEthernet }

export function parseEthernet(frame: Frame): number {
  const at = frame.at
  if (frame.end - at < 14) return frame.short(LAYER_ETHERNET, 14)
  const buf = frame.buf
  frame.setMacs(at + 6, at)
  frame.at = at + 14
  const type = (buf[at + 12]! << 8) | buf[at + 13]!
  if (type < 0x600) return parseLlc(frame)
  frame.etherType = type
  return NEXT
}
