// BSD loopback (LINKTYPE_NULL in the byte order of the machine that captured, LINKTYPE_LOOP in network byte order): the
// address family in four bytes. AF_INET6 differs from system to system; AF_INET is 2 on all of them.

import { LAYER_ADDRESS_FAMILY } from '../causes.ts'
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import type { LinkType } from '../link-type.ts'
import { NEXT } from '../status.ts'

export const bsdNull: LinkType = { number: 0, name: 'NULL', parse: parseAddressFamily }
export const bsdLoop: LinkType = { number: 108, name: 'LOOP', parse: parseAddressFamily }

function parseAddressFamily(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at < 4) return frame.short(LAYER_ADDRESS_FAMILY, 4)
  // Families are small, so the half that is not zero tells the byte order.
  const high = frame.uint16(at)
  const family = high === 0 ? frame.uint16(at + 2) : buf[at]! | (buf[at + 1]! << 8)
  frame.at = at + 4
  switch (family) {
    case 2:
      frame.etherType = ETHERTYPE_IPV4
      return NEXT
    case 10: // Linux
    case 23: // Windows
    case 24: // NetBSD, OpenBSD
    case 28: // FreeBSD
    case 30: // macOS
      frame.etherType = ETHERTYPE_IPV6
      return NEXT
    default:
      return frame.unsupported(LAYER_ADDRESS_FAMILY, family)
  }
}
