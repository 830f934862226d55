// MPLS label stacks (RFC 3032). No field says what they carry: like everybody we guess it from the first four bits (RFC 4928).

import { LAYER_MPLS } from './causes.ts'
import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ether-types.ts'
import type { Frame } from './frame.ts'
import { NEXT } from './status.ts'

export function parseMpls(frame: Frame): number {
  const { buf, end } = frame
  let bottom = false
  while (!bottom) {
    if (end - frame.at < 4) return frame.short(LAYER_MPLS, 4)
    bottom = (buf[frame.at + 2]! & 1) === 1
    frame.at += 4
  }
  const { at } = frame
  if (end - at < 4) return frame.short(LAYER_MPLS, 4)
  switch (buf[at]! >>> 4) {
    case 4:
      frame.etherType = ETHERTYPE_IPV4
      return NEXT
    case 6:
      frame.etherType = ETHERTYPE_IPV6
      return NEXT
    case 1: // associated channel header (RFC 4385)
      return frame.other(LAYER_MPLS, 0)
    case 0:
      // The control word of a pseudowire (RFC 4448) has a sequence number, mostly 0. An Ethernet address that begins
      // with four zero bits looks the same, but then the EtherType lies where it would lie in a frame.
      frame.at = looksLikeEthernet(frame, at + 4) || !looksLikeEthernet(frame, at) ? at + 4 : at
      frame.etherType = ETHERTYPE_ETHERNET
      return NEXT
    default:
      frame.etherType = ETHERTYPE_ETHERNET
      return NEXT
  }
}

function looksLikeEthernet(frame: Frame, at: number): boolean {
  if (frame.end - at < 14) return false
  const type = frame.uint16(at + 12)
  return type === 0x0800 || type === 0x86dd || type === 0x0806 || type === 0x8100 || type === 0x88a8
}
