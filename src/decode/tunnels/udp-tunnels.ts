// Tunnels in UDP. A port is a weak sign, because other applications use these as well: so the header has to be valid, and the
// less the header proves, the more of what follows is checked. What fails stays a datagram.

import type { Frame } from '../frame.ts'
import { NO_TUNNEL } from './enter.ts'
import { parseGeneve } from './geneve.ts'
import { parseGreInUdp } from './gre-in-udp.ts'
import { parseGtpU } from './gtp-u.ts'
import { parseMplsInUdp } from './mpls-in-udp.ts'
import { parseTzsp } from './tzsp.ts'
import { parseVxlan, parseVxlanGpe } from './vxlan.ts'

/** Unwraps the tunnel in `frame`, whose UDP header has just been taken off; NO_TUNNEL when it is an ordinary datagram. */
export function parseUdpTunnel(frame: Frame): number {
  const { at } = frame
  const status = parseTunnelOf(frame, frame.uint16(at - 6), true)
  return status === NO_TUNNEL ? parseTunnelOf(frame, frame.uint16(at - 8), false) : status
}

function parseTunnelOf(frame: Frame, port: number, byDestination: boolean): number {
  switch (port) {
    case 4789:
    case 8472: // Linux' own, from before the registration
      return parseVxlan(frame, byDestination)
    case 4790:
      return parseVxlanGpe(frame)
    case 6081:
      return parseGeneve(frame, byDestination)
    case 4754:
      return parseGreInUdp(frame)
    case 6635:
      return parseMplsInUdp(frame)
    case 2152:
      return parseGtpU(frame)
    case 37008:
      return parseTzsp(frame)
    default:
      return NO_TUNNEL
  }
}
