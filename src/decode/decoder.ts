// Decodes captured packets into TCP segments, UDP datagrams, ICMP errors and ARP. It goes through the layers of each packet
// without allocating, and gives the result to its handlers in scratch objects that are used again.

import type { Packet } from '../core/packet.ts'
import { Arp, Datagram, IcmpError, Segment } from '../core/segment.ts'
import { parseArp } from './arp.ts'
import { LAYER_IP_PROTOCOL, LAYER_LINK_TYPE } from './causes.ts'
import { DecodeCounters } from './counters.ts'
import { parseEncapsulation } from './encapsulation.ts'
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ether-types.ts'
import { FragmentTable } from './fragments.ts'
import { Frame } from './frame.ts'
import { parseIcmp } from './icmp.ts'
import { parseIpv4 } from './ipv4.ts'
import { AUTHENTICATION, parseExtensionHeader, parseIpv6 } from './ipv6.ts'
import type { LinkType } from './link-type.ts'
import { findLinkType } from './link-types.ts'
import { LINKTYPE_ETHERNET, parseEthernet } from './links/ethernet.ts'
import { parseSubframe } from './links/ieee80211.ts'
import { readPlainSegment } from './plain-segment.ts'
import { DECODE_OK, DECODE_UNSUPPORTED_LINK_TYPE, NEXT } from './status.ts'
import { parseTcp } from './tcp.ts'
import { NO_TUNNEL } from './tunnels/enter.ts'
import { isIpTunnel, parseIpTunnel } from './tunnels/ip-tunnels.ts'
import { parseUdpTunnel } from './tunnels/udp-tunnels.ts'
import { fillDatagram, parseUdpHeader } from './udp.ts'

/** Gets what was found. All arguments are scratch, valid during the call, as are the bytes that they point into. */
export interface DecodeHandlers {
  onSegment(segment: Segment, packet: Packet): void
  onDatagram(datagram: Datagram, packet: Packet): void
  onIcmpError(error: IcmpError): void
  onArp(arp: Arp): void
}

export interface DecodeOptions {
  /**
   * True: VXLAN, GENEVE, GRE, GTP-U and the like are replaced by the packet in them. False: they are datagrams or only counted.
   */
  readonly unwrapTunnels: boolean
}

export class Decoder {
  readonly counters = new DecodeCounters()
  readonly #handlers: DecodeHandlers
  readonly #unwrapTunnels: boolean
  readonly #frame: Frame
  readonly #fragments = new FragmentTable()
  readonly #segment = new Segment()
  readonly #datagram = new Datagram()
  readonly #icmpError = new IcmpError()
  readonly #arp = new Arp()
  #linkTypeNumber = -1
  #linkType: LinkType | undefined = undefined

  constructor(handlers: DecodeHandlers, options: DecodeOptions) {
    this.#handlers = handlers
    this.#unwrapTunnels = options.unwrapTunnels
    this.#frame = new Frame(this.counters)
  }

  /**
   * Takes one packet apart; at most one handler call, but for 802.11 aggregates, which hold several frames.
   * Returns a DECODE_ status (status.ts), never throws for what is in the packet. Causes are counted in `counters`.
   */
  decode(packet: Packet): number {
    this.counters.packets++
    const frame = this.#frame
    if (packet.linkType === LINKTYPE_ETHERNET) {
      if (readPlainSegment(packet, this.#segment)) {
        this.counters.segments++
        this.#handlers.onSegment(this.#segment, packet)
        return DECODE_OK
      }
      frame.begin(packet)
      const status = parseEthernet(frame)
      return status === NEXT ? this.#network(frame, packet) : status
    }
    frame.begin(packet)
    return this.#otherLink(frame, packet)
  }

  #otherLink(frame: Frame, packet: Packet): number {
    if (packet.linkType !== this.#linkTypeNumber) {
      this.#linkTypeNumber = packet.linkType
      this.#linkType = findLinkType(packet.linkType)
    }
    if (this.#linkType === undefined) {
      this.counters.count(DECODE_UNSUPPORTED_LINK_TYPE, LAYER_LINK_TYPE, packet.linkType)
      return DECODE_UNSUPPORTED_LINK_TYPE
    }
    let best = this.#linkType.parse(frame)
    let next = frame.nextSubframe
    if (best === NEXT) best = this.#network(frame, packet)
    while (next >= 0) {
      frame.resumeAt(packet, next)
      let status = parseSubframe(frame)
      next = frame.nextSubframe
      if (status === NEXT) status = this.#network(frame, packet)
      if (status === DECODE_OK) best = DECODE_OK
    }
    return best
  }

