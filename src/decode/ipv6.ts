// IPv6 (RFC 8200) and its extension headers; the authentication header (RFC 4302) also where it follows IPv4.

import { LAYER_IP_PROTOCOL, LAYER_IPV6, LAYER_IPV6_EXTENSION } from './causes.ts'
import type { FragmentTable } from './fragments.ts'
import type { Frame } from './frame.ts'
import { MAXIMUM_OFFLOAD_BYTES } from './ipv4.ts'
import { NEXT } from './status.ts'

const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
export const AUTHENTICATION = 51
const NO_NEXT_HEADER = 59
const DESTINATION_OPTIONS = 60
const MOBILITY = 135
const HOST_IDENTITY = 139
const SHIM6 = 140

/** Any protocol: IPv6 fragments are told apart by addresses and identification only. */
const ANY_PROTOCOL = -1

export function parseIpv6(frame: Frame, fragments: FragmentTable): number {
  const { buf, at, end } = frame
  if (end - at < 40) return frame.short(LAYER_IPV6, 40)
  if (buf[at]! >>> 4 !== 6) return frame.malformed(LAYER_IPV6)
  const payloadLength = (buf[at + 4]! << 8) | buf[at + 5]!
  // 0: a jumbogram (RFC 2675) or offloading; both reach to the end of the frame.
  if (payloadLength !== 0) {
    const packetEnd = at + 40 + payloadLength
    if (packetEnd < frame.wireEnd) frame.wireEnd = packetEnd
    if (packetEnd < end) frame.end = packetEnd
  } else if (frame.wireEnd - at > MAXIMUM_OFFLOAD_BYTES) {
    frame.wireEnd = end
  }
  frame.at = at + 40
  frame.family = 6
  frame.ipId = 0
  frame.ipProtocol = buf[at + 6]!
  frame.hopLimit = buf[at + 7]!
  frame.sourceWord0 = frame.word(at + 8)
  frame.sourceWord1 = frame.word(at + 12)
  frame.sourceWord2 = frame.word(at + 16)
  frame.sourceWord3 = frame.word(at + 20)
  frame.destinationWord0 = frame.word(at + 24)
  frame.destinationWord1 = frame.word(at + 28)
  frame.destinationWord2 = frame.word(at + 32)
  frame.destinationWord3 = frame.word(at + 36)
  return parseExtensionHeaders(frame, fragments)
}

/** Takes off extension headers until `ipProtocol` is something else. */
function parseExtensionHeaders(frame: Frame, fragments: FragmentTable): number {
  for (;;) {
    const protocol = frame.ipProtocol
    if (protocol === NO_NEXT_HEADER) return frame.other(LAYER_IP_PROTOCOL, NO_NEXT_HEADER)
    if (protocol !== FRAGMENT && extensionHeaderBytes(protocol, 0) === 0) return NEXT
    const status = protocol === FRAGMENT ? parseFragmentHeader(frame, fragments) : parseExtensionHeader(frame)
    if (status !== NEXT) return status
  }
}

/** Size of the extension header `protocol` whose length field says `length`; 0 when it is none (or a fragment header). */
export function extensionHeaderBytes(protocol: number, length: number): number {
  switch (protocol) {
    case HOP_BY_HOP:
    case ROUTING:
    case DESTINATION_OPTIONS:
    case MOBILITY:
    case HOST_IDENTITY:
    case SHIM6:
      return (length + 1) << 3
    case AUTHENTICATION:
      return (length + 2) << 2
    default:
      return 0
  }
}

/** Takes off one extension header that is no fragment header. */
export function parseExtensionHeader(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at < 8) return frame.short(LAYER_IPV6_EXTENSION, 8)
  const headerBytes = extensionHeaderBytes(frame.ipProtocol, buf[at + 1]!)
  if (frame.end - at < headerBytes) return frame.short(LAYER_IPV6_EXTENSION, headerBytes)
  frame.ipProtocol = buf[at]!
  frame.at = at + headerBytes
  return NEXT
}

function parseFragmentHeader(frame: Frame, fragments: FragmentTable): number {
  const { buf, at } = frame
  if (frame.end - at < 8) return frame.short(LAYER_IPV6_EXTENSION, 8)
  const field = frame.uint16(at + 2)
  frame.ipId = frame.word(at + 4)
  frame.ipProtocol = buf[at]!
  frame.at = at + 8
  // An atomic fragment (RFC 6946) is whole, and has nothing to do with others of the same identification.
  if ((field & 0xfff9) === 0) return NEXT
  return fragments.add(frame, frame.ipId, ANY_PROTOCOL, field & 0xfff8, (field & 1) !== 0)
}
