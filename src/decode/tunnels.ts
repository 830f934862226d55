// Tunnels whose insides count instead of them: GRE (RFC 2784, 2890, 2637), ERSPAN, VXLAN (RFC 7348), GENEVE (RFC 8926),
// EtherIP (RFC 3378), and IP or MPLS directly in IP.

import { NO_VLAN } from '../core/segment.ts'
import * as layers from './causes.ts'
import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS } from './ether-types.ts'
import type { Frame } from './frame.ts'
import { parsePpp } from './ppp.ts'
import { NEXT } from './status.ts'

const MAXIMUM_NESTING = 8

const GRE_CHECKSUM = 0x8000
const GRE_ROUTING = 0x4000
const GRE_KEY = 0x2000
const GRE_SEQUENCE = 0x1000
const GRE_ACKNOWLEDGEMENT = 0x0080

const PROTOCOL_WCCP = 0x883e
const PROTOCOL_PPP = 0x880b
const PROTOCOL_ERSPAN = 0x88be
const PROTOCOL_ERSPAN_3 = 0x22eb

/** Goes on with `etherType` one level deeper, unless this is a Russian doll. */
function enter(frame: Frame, etherType: number): number {
  if (frame.tunnels >= MAXIMUM_NESTING) return frame.malformed(layers.LAYER_TUNNEL_NESTING)
  frame.tunnels++
  frame.counters.unwrappedTunnels++
  frame.etherType = etherType
  if (etherType === ETHERTYPE_ETHERNET) frame.vlanId = NO_VLAN // the frame inside has tags of its own
  return NEXT
}

/** IP protocols that are tunnels. */
export function isIpTunnel(ipProtocol: number): boolean {
  return ipProtocol === 47 || ipProtocol === 4 || ipProtocol === 41 || ipProtocol === 97 || ipProtocol === 137
}

/** Unwraps what isIpTunnel() knows. */
export function parseIpTunnel(frame: Frame): number {
  switch (frame.ipProtocol) {
    case 4:
      return enter(frame, ETHERTYPE_IPV4)
    case 41:
      return enter(frame, ETHERTYPE_IPV6)
    case 97: // EtherIP: version and zeros
      if (frame.end - frame.at < 2) return frame.short(layers.LAYER_ETHERNET, 2)
      frame.at += 2
      return enter(frame, ETHERTYPE_ETHERNET)
    case 137:
      return enter(frame, ETHERTYPE_MPLS)
    default:
      return parseGre(frame)
  }
}

function parseGre(frame: Frame): number {
  const { at } = frame
  if (frame.end - at < 4) return frame.short(layers.LAYER_GRE, 4)
  const flags = frame.uint16(at)
  const version = flags & 7
  const protocol = frame.uint16(at + 2)
  if (version > 1 || (flags & GRE_ROUTING) !== 0) return frame.unsupported(layers.LAYER_GRE, protocol)
  let headerBytes = 4
  if ((flags & GRE_CHECKSUM) !== 0) headerBytes += 4
  if ((flags & GRE_KEY) !== 0) headerBytes += 4
  if ((flags & GRE_SEQUENCE) !== 0) headerBytes += 4
  if (version === 1 && (flags & GRE_ACKNOWLEDGEMENT) !== 0) headerBytes += 4
  if (frame.end - at < headerBytes) return frame.short(layers.LAYER_GRE, headerBytes)
  frame.at = at + headerBytes
  switch (protocol) {
    case PROTOCOL_PPP: {
      if (version !== 1) return frame.unsupported(layers.LAYER_GRE, protocol)
      // Without a sequence number there is no payload, only an acknowledgement.
      if ((flags & GRE_SEQUENCE) === 0) return frame.other(layers.LAYER_GRE, protocol)
      const status = enter(frame, 0)
      return status === NEXT ? parsePpp(frame) : status
    }
    case PROTOCOL_ERSPAN:
      // Version I has neither sequence number nor header, version II has both.
      return (flags & GRE_SEQUENCE) === 0 ? enter(frame, ETHERTYPE_ETHERNET) : parseErspan(frame, 8)
    case PROTOCOL_ERSPAN_3:
      return parseErspan(frame, 12)
    case PROTOCOL_WCCP:
      // Version 2 puts four bytes before the packet, version 1 none.
      if (frame.end > frame.at && frame.buf[frame.at]! >>> 4 !== 4) frame.at = Math.min(frame.at + 4, frame.end)
      return enter(frame, ETHERTYPE_IPV4)
    case 0:
    case 0x2001:
      return frame.other(layers.LAYER_GRE, protocol)
    default:
      return enter(frame, protocol)
  }
}

/** ERSPAN II and III; III may end in a subheader of eight bytes for the platform. */
function parseErspan(frame: Frame, headerBytes: number): number {
  const { buf, at } = frame
  if (frame.end - at < headerBytes) return frame.short(layers.LAYER_ERSPAN, headerBytes)
  const version = buf[at]! >>> 4
  if (version !== (headerBytes === 8 ? 1 : 2)) return frame.malformed(layers.LAYER_ERSPAN)
  const bytes = headerBytes + (version === 2 && (buf[at + 11]! & 1) === 1 ? 8 : 0)
  if (frame.end - at < bytes) return frame.short(layers.LAYER_ERSPAN, bytes)
  frame.at = at + bytes
  return enter(frame, ETHERTYPE_ETHERNET)
}

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
    return enter(frame, ETHERTYPE_ETHERNET)
  }
  frame.at = at + 8 + ((buf[at]! & 0x3f) << 2)
  return enter(frame, frame.uint16(at + 2))
}
