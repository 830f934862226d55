// GTP-U version 1 (3GPP TS 29.281 §5): what a mobile network carries its users' packets in. Only G-PDUs hold a packet.

import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { enterTunnel, NO_TUNNEL } from './enter.ts'
import { isPlausibleEthernet, isPlausibleIp } from './plausible.ts'

const HEADER_BYTES = 8
/** Sequence number, N-PDU number and next extension: all three, when any of the flags asks for one. */
const OPTIONAL_BYTES = 4
const VERSION_1_GTP = 0x30
const EXTENSION_FLAG = 0x04
const OPTIONAL_FLAGS = 0x07
const G_PDU = 255
const MOST_EXTENSIONS = 16

export function parseGtpU(frame: Frame): number {
  const { buf, at, end } = frame
  if (end - at < HEADER_BYTES || (buf[at]! & 0xf0) !== VERSION_1_GTP || buf[at + 1] !== G_PDU) return NO_TUNNEL
  const payloadEnd = at + HEADER_BYTES + frame.uint16(at + 2)
  if (payloadEnd > frame.wireEnd) return NO_TUNNEL
  const inside = behindHeaders(frame, payloadEnd)
  if (inside < 0) return NO_TUNNEL
  const etherType = isPlausibleIp(frame, inside) ? ipType(buf[inside]!) : ETHERTYPE_ETHERNET
  if (etherType === ETHERTYPE_ETHERNET && !isPlausibleEthernet(frame, inside)) return NO_TUNNEL
  frame.at = inside
  return enterTunnel(frame, etherType)
}

/** Where the packet begins, behind optional fields and extension headers; -1 where they do not end. */
function behindHeaders(frame: Frame, payloadEnd: number): number {
  const { buf, at } = frame
  const end = Math.min(frame.end, payloadEnd)
  const flags = buf[at]!
  if ((flags & OPTIONAL_FLAGS) === 0) return at + HEADER_BYTES
  let inside = at + HEADER_BYTES + OPTIONAL_BYTES
  if (inside > end) return -1
  let next = (flags & EXTENSION_FLAG) === 0 ? 0 : buf[inside - 1]!
  for (let extensions = 0; next !== 0; extensions++) {
    // Its first byte is its length in words, its last the type of the next.
    if (extensions === MOST_EXTENSIONS || inside >= end || buf[inside] === 0) return -1
    inside += buf[inside]! << 2
    if (inside > end) return -1
    next = buf[inside - 1]!
  }
  return inside
}

function ipType(first: number): number {
  return first >>> 4 === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6
}
