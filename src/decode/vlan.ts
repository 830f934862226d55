// VLAN tags: IEEE 802.1Q and its stacked forms, and the I-TAG of 802.1ah (MAC in MAC).

import { LAYER_SERVICE_TAG, LAYER_VLAN } from './causes.ts'
import { ETHERTYPE_ETHERNET } from './ether-types.ts'
import type { Frame } from './frame.ts'
import { parseLlc } from './llc.ts'
import { NEXT } from './status.ts'

/** The four bytes behind a tag's EtherType. Id 0 is a priority without a VLAN and leaves `vlanId` as it is. */
export function parseVlanTag(frame: Frame): number {
  const { at } = frame
  if (frame.end - at < 4) return frame.short(LAYER_VLAN, 4)
  const vlanId = frame.uint16(at) & 0xfff
  if (vlanId !== 0) frame.vlanId = vlanId
  const type = frame.uint16(at + 2)
  frame.at = at + 4
  if (type < 0x600) return parseLlc(frame)
  frame.etherType = type
  return NEXT
}

/** 802.1ah: a service tag, then the customer's frame beginning with its addresses. */
export function parseServiceTag(frame: Frame): number {
  if (frame.end - frame.at < 4) return frame.short(LAYER_SERVICE_TAG, 4)
  frame.at += 4
  frame.etherType = ETHERTYPE_ETHERNET
  return NEXT
}
