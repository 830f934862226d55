// IEEE 802.2 LLC and SNAP (RFC 1042), behind an 802.3 length, in Linux cooked captures and in 802.11.

import * as layers from './causes.ts'
import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4 } from './ether-types.ts'
import type { Frame } from './frame.ts'
import { NEXT } from './status.ts'

const SAP_IP = 0x06
const SAP_SNAP = 0xaa
const UNNUMBERED_INFORMATION = 0x03

const OUI_ENCAPSULATED_ETHERNET = 0x000000
const OUI_CISCO = 0x00000c
const OUI_BRIDGE_TUNNEL = 0x0000f8
const OUI_IEEE_8021 = 0x0080c2

export function parseLlc(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at < 3) return frame.short(layers.LAYER_LLC, 3)
  const destination = buf[at]!
  const control = buf[at + 2]!
  if (destination === SAP_SNAP && buf[at + 1] === SAP_SNAP && control === UNNUMBERED_INFORMATION) {
    frame.at = at + 3
    return parseSnap(frame)
  }
  if (destination === SAP_IP && control === UNNUMBERED_INFORMATION) {
    frame.at = at + 3
    frame.etherType = ETHERTYPE_IPV4
    return NEXT
  }
  return frame.other(layers.LAYER_LLC, destination)
}

function parseSnap(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at < 5) return frame.short(layers.LAYER_SNAP, 5)
  const organisation = (buf[at]! << 16) | (buf[at + 1]! << 8) | buf[at + 2]!
  const protocol = frame.uint16(at + 3)
  frame.at = at + 5
  frame.etherType = protocol
  if (organisation === OUI_ENCAPSULATED_ETHERNET || organisation === OUI_BRIDGE_TUNNEL) return NEXT
  if (organisation === OUI_IEEE_8021 && (protocol === 1 || protocol === 7)) {
    frame.etherType = ETHERTYPE_ETHERNET
    return NEXT
  }
  if (organisation === OUI_CISCO && layers.isOrdinarySnapProtocol(protocol)) {
    return frame.other(layers.LAYER_SNAP, protocol)
  }
  return frame.unsupported(layers.LAYER_SNAP, protocol)
}
