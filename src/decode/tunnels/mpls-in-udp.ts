// MPLS in UDP (RFC 7510).

import { ETHERTYPE_MPLS } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { enterTunnel, NO_TUNNEL } from './enter.ts'
import { isPlausible } from './plausible.ts'

export function parseMplsInUdp(frame: Frame): number {
  return isPlausible(frame, ETHERTYPE_MPLS, frame.at) ? enterTunnel(frame, ETHERTYPE_MPLS) : NO_TUNNEL
}
