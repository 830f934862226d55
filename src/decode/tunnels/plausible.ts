// Checks whether bytes are what a weak sign, such as a port number, suggests. It looks at the headers that would follow,
// without moving the cursor. Missing bytes of a packet that was cut off do not count against it.

import { isOrdinaryEtherType } from '../causes.ts'
import {
  ETHERTYPE_ARP,
  ETHERTYPE_ETHERNET,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MPLS,
  ETHERTYPE_NSH,
} from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { nshPayloadType } from '../nsh.ts'

const ETHERNET_BYTES = 14
const MOST_TAGS = 4
const MOST_LABELS = 16

/** Whether what lies at `at` can be what `etherType` names. */
export function isPlausible(frame: Frame, etherType: number, at: number): boolean {
  switch (etherType) {
    case ETHERTYPE_IPV4:
      return isPlausibleIpv4(frame, at)
    case ETHERTYPE_IPV6:
      return isPlausibleIpv6(frame, at)
    case ETHERTYPE_ETHERNET:
      return isPlausibleEthernet(frame, at)
    case ETHERTYPE_MPLS:
    case 0x8848:
      return isPlausibleMpls(frame, at)
    case ETHERTYPE_NSH:
      return isPlausibleNsh(frame, at)
    default:
      return false
  }
}

/** IP of either version: its lengths fit into what is there. */
export function isPlausibleIp(frame: Frame, at: number): boolean {
  return isPlausibleIpv4(frame, at) || isPlausibleIpv6(frame, at)
}

function isPlausibleIpv4(frame: Frame, at: number): boolean {
  const { buf, end, wireEnd } = frame
  if (at >= end || wireEnd - at < 20) return false
  const first = buf[at]!
  if (first < 0x45 || first > 0x4f) return false
  if (at + 4 > end) return true
  const totalLength = frame.uint16(at + 2)
  return totalLength >= (first & 15) << 2 && at + totalLength <= wireEnd
}

function isPlausibleIpv6(frame: Frame, at: number): boolean {
  const { buf, end, wireEnd } = frame
  if (at >= end || wireEnd - at < 40 || buf[at]! >>> 4 !== 6) return false
  return at + 6 > end || at + 40 + frame.uint16(at + 4) <= wireEnd
}

/** An Ethernet frame, tagged or not, whose type and payload agree. */
export function isPlausibleEthernet(frame: Frame, at: number): boolean {
  const { end, wireEnd } = frame
  if (wireEnd - at < ETHERNET_BYTES || end - at < ETHERNET_BYTES) return false
  let typeAt = at + 12
  for (let tags = 0; tags < MOST_TAGS && isTag(frame.uint16(typeAt)); tags++) {
    typeAt += 4
    if (typeAt + 2 > end) return false
  }
  const type = frame.uint16(typeAt)
  const payload = typeAt + 2
  if (type < 0x600) return payload + type <= wireEnd && isUsualLlc(frame, payload)
  if (type === ETHERTYPE_ARP) return payload + 4 > end || frame.word(payload) === 0x00010800
  return isPlausible(frame, type, payload) || isOrdinaryEtherType(type)
}

function isTag(type: number): boolean {
  return type === 0x8100 || type === 0x88a8 || type === 0x9100
}

/** Unnumbered information of one protocol to the same one: SNAP, spanning tree, IS-IS, IP. */
function isUsualLlc(frame: Frame, at: number): boolean {
  const { buf } = frame
  if (at + 3 > frame.end || buf[at] !== buf[at + 1] || buf[at + 2] !== 0x03) return false
  return buf[at] === 0xaa || buf[at] === 0x42 || buf[at] === 0xfe || buf[at] === 0x06
}

/** A label stack with IP, or an Ethernet frame with or without a control word, at its bottom. */
function isPlausibleMpls(frame: Frame, at: number): boolean {
  let inside = at
  for (let labels = 0; ; labels++) {
    if (labels === MOST_LABELS || inside + 4 > frame.end) return false
    const bottom = (frame.buf[inside + 2]! & 1) === 1
    inside += 4
    if (bottom) break
  }
  if (inside >= frame.end) return false
  return isPlausibleIp(frame, inside) || isPlausibleEthernet(frame, inside) || isPlausibleEthernet(frame, inside + 4)
}

function isPlausibleNsh(frame: Frame, at: number): boolean {
  if (frame.end - at < 8) return false
  const etherType = nshPayloadType(frame, at)
  const bytes = (frame.buf[at + 1]! & 63) << 2
  // nobody sends one within another
  return etherType !== 0 && etherType !== ETHERTYPE_NSH && isPlausible(frame, etherType, at + bytes)
}
