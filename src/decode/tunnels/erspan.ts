// ERSPAN: mirrored Ethernet frames in GRE (draft-foschiano-erspan).

import { LAYER_ERSPAN } from '../causes.ts'
import { ETHERTYPE_ETHERNET } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { enterTunnel } from './enter.ts'

/** ERSPAN II and III; III may end in a subheader of eight bytes for the platform. */
export function parseErspan(frame: Frame, headerBytes: number): number {
  const { buf, at } = frame
  if (frame.end - at < headerBytes) return frame.short(LAYER_ERSPAN, headerBytes)
  const version = buf[at]! >>> 4
  if (version !== (headerBytes === 8 ? 1 : 2)) return frame.malformed(LAYER_ERSPAN)
  const bytes = headerBytes + (version === 2 && (buf[at + 11]! & 1) === 1 ? 8 : 0)
  if (frame.end - at < bytes) return frame.short(LAYER_ERSPAN, bytes)
  frame.at = at + bytes
  return enterTunnel(frame, ETHERTYPE_ETHERNET)
}
