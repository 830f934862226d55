// 802.11 behind a header that describes its reception: radiotap (LINKTYPE_IEEE802_11_RADIOTAP, radiotap.org), Prism and
// AVS. Of all that we need only the length and, in radiotap, the flags.

import { LAYER_IEEE80211, LAYER_RADIOTAP } from '../causes.ts'
import type { Frame } from '../frame.ts'
import type { LinkType } from '../link-type.ts'
import { parseIeee80211, parsePaddedIeee80211 } from './ieee80211.ts'

export const radiotap: LinkType = { number: 127, name: 'IEEE802_11_RADIO', parse: parseRadiotap }
export const prism: LinkType = { number: 119, name: 'PRISM_HEADER', parse: parsePrism }
export const avs: LinkType = { number: 163, name: 'IEEE802_11_RADIO_AVS', parse: parseAvs }

const FLAG_CHECK_SEQUENCE = 0x10
const FLAG_PADDED = 0x20
const FLAG_BAD_CHECK_SEQUENCE = 0x40

function parseRadiotap(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at < 8) return frame.short(LAYER_RADIOTAP, 8)
  const headerBytes = buf[at + 2]! | (buf[at + 3]! << 8)
  if (buf[at] !== 0 || headerBytes < 8) return frame.malformed(LAYER_RADIOTAP)
  if (frame.end - at < headerBytes) return frame.short(LAYER_RADIOTAP, headerBytes)
  const flags = radiotapFlags(buf, at, at + headerBytes)
  frame.at = at + headerBytes
  if ((flags & FLAG_BAD_CHECK_SEQUENCE) !== 0) return frame.malformed(LAYER_IEEE80211)
  if ((flags & FLAG_CHECK_SEQUENCE) !== 0) {
    frame.wireEnd = Math.max(frame.at, frame.wireEnd - 4)
    frame.end = Math.min(frame.end, frame.wireEnd)
  }
  return (flags & FLAG_PADDED) !== 0 ? parsePaddedIeee80211(frame) : parseIeee80211(frame)
}

/** The flags field, 0 when there is none. Fields follow the presence words in the order of their bits, aligned. */
function radiotapFlags(buf: Buffer, start: number, end: number): number {
  let fields = start + 4
  while (fields + 4 <= end && (buf[fields + 3]! & 0x80) !== 0) fields += 4
  fields += 4
  const present = buf[start + 4]!
  if ((present & 1) !== 0) fields = start + ((fields - start + 7) & ~7) + 8 // a 64-bit time comes first
  return (present & 2) !== 0 && fields < end ? buf[fields]! : 0
}

/** A Prism header, or an AVS header under the same link type, as drivers do. */
function parsePrism(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at < 8) return frame.short(LAYER_RADIOTAP, 8)
  if (isAvs(frame)) return parseAvs(frame)
  // Message code, message length: in the byte order of the machine that captured, and under 64 KiB.
  const low = buf[at + 4]! | (buf[at + 5]! << 8)
  return skipHeader(frame, low === 0 ? frame.uint16(at + 6) : low)
}

function parseAvs(frame: Frame): number {
  if (frame.end - frame.at < 8) return frame.short(LAYER_RADIOTAP, 8)
  if (!isAvs(frame)) return frame.malformed(LAYER_RADIOTAP)
  return skipHeader(frame, frame.uint16(frame.at + 6))
}

function isAvs(frame: Frame): boolean {
  return frame.uint16(frame.at) === 0x8021 && frame.uint16(frame.at + 2) >>> 12 === 1
}

function skipHeader(frame: Frame, headerBytes: number): number {
  if (headerBytes < 8) return frame.malformed(LAYER_RADIOTAP)
  if (frame.end - frame.at < headerBytes) return frame.short(LAYER_RADIOTAP, headerBytes)
  frame.at += headerBytes
  return parseIeee80211(frame)
}