  /** Decodes from the layer that `etherType` names to a handler, through tunnels if there are any. */
  #network(frame: Frame, packet: Packet): number {
    for (;;) {
      let status: number
      switch (frame.etherType) {
        case ETHERTYPE_IPV4:
          status = parseIpv4(frame, this.#fragments)
          if (status === NEXT) status = this.#transport(frame, packet)
          break
        case ETHERTYPE_IPV6:
          status = parseIpv6(frame, this.#fragments)
          if (status === NEXT) status = this.#transport(frame, packet)
          break
        case ETHERTYPE_ARP:
          return this.#toArp(frame)
        default:
          status = parseEncapsulation(frame)
      }
      if (status !== NEXT) return status
    }
  }

  /** Decodes from the layer that `ipProtocol` names to a handler; NEXT when a tunnel has led back to `etherType`. */
  #transport(frame: Frame, packet: Packet): number {
    for (;;) {
      switch (frame.ipProtocol) {
        case 6: {
          const status = parseTcp(frame, this.#segment)
          if (status !== DECODE_OK) return status
          this.counters.segments++
          this.#handlers.onSegment(this.#segment, packet)
          return DECODE_OK
        }
        case 17:
          return this.#toDatagram(frame, packet)
        case 1:
        case 58:
          return this.#toIcmpError(frame)
        case AUTHENTICATION: {
          const status = parseExtensionHeader(frame)
          if (status !== NEXT) return status
          break
        }
        default:
          return this.#otherProtocol(frame)
      }
    }
  }

  #toDatagram(frame: Frame, packet: Packet): number {
    const status = parseUdpHeader(frame)
    if (status !== NEXT) return status
    if (this.#unwrapTunnels) {
      const inside = parseUdpTunnel(frame)
      if (inside !== NO_TUNNEL) return inside
    }
    fillDatagram(frame, this.#datagram)
    this.counters.datagrams++
    this.#handlers.onDatagram(this.#datagram, packet)
    return DECODE_OK
  }

  #toIcmpError(frame: Frame): number {
    if ((frame.ipProtocol === 1) !== (frame.family === 4)) return frame.unsupported(LAYER_IP_PROTOCOL, frame.ipProtocol)
    const status = parseIcmp(frame, this.#icmpError)
    if (status !== DECODE_OK) return status
    this.counters.icmpErrors++
    this.#handlers.onIcmpError(this.#icmpError)
    return DECODE_OK
  }

  #toArp(frame: Frame): number {
    const status = parseArp(frame, this.#arp)
    if (status !== DECODE_OK) return status
    this.counters.arps++
    this.#handlers.onArp(this.#arp)
    return DECODE_OK
  }

  #otherProtocol(frame: Frame): number {
    const protocol = frame.ipProtocol
    if (isIpTunnel(protocol)) {
      return this.#unwrapTunnels ? parseIpTunnel(frame) : frame.other(LAYER_IP_PROTOCOL, protocol)
    }
    switch (protocol) {
      case 50: // ESP
        return frame.encrypted(LAYER_IP_PROTOCOL, protocol)
      case 2: // IGMP
      case 59: // no next header
      case 88: // EIGRP
      case 89: // OSPF
      case 103: // PIM
      case 112: // VRRP
        return frame.other(LAYER_IP_PROTOCOL, protocol)
      default:
        return frame.unsupported(LAYER_IP_PROTOCOL, protocol)
    }
  }
}
