// TaZmen Sniffer Protocol: RouterOS and some access points send mirrored packets in it.

import { ETHERTYPE_ETHERNET } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { enterTunnel, NO_TUNNEL } from './enter.ts'
import { isPlausibleEthernet } from './plausible.ts'

const VERSION = 1
const MOST_TYPE = 1 // received, or to be sent
const ENCAPSULATES_ETHERNET = 1
const TAG_PADDING = 0
const TAG_END = 1
const MOST_TAGS = 64

export function parseTzsp(frame: Frame): number {
  const { buf, at, end } = frame
  if (end - at < 5 || buf[at] !== VERSION || buf[at + 1]! > MOST_TYPE) return NO_TUNNEL
  if (frame.uint16(at + 2) !== ENCAPSULATES_ETHERNET) return NO_TUNNEL
  let tag = at + 4
  for (let tags = 0; tags < MOST_TAGS && tag < end; tags++) {
    if (buf[tag] === TAG_END) return enterFrame(frame, tag + 1)
    if (buf[tag] === TAG_PADDING) tag++
    else if (tag + 1 < end) tag += 2 + buf[tag + 1]!
    else break
  }
  return NO_TUNNEL
}

function enterFrame(frame: Frame, inside: number): number {
  if (!isPlausibleEthernet(frame, inside)) return NO_TUNNEL
  frame.at = inside
  return enterTunnel(frame, ETHERTYPE_ETHERNET)
}
