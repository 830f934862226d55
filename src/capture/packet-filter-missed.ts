// Notices packets that a filter leaves out although they belong to what it asks for: `port 80` looks for ports where
// they are in an untagged, whole packet, and so misses VLAN-tagged frames, all fragments but the first, what lies behind
// IPv6 extension headers, and what is in a tunnel.

import type { Packet } from '../core/packet.ts'
import type { BpfMatcher } from './bpf-program.ts'
import { findInnerIp, type TunnelSign, transportAt, tunnelSign } from './inner-ip.ts'

export type MissedKind = 'vlan' | 'fragment' | 'extension' | 'tunnel'

/** `line` says what was left out, `hint` how to ask for it. */
export type OnMissed = (kind: MissedKind, line: string, hint: string) => void

/** After so many rejected candidates without a find, looking is not worth its time. */
const MOST_CHECKS = 10_000
/** How many bytes of a frame are copied to try the filter on another form of it: a filter seldom looks further. */
const COPIED_BYTES = 1024
const REMEMBERED_FRAGMENTS = 256

const LINK_ETHERNET = 1
const LINK_LINUX_SLL = 113
const LINK_LINUX_SLL2 = 276
const ETHER_IPV4 = 0x0800
const ETHER_IPV6 = 0x86dd
const IPV6_FRAGMENT = 44
const IPV6_AUTHENTICATION = 51
/** Hop-by-hop, routing, destination options, mobility, host identity, shim. */
const IPV6_EXTENSIONS = [0, 43, 60, 135, 139, 140]
const MOST_EXTENSIONS = 16
/** Tunnels in tunnels. */
const MOST_NESTING = 4

export class MissedPackets {
  readonly #expression: string
  readonly #onMissed: OnMissed
  readonly #copy = Buffer.alloc(COPIED_BYTES)
  /** Hashes of datagrams whose first fragment matched, each in the place that it names itself. */
  readonly #fragments = new Int32Array(REMEMBERED_FRAGMENTS)
  /**
   * How many checks of each kind are left; 0: that kind is finished. A filter that names tags or fragments needs no hint about
   * them.
   */
  #vlanChecks: number
  #fragmentChecks: number
  #extensionChecks: number
  #tunnelChecks: number

  /** `unwrapsTunnels`: what is in them would be shown. */
  constructor(expression: string, onMissed: OnMissed, unwrapsTunnels: boolean) {
    this.#expression = expression.trim()
    this.#onMissed = onMissed
    this.#vlanChecks = /\bvlan\b/.test(expression) ? 0 : MOST_CHECKS
    this.#fragmentChecks = /\bip6?\s*\[\s*6\b/.test(expression) ? 0 : MOST_CHECKS
    this.#extensionChecks = /\bip6\s*\[\s*6\b|\bprotochain\b/.test(expression) ? 0 : MOST_CHECKS
    this.#tunnelChecks = unwrapsTunnels ? MOST_CHECKS : 0
  }

  /** False once there is nothing more to find out. */
  get watching(): boolean {
    const forFragments = this.#fragmentChecks > 0
    return forFragments || this.#vlanChecks > 0 || this.#extensionChecks > 0 || this.#tunnelChecks > 0
  }

