// The network service header (RFC 8300): base header, service path, metadata that we skip.

import { LAYER_NSH } from './causes.ts'
import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS, ETHERTYPE_NSH } from './ether-types.ts'
import type { Frame } from './frame.ts'
import { NEXT } from './status.ts'

const SMALLEST_BYTES = 8

export function parseNsh(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at < SMALLEST_BYTES) return frame.short(LAYER_NSH, SMALLEST_BYTES)
  const bytes = (buf[at + 1]! & 63) << 2
  if (bytes < SMALLEST_BYTES) return frame.malformed(LAYER_NSH)
  const etherType = nshPayloadType(frame, at)
  if (etherType === 0) return frame.unsupported(LAYER_NSH, buf[at + 3]!)
  if (frame.end - at < bytes) return frame.short(LAYER_NSH, bytes)
  frame.at = at + bytes
  frame.etherType = etherType
  return NEXT
}

/** What the header at `at` (8 bytes of it are there) carries, as an EtherType; 0: it is no header that we know. */
export function nshPayloadType(frame: Frame, at: number): number {
  const version = frame.buf[at]! >>> 6
  const words = frame.buf[at + 1]! & 63
  return version !== 0 || words < 2 ? 0 : etherTypeOfNextProtocol(frame.buf[at + 3]!)
}

/** The next protocol of NSH and of VXLAN-GPE, which have their numbers in common, as an EtherType; 0: unknown. */
export function etherTypeOfNextProtocol(nextProtocol: number): number {
  switch (nextProtocol) {
    case 1:
      return ETHERTYPE_IPV4
    case 2:
      return ETHERTYPE_IPV6
    case 3:
      return ETHERTYPE_ETHERNET
    case 4:
      return ETHERTYPE_NSH
    case 5:
      return ETHERTYPE_MPLS
    default:
      return 0
  }
}
