// Decodes the usual packet in one go: Ethernet, IPv4 without options, TCP, all headers captured. Everything else is left to the
// functions of the layers. The results are the same.

import type { Packet } from '../core/packet.ts'
import { NO_VLAN, type Segment } from '../core/segment.ts'
import { ETHERTYPE_IPV4 } from './ether-types.ts'

const ETHERNET_BYTES = 14
const IPV4_BYTES = 20
const TCP_BYTES = 20
/** First byte of an IPv4 header without options: version 4, five words. */
const IPV4_WITHOUT_OPTIONS = 0x45
/** Of flags and offset: more fragments follow, or this is not the first. */
const FRAGMENT_BITS = 0x3fff
const PROTOCOL_TCP = 6

/**
 * Fills `to` from an Ethernet packet just as the layers would, and returns true. False: the layers must look at it, and `to`
 * is as it was.
 */
export function readPlainSegment(packet: Packet, to: Segment): boolean {
  const { buf, start } = packet
  const captured = packet.end
  const ip = start + ETHERNET_BYTES
  const tcp = ip + IPV4_BYTES
  if (captured - tcp < TCP_BYTES) return false
  if (((buf[start + 12]! << 8) | buf[start + 13]!) !== ETHERTYPE_IPV4 || buf[ip] !== IPV4_WITHOUT_OPTIONS) return false
  if ((((buf[ip + 6]! << 8) | buf[ip + 7]!) & FRAGMENT_BITS) !== 0 || buf[ip + 9] !== PROTOCOL_TCP) return false
  const totalLength = (buf[ip + 2]! << 8) | buf[ip + 3]!
  const payloadStart = tcp + ((buf[tcp + 12]! >>> 4) << 2)
  const wireEnd = ip + totalLength
  // also refuses a length of 0 (offloading), a header that is cut off, and one that is impossible
  if (payloadStart < tcp + TCP_BYTES || payloadStart > wireEnd || payloadStart > captured) return false
  // cut off by the snapshot length, or never sent
  if (wireEnd > captured) return false
  const { time } = to
  time.seconds = packet.time.seconds
  time.nanos = packet.time.nanos
  time.known = packet.time.known
  to.place = packet.place
  to.interfaceId = packet.interfaceId
  to.vlanId = NO_VLAN
  to.destinationMacHigh = (buf[start]! << 16) | (buf[start + 1]! << 8) | buf[start + 2]!
  to.destinationMacLow = (buf[start + 3]! << 16) | (buf[start + 4]! << 8) | buf[start + 5]!
  to.sourceMacHigh = (buf[start + 6]! << 16) | (buf[start + 7]! << 8) | buf[start + 8]!
  to.sourceMacLow = (buf[start + 9]! << 16) | (buf[start + 10]! << 8) | buf[start + 11]!
  if (to.family !== 4) becomeIpv4(to)
  to.ipId = (buf[ip + 4]! << 8) | buf[ip + 5]!
  to.hopLimit = buf[ip + 8]!
  to.sourceWord3 = (buf[ip + 12]! << 24) | (buf[ip + 13]! << 16) | (buf[ip + 14]! << 8) | buf[ip + 15]!
  to.destinationWord3 = (buf[ip + 16]! << 24) | (buf[ip + 17]! << 16) | (buf[ip + 18]! << 8) | buf[ip + 19]!
  to.sourcePort = (buf[tcp]! << 8) | buf[tcp + 1]!
  to.destinationPort = (buf[tcp + 2]! << 8) | buf[tcp + 3]!
  to.sequence = (buf[tcp + 4]! << 24) | (buf[tcp + 5]! << 16) | (buf[tcp + 6]! << 8) | buf[tcp + 7]!
  to.acknowledgement = (buf[tcp + 8]! << 24) | (buf[tcp + 9]! << 16) | (buf[tcp + 10]! << 8) | buf[tcp + 11]!
  to.flags = buf[tcp + 13]! & 0x3f
  to.window = (buf[tcp + 14]! << 8) | buf[tcp + 15]!
  if (to.buf !== buf) to.buf = buf
  to.optionsStart = tcp + TCP_BYTES
  to.optionsEnd = payloadStart
  to.payloadStart = payloadStart
  to.payloadEnd = wireEnd
  to.missingBytes = 0
  return true
}

function becomeIpv4(to: Segment): void {
  to.family = 4
  to.sourceWord0 = 0
  to.sourceWord1 = 0
  to.sourceWord2 = 0
  to.destinationWord0 = 0
  to.destinationWord1 = 0
  to.destinationWord2 = 0
}