  /** Looks at a packet that `matcher` was just asked about. */
  look(packet: Packet, matched: boolean, matcher: BpfMatcher): void {
    const { buf, start, end, linkType } = packet
    const typeAt = start + etherTypeOffset(linkType)
    if (typeAt < start || typeAt + 2 > end) return
    const type = (buf[typeAt]! << 8) | buf[typeAt + 1]!
    const ip = start + headerBytes(linkType)
    if (type === ETHER_IPV4) {
      if (ip + 20 > end) return
      if (this.#fragmentChecks > 0) this.#lookAtIpv4(buf, ip, matched)
      if (!matched && this.#tunnelChecks > 0) this.#lookInTunnel(packet, typeAt, ip, matcher)
    } else if (type === ETHER_IPV6) {
      if (matched || ip + 48 > end) return
      const next = buf[ip + 6]!
      if (next === IPV6_FRAGMENT) {
        if (this.#fragmentChecks > 0) this.#lookAtIpv6(packet, ip, matcher)
      } else if (isExtension(next)) {
        if (this.#extensionChecks > 0) this.#lookBehindExtensions(packet, ip, matcher)
      } else if (this.#tunnelChecks > 0) this.#lookInTunnel(packet, typeAt, ip, matcher)
    } else if (!matched && this.#vlanChecks > 0 && isTag(type)) this.#lookInsideTags(packet, typeAt, ip, matcher)
  }

  /** A later fragment has no ports: it is missed when the first of its datagram matched. */
  #lookAtIpv4(buf: Buffer, ip: number, matched: boolean): void {
    const fragmentWord = (buf[ip + 6]! << 8) | buf[ip + 7]!
    if ((fragmentWord & 0x3fff) === 0) return
    const isFirst = (fragmentWord & 0x1fff) === 0
    if (isFirst !== matched) return
    let hash = (buf[ip + 4]! << 16) | (buf[ip + 5]! << 8) | buf[ip + 9]!
    for (let at = ip + 12; at < ip + 20; at++) hash = Math.imul(hash ^ buf[at]!, 0x01000193)
    const slot = (hash >>> 8) % REMEMBERED_FRAGMENTS
    if (isFirst) this.#fragments[slot] = hash
    else if (this.#fragments[slot] !== hash || hash === 0) this.#fragmentChecks--
    else this.#foundFragment('(ip[6:2] & 0x1fff != 0)')
  }

  /** Every IPv6 fragment is missed: filters do not look behind extension headers. The first one shows the ports. */
  #lookAtIpv6(packet: Packet, ip: number, matcher: BpfMatcher): void {
    const { buf, start, end } = packet
    this.#fragmentChecks--
    if ((((buf[ip + 42]! << 8) | buf[ip + 43]!) & 0xfff8) !== 0) return
    const copy = this.#copy
    const until = Math.min(end, start + COPIED_BYTES)
    const headers = ip + 40 - start
    buf.copy(copy, 0, start, ip + 40)
    copy[headers - 34] = buf[ip + 40]!
    buf.copy(copy, headers, ip + 48, until)
    if (matcher(copy, 0, until - start - 8, packet.originalLength - 8)) this.#foundFragment('(ip6[6] = 44)')
  }

  /** Filters look at the first header behind IPv6's own, and find no ports in it: asks about a copy without extensions. */
  #lookBehindExtensions(packet: Packet, ip: number, matcher: BpfMatcher): void {
    const { buf, start, end } = packet
    this.#extensionChecks--
    const first = buf[ip + 6]!
    let next = first
    let after = ip + 40
    let nextAt = after
    for (let headers = 0; isExtension(next); headers++) {
      if (headers === MOST_EXTENSIONS || after + 8 > end) return
      const length = buf[after + 1]!
      after += next === IPV6_AUTHENTICATION ? (length + 2) << 2 : (length + 1) << 3
      next = buf[nextAt]!
      nextAt = after
    }
    const until = Math.min(end, start + COPIED_BYTES)
    if (after >= until) return
    const copy = this.#copy
    const headers = ip + 40 - start
    buf.copy(copy, 0, start, ip + 40)
    copy[headers - 34] = next
    buf.copy(copy, headers, after, until)
    const removed = after - ip - 40
    if (!matcher(copy, 0, until - start - removed, packet.originalLength - removed)) return
    this.#extensionChecks = 0
    const filter = this.#expression
    this.#onMissed(
      'extension',
      `the filter '${filter}' leaves out packets that match it behind IPv6 extension headers`,
      `to have them too: '(${filter}) or (ip6[6] = ${first})'`,
    )
  }

  /** Asks about a copy of the frame with the tunnel's packet instead of its own, and with the one in that one. */
  #lookInTunnel(packet: Packet, typeAt: number, ip: number, matcher: BpfMatcher): void {
    const { buf, start, end } = packet
    const outermost = tunnelSign(buf, ip, end)
    if (outermost === undefined) return
    this.#tunnelChecks--
    const until = Math.min(end, start + COPIED_BYTES)
    const copy = this.#copy
    const headers = ip - start
    let around = ip
    for (let depth = 0; depth < MOST_NESTING && tunnelSign(buf, around, end) !== undefined; depth++) {
      const inner = findInnerIp(buf, transportAt(buf, around), end)
      if (inner < 0 || inner >= until) return
      const type = buf[inner]! >>> 4 === 6 ? ETHER_IPV6 : ETHER_IPV4
      buf.copy(copy, 0, start, ip)
      copy[typeAt - start] = type >>> 8
      copy[typeAt - start + 1] = type & 255
      buf.copy(copy, headers, inner, until)
      const removed = inner - ip
      if (matcher(copy, 0, until - start - removed, packet.originalLength - removed)) {
        this.#foundInTunnel(outermost)
        return
      }
      around = inner
    }
  }

  #foundInTunnel({ name, test }: TunnelSign): void {
    this.#tunnelChecks = 0
    const filter = this.#expression
    this.#onMissed(
      'tunnel',
      `the filter '${filter}' leaves out packets that match it inside a tunnel (${name})`,
      `to have them too: '(${filter}) or (${test})'`,
    )
  }

