// GRE in UDP (RFC 8086): the GRE header of version 0, without source routes and the other fields that RFC 2784 removed.

import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { NO_TUNNEL } from './enter.ts'
import { isErspan } from './erspan.ts'
import { greHeaderBytes, PROTOCOL_ERSPAN, PROTOCOL_ERSPAN_3, parseGre } from './gre.ts'
import { isPlausible, isPlausibleIp } from './plausible.ts'

/** The flags of a checksum, a key and a sequence number. */
const KNOWN_FLAGS = 0xb000

export function parseGreInUdp(frame: Frame): number {
  const { at, end } = frame
  if (end - at < 4) return NO_TUNNEL
  const flags = frame.uint16(at)
  const inside = at + greHeaderBytes(flags)
  if ((flags & ~KNOWN_FLAGS) !== 0 || inside >= end) return NO_TUNNEL
  const protocol = frame.uint16(at + 2)
  const plausible =
    protocol === ETHERTYPE_IPV4 || protocol === ETHERTYPE_IPV6
      ? isPlausibleIp(frame, inside)
      : protocol === PROTOCOL_ERSPAN || protocol === PROTOCOL_ERSPAN_3
        ? isErspan(frame, inside)
        : isPlausible(frame, protocol, inside)
  return plausible ? parseGre(frame) : NO_TUNNEL
}
