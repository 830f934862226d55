// PPP as a link (LINKTYPE_PPP and its relatives).

import { LAYER_PPP } from '../causes.ts'
import type { Frame } from '../frame.ts'
import type { LinkType } from '../link-type.ts'
import { parsePpp } from '../ppp.ts'
import { parsePppoeSession } from '../pppoe.ts'
import { parseCiscoHdlc } from './c-hdlc.ts'

export const ppp: LinkType = { number: 9, name: 'PPP', parse: parsePpp }
export const pppSerial: LinkType = { number: 50, name: 'PPP_SERIAL', parse: parsePppSerial }
export const pppEther: LinkType = { number: 51, name: 'PPP_ETHER', parse: parsePppoeSession }
export const pppWithDirection: LinkType = { number: 204, name: 'PPP_WITH_DIR', parse: parsePppWithDirection }

/** PPP in HDLC-like framing, or Cisco's HDLC: the address byte tells which (RFC 1547 §4.3.1). */
function parsePppSerial(frame: Frame): number {
  const address = frame.end > frame.at ? frame.buf[frame.at] : 0
  return address === 0x0f || address === 0x8f ? parseCiscoHdlc(frame) : parsePpp(frame)
}

function parsePppWithDirection(frame: Frame): number {
  if (frame.end - frame.at < 1) return frame.short(LAYER_PPP, 1)
  frame.at += 1
  return parsePpp(frame)
}
