// IP without a link header (LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6), as tun devices have it.

import { LAYER_RAW_IP } from '../causes.ts'
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import type { LinkType } from '../link-type.ts'
import { NEXT } from '../status.ts'

/** The registry's 101, and the values that BSDs and old files have for it. */
export const rawIp: readonly LinkType[] = [101, 12, 14].map((number) => ({ number, name: 'RAW', parse: parseRawIp }))
export const rawIpv4: LinkType = { number: 228, name: 'IPV4', parse: parseRawIpv4 }
export const rawIpv6: LinkType = { number: 229, name: 'IPV6', parse: parseRawIpv6 }

export function parseRawIp(frame: Frame): number {
  if (frame.end - frame.at < 1) return frame.short(LAYER_RAW_IP, 1)
  const version = frame.buf[frame.at]! >>> 4
  if (version === 4) return parseRawIpv4(frame)
  if (version === 6) return parseRawIpv6(frame)
  return frame.unsupported(LAYER_RAW_IP, version)
}

function parseRawIpv4(frame: Frame): number {
  frame.etherType = ETHERTYPE_IPV4
  return NEXT
}

function parseRawIpv6(frame: Frame): number {
  frame.etherType = ETHERTYPE_IPV6
  return NEXT
}
