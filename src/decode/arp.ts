// ARP for IPv4 over Ethernet (RFC 826).

import type { Arp } from '../core/segment.ts'
import { LAYER_ARP } from './causes.ts'
import type { Frame } from './frame.ts'
import { DECODE_OK } from './status.ts'

const HARDWARE_ETHERNET = 1
const HARDWARE_IEEE_802 = 6

/** Fills `arp` and returns DECODE_OK for a request or reply; counts what else it is. */
export function parseArp(frame: Frame, arp: Arp): number {
  const { buf, at } = frame
  if (frame.end - at < 8) return frame.short(LAYER_ARP, 8)
  const hardware = frame.uint16(at)
  const operation = frame.uint16(at + 6)
  const usual =
    (hardware === HARDWARE_ETHERNET || hardware === HARDWARE_IEEE_802) &&
    frame.uint16(at + 2) === 0x0800 &&
    buf[at + 4] === 6 &&
    buf[at + 5] === 4 &&
    (operation === 1 || operation === 2)
  if (!usual) return frame.other(LAYER_ARP, operation)
  if (frame.end - at < 28) return frame.short(LAYER_ARP, 28)
  arp.time.set(frame.time)
  arp.place = frame.place
  arp.interfaceId = frame.interfaceId
  arp.operation = operation
  arp.senderMacHigh = frame.word(at + 8) >>> 8
  arp.senderMacLow = frame.word(at + 10) & 0xffffff
  arp.senderAddress = frame.word(at + 14)
  arp.targetMacHigh = frame.word(at + 18) >>> 8
  arp.targetMacLow = frame.word(at + 20) & 0xffffff
  arp.targetAddress = frame.word(at + 24)
  return DECODE_OK
}
