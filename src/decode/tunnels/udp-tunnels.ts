// Tunnels in UDP: VXLAN (RFC 7348) and GENEVE (RFC 8926).

import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { enterTunnel } from './enter.ts'

/** The datagram's destination port may mean a tunnel; isUdpTunnel() then looks closer. */
export function isTunnelPort(port: number): boolean {
  return port === 4789 || port === 8472 || port === 6081
}

/** Whether the UDP payload at `frame.at` really is VXLAN or GENEVE: other applications use these ports as well. */
export function isUdpTunnel(frame: Frame, port: number): boolean {
  const { buf, at } = frame
  if (frame.end - at < 8 || buf[at + 7] !== 0) return false
  if (port === 6081) {
    const optionBytes = (buf[at]! & 0x3f) << 2
    const known = isGenevePayload(frame.uint16(at + 2))
    return buf[at]! >>> 6 === 0 && (buf[at + 1]! & 0x3f) === 0 && known && frame.end - at >= 8 + optionBytes
  }
  const flags = buf[at]!
  const reserved = (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!
  // 0x08 says that there is a network id; 0x80, that the reserved bytes are a group policy.
  return (flags === 0x88 || (flags === 0x08 && reserved === 0)) && frame.wireEnd - at >= 8 + 14
}

function isGenevePayload(protocol: number): boolean {
  return protocol === ETHERTYPE_ETHERNET || protocol === ETHERTYPE_IPV4 || protocol === ETHERTYPE_IPV6
}

/** Unwraps what isUdpTunnel() recognised. */
export function parseUdpTunnel(frame: Frame, port: number): number {
  const { buf, at } = frame
  if (port !== 6081) {
    frame.at = at + 8
    return enterTunnel(frame, ETHERTYPE_ETHERNET)
  }
  frame.at = at + 8 + ((buf[at]! & 0x3f) << 2)
  return enterTunnel(frame, frame.uint16(at + 2))
}
