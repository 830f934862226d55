// What IP carries and unwraps to something else: IP (RFC 2003, 4213, 2473), EtherIP (RFC 3378), MPLS (RFC 4023) and GRE.

import { LAYER_ETHERNET } from '../causes.ts'
import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { enterTunnel } from './enter.ts'
import { parseGre } from './gre.ts'

/** IP protocols that are tunnels. */
export function isIpTunnel(ipProtocol: number): boolean {
  return ipProtocol === 47 || ipProtocol === 4 || ipProtocol === 41 || ipProtocol === 97 || ipProtocol === 137
}

/** Unwraps what isIpTunnel() knows. */
export function parseIpTunnel(frame: Frame): number {
  switch (frame.ipProtocol) {
    case 4:
      return enterTunnel(frame, ETHERTYPE_IPV4)
    case 41:
      return enterTunnel(frame, ETHERTYPE_IPV6)
    case 97: // EtherIP: version and zeros
      if (frame.end - frame.at < 2) return frame.short(LAYER_ETHERNET, 2)
      frame.at += 2
      return enterTunnel(frame, ETHERTYPE_ETHERNET)
    case 137:
      return enterTunnel(frame, ETHERTYPE_MPLS)
    default:
      return parseGre(frame)
  }
}
