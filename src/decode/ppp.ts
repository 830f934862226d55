// The protocol field of PPP (RFC 1661), for PPP in any framing.

import { LAYER_PPP } from './causes.ts'
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS } from './ether-types.ts'
import type { Frame } from './frame.ts'
import { NEXT } from './status.ts'

/** An optional address and control field (both fixed, RFC 1662), then the protocol. */
export function parsePpp(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at >= 2 && buf[at] === 0xff && buf[at + 1] === 0x03) frame.at = at + 2
  return parsePppProtocol(frame)
}

/** Two bytes, or one where the sides agreed to compress it: then it is odd. */
export function parsePppProtocol(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at < 2) return frame.short(LAYER_PPP, 2)
  const first = buf[at]!
  const compressed = (first & 1) === 1
  const protocol = compressed ? first : (first << 8) | buf[at + 1]!
  frame.at = at + (compressed ? 1 : 2)
  switch (protocol) {
    case 0x0021:
      frame.etherType = ETHERTYPE_IPV4
      return NEXT
    case 0x0057:
      frame.etherType = ETHERTYPE_IPV6
      return NEXT
    case 0x0281:
    case 0x0283:
      frame.etherType = ETHERTYPE_MPLS
      return NEXT
    case 0x0053:
    case 0x00fd: // compressed or, with MPPE (RFC 3078), encrypted
      return frame.encrypted(LAYER_PPP, protocol)
    default:
      // 0x8021 and the like configure network protocols, 0xc021 and the like the link.
      return protocol >= 0x8000 ? frame.other(LAYER_PPP, 0) : frame.unsupported(LAYER_PPP, protocol)
  }
}
