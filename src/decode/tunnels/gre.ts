// GRE (RFC 2784, 2890; version 1: RFC 2637).

import * as layers from '../causes.ts'
import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4 } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { parsePpp } from '../ppp.ts'
import { NEXT } from '../status.ts'
import { enterTunnel } from './enter.ts'
import { parseErspan } from './erspan.ts'

const GRE_CHECKSUM = 0x8000
const GRE_ROUTING = 0x4000
const GRE_KEY = 0x2000
const GRE_SEQUENCE = 0x1000
const GRE_ACKNOWLEDGEMENT = 0x0080

const PROTOCOL_WCCP = 0x883e
const PROTOCOL_PPP = 0x880b
const PROTOCOL_ERSPAN = 0x88be
const PROTOCOL_ERSPAN_3 = 0x22eb

export function parseGre(frame: Frame): number {
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
      const status = enterTunnel(frame, 0)
      return status === NEXT ? parsePpp(frame) : status
    }
    case PROTOCOL_ERSPAN:
      // Version I has neither sequence number nor header, version II has both.
      return (flags & GRE_SEQUENCE) === 0 ? enterTunnel(frame, ETHERTYPE_ETHERNET) : parseErspan(frame, 8)
    case PROTOCOL_ERSPAN_3:
      return parseErspan(frame, 12)
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
