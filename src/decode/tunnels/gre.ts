// GRE (RFC 2784, 2890; source routes: RFC 1701; version 1: RFC 2637).

import * as layers from '../causes.ts'
import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4 } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { parsePpp } from '../ppp.ts'
import { NEXT } from '../status.ts'
import { enterTunnel } from './enter.ts'
import { parseErspan, parseErspanHeader } from './erspan.ts'

const CHECKSUM = 0x8000
const ROUTING = 0x4000
const KEY = 0x2000
const SEQUENCE = 0x1000
const ACKNOWLEDGEMENT = 0x0080

const PROTOCOL_WCCP = 0x883e
const PROTOCOL_PPP = 0x880b
export const PROTOCOL_ERSPAN = 0x88be
export const PROTOCOL_ERSPAN_3 = 0x22eb
/** MikroTik's Ethernet over IP: the key is a length and a tunnel's number. */
const PROTOCOL_EOIP = 0x6400

const MOST_ROUTES = 32

export function parseGre(frame: Frame): number {
  const { at } = frame
  if (frame.end - at < 4) return frame.short(layers.LAYER_GRE, 4)
  const flags = frame.uint16(at)
  const version = flags & 7
  const protocol = frame.uint16(at + 2)
  if (version > 1) return frame.unsupported(layers.LAYER_GRE, protocol)
  const headerBytes = greHeaderBytes(flags)
  if (frame.end - at < headerBytes) return frame.short(layers.LAYER_GRE, headerBytes)
  frame.at = at + headerBytes
  if ((flags & ROUTING) !== 0 && !skipRoutes(frame)) return frame.malformed(layers.LAYER_GRE)
  switch (protocol) {
    case PROTOCOL_PPP: {
      // Without a sequence number version 1 has no payload, only an acknowledgement.
      if (version === 1 && (flags & SEQUENCE) === 0) return frame.other(layers.LAYER_GRE, protocol)
      const status = enterTunnel(frame, 0)
      return status === NEXT ? parsePpp(frame) : status
    }
    case PROTOCOL_EOIP:
      if (version !== 1) return frame.unsupported(layers.LAYER_GRE, protocol)
      if (frame.wireEnd === frame.at) return frame.other(layers.LAYER_GRE, 0)
      return enterTunnel(frame, ETHERTYPE_ETHERNET)
    case PROTOCOL_ERSPAN:
      return parseErspan(frame, (flags & SEQUENCE) !== 0)
    case PROTOCOL_ERSPAN_3:
      return parseErspanHeader(frame)
    case PROTOCOL_WCCP:
      // Version 2 puts four bytes before the packet, version 1 none.
      if (frame.end > frame.at && frame.buf[frame.at]! >>> 4 !== 4) frame.at = Math.min(frame.at + 4, frame.end)
      return enterTunnel(frame, ETHERTYPE_IPV4)
    case 0:
    case 0x2001:
      return frame.other(layers.LAYER_GRE, protocol)
    default:
      return enterTunnel(frame, protocol)
  }
}

/** Of the header that begins with `flags`, without source routes. */
export function greHeaderBytes(flags: number): number {
  let bytes = 4
  if ((flags & (CHECKSUM | ROUTING)) !== 0) bytes += 4
  if ((flags & KEY) !== 0) bytes += 4
  if ((flags & SEQUENCE) !== 0) bytes += 4
  if ((flags & 7) === 1 && (flags & ACKNOWLEDGEMENT) !== 0) bytes += 4
  return bytes
}

/** Source route entries: family, offset, length, addresses; the last one has neither family nor length. */
function skipRoutes(frame: Frame): boolean {
  for (let routes = 0; routes < MOST_ROUTES && frame.end - frame.at >= 4; routes++) {
    const { at } = frame
    const bytes = frame.buf[at + 3]!
    frame.at = at + 4 + bytes
    if (bytes === 0 && frame.uint16(at) === 0) return true
  }
  return false
}
