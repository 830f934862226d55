// Linux netfilter log (LINKTYPE_NFLOG): `tcpdump -i nflog:5`. Four bytes, then attributes, one of which is the packet.

import { LAYER_NFLOG } from '../causes.ts'
import type { Frame } from '../frame.ts'
import type { LinkType } from '../link-type.ts'
import { parseRawIp } from './raw-ip.ts'

export const nflog: LinkType = { number: 239, name: 'NFLOG', parse: parseNflog }

const HARDWARE_ADDRESS = 8
const PAYLOAD = 9

/** Attributes are length (2), type (2), value, padded to four bytes; in the byte order of the machine that captured. */
function parseNflog(frame: Frame): number {
  const { buf, end } = frame
  let at = frame.at + 4
  if (end - at < 4) return frame.short(LAYER_NFLOG, 8)
  // Attributes are short and types small: a first length over 255 and a type under 256 read this way mean the other.
  const bigEndian = buf[at + 2] === 0 && buf[at + 3] !== 0
  while (end - at >= 4) {
    const length = bigEndian ? frame.uint16(at) : buf[at]! | (buf[at + 1]! << 8)
    const type = (bigEndian ? frame.uint16(at + 2) : buf[at + 2]! | (buf[at + 3]! << 8)) & 0x7fff
    if (length < 4) return frame.malformed(LAYER_NFLOG)
    if (type === PAYLOAD) {
      frame.at = at + 4
      return parseRawIp(frame)
    }
    if (type === HARDWARE_ADDRESS && length >= 14 && end - at >= 14 && frame.uint16(at + 4) === 6) {
      frame.sourceMacHigh = frame.word(at + 8) >>> 8
      frame.sourceMacLow = frame.word(at + 10) & 0xffffff
    }
    at += (length + 3) & ~3
  }
  frame.at = Math.min(at, end)
  return frame.short(LAYER_NFLOG, 4)
}
