// tcpflow's default name of an IPv4 flow, `%A.%a-%B.%b%V%v%C%c`, written as bytes. In a flood of short connections the
// console needs a name for each, and making strings would cost more than everything else about them.

import type { Connection, Direction } from '../../core/connection.ts'
import { opposite } from '../../core/connection.ts'
import type { Endpoint } from '../../core/endpoint.ts'
import { NO_VLAN } from '../../core/segment.ts'

/** The longest name that is written. */
export const DEFAULT_NAME_BYTES = 43

const DOT = 46
const DASH = 45
const ZERO = 48

/**
 * Writes the name into `into` from `at` on and returns its end. Returns -1 and writes nothing if the name is not of the
 * plain form: IPv6, a VLAN tag, a later connection on the same addresses and ports.
 */
export function putDefaultName(c: Connection, d: Direction, into: Buffer, at: number): number {
  const source = c.endpoints[d]
  if (source.family !== 4 || c.vlanId !== NO_VLAN || c.occurrence !== 0) return -1
  const middle = putEndpoint(source, into, at)
  into[middle] = DASH
  return putEndpoint(c.endpoints[opposite(d)], into, middle + 1)
}

function putEndpoint(endpoint: Endpoint, into: Buffer, at: number): number {
  const word = endpoint.word3
  putOctet(word >>> 24, into, at)
  putOctet((word >>> 16) & 255, into, at + 4)
  putOctet((word >>> 8) & 255, into, at + 8)
  putOctet(word & 255, into, at + 12)
  let rest = endpoint.port
  for (let i = at + 20; i >= at + 16; i--) {
    const tens = (rest / 10) | 0
    into[i] = ZERO + rest - tens * 10
    rest = tens
  }
  return at + 21
}

/** Three digits and the dot after them. */
function putOctet(octet: number, into: Buffer, at: number): void {
  const hundreds = (octet / 100) | 0
  const tens = ((octet - hundreds * 100) / 10) | 0
  into[at] = ZERO + hundreds
  into[at + 1] = ZERO + tens
  into[at + 2] = ZERO + octet - hundreds * 100 - tens * 10
  into[at + 3] = DOT
}
