// ICMP (RFC 792) and ICMPv6 (RFC 4443) errors and the packets that they quote. Everything else of ICMP is ordinary.

import type { IcmpError, Segment } from '../core/segment.ts'
import { LAYER_ICMP, LAYER_ICMPV6 } from './causes.ts'
import type { Frame } from './frame.ts'
import { extensionHeaderBytes } from './ipv6.ts'
import { DECODE_OK } from './status.ts'

const TCP = 6
const UDP = 17
const FRAGMENT = 44

/** Fills `error` from the message at `frame.at` and returns DECODE_OK, or counts what else it is. */
export function parseIcmp(frame: Frame, error: IcmpError): number {
  const { buf, at } = frame
  const version6 = frame.ipProtocol === 58
  const layer = version6 ? LAYER_ICMPV6 : LAYER_ICMP
  if (frame.end - at < 8) return frame.short(layer, 8)
  const type = buf[at]!
  // Destination unreachable, packet too big, time exceeded, parameter problem; and in IPv4 without the second.
  const isError = version6 ? type >= 1 && type <= 4 : type === 3 || type === 11 || type === 12
  if (!isError) return frame.other(layer, type)
  error.time.set(frame.time)
  error.place = frame.place
  error.interfaceId = frame.interfaceId
  error.family = frame.family
  error.type = type
  error.code = buf[at + 1]!
  error.reporterWord0 = frame.sourceWord0
  error.reporterWord1 = frame.sourceWord1
  error.reporterWord2 = frame.sourceWord2
  error.reporterWord3 = frame.sourceWord3
  error.nextHopMtu = 0
  if (version6 && type === 2) error.nextHopMtu = frame.word(at + 4) >>> 0
  if (!version6 && type === 3 && error.code === 4) error.nextHopMtu = frame.uint16(at + 6)
  frame.at = at + 8
  error.quotedProtocol = quote(frame, error.quoted, version6)
  return DECODE_OK
}

/** Reads the quoted packet as far as ports and sequence number. Its protocol when that worked, else 0. */
function quote(frame: Frame, quoted: Segment, version6: boolean): number {
  if (!(version6 ? quoteIpv6(frame) : quoteIpv4(frame))) return 0
  const { buf, at } = frame
  const protocol = frame.ipProtocol
  if ((protocol !== TCP && protocol !== UDP) || frame.end - at < 8) return 0
  frame.describe(quoted)
  quoted.sourceMacHigh = -1
  quoted.sourceMacLow = -1
  quoted.destinationMacHigh = -1
  quoted.destinationMacLow = -1
  quoted.sourcePort = frame.uint16(at)
  quoted.destinationPort = frame.uint16(at + 2)
  quoted.payloadStart = frame.end
  quoted.payloadEnd = frame.end
  quoted.missingBytes = 0
  // Older hosts quote only eight bytes of what follows IP (RFC 792), so this may be all.
  quoted.sequence = protocol === TCP ? frame.word(at + 4) : 0
  const wholeHeader = protocol === TCP && frame.end - at >= 20
  quoted.acknowledgement = wholeHeader ? frame.word(at + 8) : 0
  quoted.flags = wholeHeader ? buf[at + 13]! & 0x3f : 0
  quoted.window = wholeHeader ? frame.uint16(at + 14) : 0
  return protocol
}

function quoteIpv4(frame: Frame): boolean {
  const { buf, at } = frame
  const headerBytes = frame.end - at < 20 ? 0 : (buf[at]! & 15) << 2
  if (headerBytes < 20 || buf[at]! >>> 4 !== 4 || frame.end - at < headerBytes) return false
  if ((frame.uint16(at + 6) & 0x1fff) !== 0) return false // not the fragment with the ports
  frame.ipId = frame.uint16(at + 4)
  frame.hopLimit = buf[at + 8]!
  frame.ipProtocol = buf[at + 9]!
  frame.sourceWord3 = frame.word(at + 12)
  frame.destinationWord3 = frame.word(at + 16)
  frame.at = at + headerBytes
  return true
}

function quoteIpv6(frame: Frame): boolean {
  const { buf, at } = frame
  if (frame.end - at < 40 || buf[at]! >>> 4 !== 6) return false
  frame.ipId = 0
  frame.ipProtocol = buf[at + 6]!
  frame.hopLimit = buf[at + 7]!
  frame.sourceWord0 = frame.word(at + 8)
  frame.sourceWord1 = frame.word(at + 12)
  frame.sourceWord2 = frame.word(at + 16)
  frame.sourceWord3 = frame.word(at + 20)
  frame.destinationWord0 = frame.word(at + 24)
  frame.destinationWord1 = frame.word(at + 28)
  frame.destinationWord2 = frame.word(at + 32)
  frame.destinationWord3 = frame.word(at + 36)
  frame.at = at + 40
  return skipExtensionHeaders(frame)
}

/** A quotation may end anywhere, so running out of it is no error. */
function skipExtensionHeaders(frame: Frame): boolean {
  const { buf } = frame
  while (frame.end - frame.at >= 8) {
    const { at, ipProtocol } = frame
    const isFragment = ipProtocol === FRAGMENT
    if (isFragment && (frame.uint16(at + 2) & 0xfff8) !== 0) return false
    const headerBytes = isFragment ? 8 : extensionHeaderBytes(ipProtocol, buf[at + 1]!)
    if (headerBytes === 0) return true
    frame.ipProtocol = buf[at]!
    frame.at = at + headerBytes
  }
  return false
}
