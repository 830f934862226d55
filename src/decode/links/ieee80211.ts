// IEEE 802.11 data frames (LINKTYPE_IEEE802_11): three or four addresses, QoS, A-MSDU. What is encrypted or fragmented on
// the air is counted; management and control frames are ordinary.

import { LAYER_IEEE80211, LAYER_IEEE80211_FRAGMENT } from '../causes.ts'
import type { Frame } from '../frame.ts'
import type { LinkType } from '../link-type.ts'
import { parseLlc } from '../llc.ts'

export const ieee80211: LinkType = { number: 105, name: 'IEEE802_11', parse: parseIeee80211 }

const TYPE_DATA = 2

// Second byte of the frame control field.
const TO_DISTRIBUTION = 0x01
const FROM_DISTRIBUTION = 0x02
const MORE_FRAGMENTS = 0x04
const PROTECTED = 0x40
const ORDER = 0x80

/** Data padded before the payload to a multiple of four bytes, as radiotap may say. */
export function parsePaddedIeee80211(frame: Frame): number {
  return parseDataFrame(frame, 4)
}

export function parseIeee80211(frame: Frame): number {
  return parseDataFrame(frame, 1)
}

function parseDataFrame(frame: Frame, alignment: number): number {
  const { buf, at } = frame
  if (frame.end - at < 2) return frame.short(LAYER_IEEE80211, 2)
  const control = buf[at]!
  const flags = buf[at + 1]!
  const type = (control >>> 2) & 3
  if ((control & 3) !== 0) return frame.malformed(LAYER_IEEE80211)
  if (type !== TYPE_DATA) return type === 3 ? frame.malformed(LAYER_IEEE80211) : frame.other(LAYER_IEEE80211, type)
  if ((control & 0x40) !== 0) return frame.other(LAYER_IEEE80211, TYPE_DATA)
  if ((flags & PROTECTED) !== 0) return frame.encrypted(LAYER_IEEE80211, 0xffff)

  const fourAddresses = (flags & (TO_DISTRIBUTION | FROM_DISTRIBUTION)) === (TO_DISTRIBUTION | FROM_DISTRIBUTION)
  const qualityOfService = (control & 0x80) !== 0
  const qualityAt = at + (fourAddresses ? 30 : 24)
  let headerBytes = qualityAt - at
  if (qualityOfService) headerBytes += (flags & ORDER) !== 0 ? 6 : 2 // with HT control
  headerBytes = (headerBytes + alignment - 1) & -alignment
  if (frame.end - at < headerBytes) return frame.short(LAYER_IEEE80211, headerBytes)
  if ((flags & MORE_FRAGMENTS) !== 0 || (buf[at + 22]! & 0x0f) !== 0) {
    return frame.unsupported(LAYER_IEEE80211_FRAGMENT, 0)
  }
  setAddresses(frame, flags)
  frame.at = at + headerBytes
  if (qualityOfService && (buf[qualityAt]! & 0x80) !== 0) {
    frame.nextSubframe = frame.at
    return parseSubframe(frame)
  }
  return parseLlc(frame)
}

/** Source and destination are the stations at the ends, wherever the frame carries them. */
function setAddresses(frame: Frame, flags: number): void {
  const first = frame.at + 4
  const second = first + 6
  const third = second + 6
  const toDistribution = (flags & TO_DISTRIBUTION) !== 0
  const fromDistribution = (flags & FROM_DISTRIBUTION) !== 0
  const fourth = third + 8 // behind the sequence control field
  const source = !fromDistribution ? second : toDistribution ? fourth : third
  frame.setMacs(source, toDistribution ? third : first)
}

/** One frame of an A-MSDU: destination, source, length, LLC; padded to four bytes where another one follows. */
export function parseSubframe(frame: Frame): number {
  const at = frame.nextSubframe
  frame.at = at
  frame.nextSubframe = -1
  if (frame.end - at < 14) return frame.short(LAYER_IEEE80211, 14)
  frame.setMacs(at + 6, at)
  const bytes = 14 + frame.uint16(at + 12)
  const next = at + ((bytes + 3) & ~3)
  if (frame.end - next >= 14) frame.nextSubframe = next
  frame.at = at + 14
  frame.wireEnd = Math.min(frame.wireEnd, at + bytes)
  frame.end = Math.min(frame.end, at + bytes)
  return parseLlc(frame)
}
