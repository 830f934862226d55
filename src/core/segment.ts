// What decoding makes of a packet: a TCP segment, a UDP datagram, or news about the network (ICMP errors, ARP).

import type { AddressFamily } from './endpoint.ts'
import { Timestamp } from './timestamp.ts'

export const TCP_FIN = 1
export const TCP_SYN = 2
export const TCP_RST = 4
export const TCP_PSH = 8
export const TCP_ACK = 16
export const TCP_URG = 32

/** `vlanId` where the frame carried no tag. */
export const NO_VLAN = -1

/** The fields that TCP segments and UDP datagrams share: ends, time, place and payload. */
export class Transport {
  readonly time = new Timestamp()
  place = 0
  interfaceId = 0
  /** The innermost VLAN id, or NO_VLAN. */
  vlanId: number = NO_VLAN
  /** Link-layer addresses as two numbers each: the upper 24 and the lower 24 bits; -1 where the link has none. */
  sourceMacHigh = -1
  sourceMacLow = -1
  destinationMacHigh = -1
  destinationMacLow = -1
  family: AddressFamily = 4
  /** Addresses as signed 32-bit words, see Endpoint. */
  sourceWord0 = 0
  sourceWord1 = 0
  sourceWord2 = 0
  sourceWord3 = 0
  destinationWord0 = 0
  destinationWord1 = 0
  destinationWord2 = 0
  destinationWord3 = 0
  sourcePort = 0
  destinationPort = 0
  /** IPv4 identification (0 in IPv6 without a fragment header). */
  ipId = 0
  /** Time to live or hop limit. */
  hopLimit = 0
  /** Payload: `buf[payloadStart..payloadEnd)`, lent. */
  buf: Buffer = Buffer.alloc(0)
  payloadStart = 0
  payloadEnd = 0
  /** Payload bytes that were on the wire after `payloadEnd` but are not in the capture (short snapshot length). */
  missingBytes = 0
}

/** A TCP segment. One object, reused; valid during the call. */
export class Segment extends Transport {
  /** Signed 32-bit, see sequence.ts. */
  sequence = 0
  acknowledgement = 0
  /** TCP_… bits. */
  flags = 0
  /** As in the header, not scaled. */
  window = 0
  /** Options as far as they were captured: `buf[optionsStart..optionsEnd)`, lent. diagnosis/tcp-options.ts reads them. */
  optionsStart = 0
  optionsEnd = 0
}

/** A UDP datagram. One object, reused; valid during the call. */
export class Datagram extends Transport {}

/** An ICMP or ICMPv6 error with the packet that it quotes (RFC 792, RFC 4443). One object, reused. */
export class IcmpError {
  readonly time = new Timestamp()
  place = 0
  interfaceId = 0
  family: AddressFamily = 4
  type = 0
  code = 0
  /** Who sent the error. */
  reporterWord0 = 0
  reporterWord1 = 0
  reporterWord2 = 0
  reporterWord3 = 0
  /** Next-hop MTU of "fragmentation needed" and "packet too big", else 0. */
  nextHopMtu = 0
  /** The quoted packet: protocol number 6 or 17 with its addresses and ports as it was sent; 0 if it could not be read. */
  quotedProtocol = 0
  /** The quoted addresses, ports and (TCP) sequence number are in this scratch; its payload is empty. */
  readonly quoted = new Segment()
}

/** An ARP request or reply for IPv4 over Ethernet (RFC 826). One object, reused. */
export class Arp {
  readonly time = new Timestamp()
  place = 0
  interfaceId = 0
  /** 1 request, 2 reply. */
  operation = 0
  senderMacHigh = 0
  senderMacLow = 0
  senderAddress = 0
  targetMacHigh = 0
  targetMacLow = 0
  targetAddress = 0
}
