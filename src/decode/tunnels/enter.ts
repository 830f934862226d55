// Enters a tunnel: the step that all tunnels share.

import { NO_VLAN } from '../../core/segment.ts'
import { LAYER_TUNNEL_NESTING } from '../causes.ts'
import { ETHERTYPE_ETHERNET } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { NEXT } from '../status.ts'

const MAXIMUM_NESTING = 8

/** Between layers only, beside NEXT: this is not the tunnel that its port suggests; nothing was taken off or counted. */
export const NO_TUNNEL = -2

/** Goes on with `etherType` one level deeper, unless there are too many tunnels in each other. */
export function enterTunnel(frame: Frame, etherType: number): number {
  if (frame.tunnels >= MAXIMUM_NESTING) return frame.malformed(LAYER_TUNNEL_NESTING)
  frame.tunnels++
  frame.counters.unwrappedTunnels++
  frame.etherType = etherType
  if (etherType === ETHERTYPE_ETHERNET) frame.vlanId = NO_VLAN // the frame inside has tags of its own
  return NEXT
}