  /** Asks again about a copy of the frame without its tags. */
  #lookInsideTags(packet: Packet, typeAt: number, payloadAt: number, matcher: BpfMatcher): void {
    const { buf, start, end, linkType } = packet
    this.#vlanChecks--
    let tags = 0
    let type = (buf[typeAt]! << 8) | buf[typeAt + 1]!
    let after = payloadAt
    while (isTag(type) && after + 4 <= end) {
      type = (buf[after + 2]! << 8) | buf[after + 3]!
      after += 4
      tags++
    }
    if (after >= end || after > start + COPIED_BYTES) return
    const copy = this.#copy
    const until = Math.min(end, start + COPIED_BYTES)
    buf.copy(copy, 0, start, payloadAt)
    copy[typeAt - start] = type >>> 8
    copy[typeAt - start + 1] = type & 255
    buf.copy(copy, payloadAt - start, after, until)
    if (!matcher(copy, 0, until - start - 4 * tags, packet.originalLength - 4 * tags)) return
    this.#vlanChecks = 0
    const filter = this.#expression
    this.#onMissed(
      'vlan',
      `the filter '${filter}' leaves out packets that match it inside a VLAN tag`,
      linkType === LINK_ETHERNET
        ? `to have them too: '(${filter}) or (${'vlan and '.repeat(tags)}(${filter}))'`
        : 'libpcap cannot filter those in captures of the any interface: leave out the filter',
    )
  }

  #foundFragment(test: string): void {
    this.#fragmentChecks = 0
    const filter = this.#expression
    this.#onMissed(
      'fragment',
      `the filter '${filter}' leaves out parts of fragmented packets that match it`,
      `to have them too: '(${filter}) or ${test}'`,
    )
  }
}

function isExtension(protocol: number): boolean {
  return protocol === IPV6_AUTHENTICATION || IPV6_EXTENSIONS.includes(protocol)
}

function isTag(type: number): boolean {
  return type === 0x8100 || type === 0x88a8 || type === 0x9100
}

/** Where a frame says what it carries, from its start; -1: a link type without tags. */
function etherTypeOffset(linkType: number): number {
  if (linkType === LINK_ETHERNET) return 12
  if (linkType === LINK_LINUX_SLL) return 14
  return linkType === LINK_LINUX_SLL2 ? 0 : -1
}

function headerBytes(linkType: number): number {
  if (linkType === LINK_ETHERNET) return 14
  return linkType === LINK_LINUX_SLL ? 16 : 20
}
