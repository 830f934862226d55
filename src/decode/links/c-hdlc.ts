// Cisco HDLC (LINKTYPE_C_HDLC, RFC 1547 §4.3.1): address, a zero, and an EtherType.

import { LAYER_C_HDLC, LAYER_SNAP } from '../causes.ts'
import type { Frame } from '../frame.ts'
import type { LinkType } from '../link-type.ts'
import { NEXT } from '../status.ts'

export const ciscoHdlc: LinkType = { number: 104, name: 'C_HDLC', parse: parseCiscoHdlc }

const CDP = 0x2000

export function parseCiscoHdlc(frame: Frame): number {
  const { at } = frame
  if (frame.end - at < 4) return frame.short(LAYER_C_HDLC, 4)
  frame.etherType = frame.uint16(at + 2)
  frame.at = at + 4
  return frame.etherType === CDP ? frame.other(LAYER_SNAP, CDP) : NEXT
}
