// GENEVE (RFC 8926).

import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { enterTunnel, NO_TUNNEL } from './enter.ts'
import { isPlausible } from './plausible.ts'

const HEADER_BYTES = 8

/** `byDestination`: the port that says GENEVE is where the datagram goes, as it should. */
export function parseGeneve(frame: Frame, byDestination: boolean): number {
  const { buf, at } = frame
  if (frame.end - at < HEADER_BYTES || buf[at]! >>> 6 !== 0) return NO_TUNNEL
  const inside = at + HEADER_BYTES + ((buf[at]! & 0x3f) << 2)
  if (inside > frame.end) return NO_TUNNEL
  const etherType = frame.uint16(at + 2)
  // As senders should write it; receivers ignore what is reserved.
  const ordinary = (buf[at + 1]! & 0x3f) === 0 && buf[at + 7] === 0 && isUsualPayload(etherType)
  if (!(byDestination && ordinary) && !isPlausible(frame, etherType, inside)) return NO_TUNNEL
  frame.at = inside
  return enterTunnel(frame, etherType)
}

function isUsualPayload(etherType: number): boolean {
  return etherType === ETHERTYPE_ETHERNET || etherType === ETHERTYPE_IPV4 || etherType === ETHERTYPE_IPV6
}
