// Linux cooked captures (LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2): what the `any` interface gives.

import { LAYER_LINUX_COOKED } from '../causes.ts'
import type { Frame } from '../frame.ts'
import type { LinkType } from '../link-type.ts'
import { parseLlc } from '../llc.ts'
import { NEXT } from '../status.ts'

export const linuxCooked: LinkType = { number: 113, name: 'LINUX_SLL', parse: parseLinuxCooked }
export const linuxCooked2: LinkType = { number: 276, name: 'LINUX_SLL2', parse: parseLinuxCooked2 }

const PROTOCOL_LLC = 4

/** 16 bytes: packet type, ARPHRD, address length, address (8), protocol. */
function parseLinuxCooked(frame: Frame): number {
  const { at } = frame
  if (frame.end - at < 16) return frame.short(LAYER_LINUX_COOKED, 16)
  if (frame.uint16(at + 4) === 6) setSourceMac(frame, at + 6)
  frame.at = at + 16
  return toProtocol(frame, frame.uint16(at + 14))
}

/** 20 bytes: protocol, zero (2), interface index (4), ARPHRD, packet type (1), address length (1), address (8). */
function parseLinuxCooked2(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at < 20) return frame.short(LAYER_LINUX_COOKED, 20)
  if (buf[at + 11] === 6) setSourceMac(frame, at + 12)
  frame.at = at + 20
  return toProtocol(frame, frame.uint16(at))
}

function toProtocol(frame: Frame, protocol: number): number {
  if (protocol === PROTOCOL_LLC) return parseLlc(frame)
  frame.etherType = protocol
  return NEXT
}

function setSourceMac(frame: Frame, at: number): void {
  frame.sourceMacHigh = frame.word(at) >>> 8
  frame.sourceMacLow = frame.word(at + 2) & 0xffffff
}
