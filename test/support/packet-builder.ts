// Builds frames for tests, inside out: ethernet({ vlan: [5] }, ipv4({ src, dst }, tcp({ sport, dport, payload }))).
// Each layer is a plain Buffer that remembers what it is, so that the layer around it can name it in its own header and
// fill in lengths and checksums. Rarer links and tunnels are in link-builder.ts, whole capture files in pcap-builder.ts.

import { Packet } from '../../src/core/packet.ts'
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from '../../src/core/segment.ts'
import { Timestamp } from '../../src/core/timestamp.ts'

/** What the enclosing layer must know of a layer; kept beside the Buffer, not in it. */
interface LayerKind {
  /** How Ethernet and its like call it, when it can lie there. */
  etherType?: number
  /** How IP calls it, when it can lie there. */
  protocol?: number
  /** Where in the Buffer a checksum with pseudo-header belongs, and whose. */
  checksumAt?: number
  checksumProtocol?: number
  /** Where that checksum's data begins. */
  checksumFrom?: number
}

const kinds = new WeakMap<Buffer, LayerKind>()

/** Marks `bytes` as a layer of that kind and returns it. */
export function layer(kind: LayerKind, ...bytes: Buffer[]): Buffer {
  const whole = Buffer.concat(bytes)
  kinds.set(whole, kind)
  return whole
}

/** What is known of a layer; empty for a plain Buffer. */
export function kindOf(bytes: Buffer): LayerKind {
  return kinds.get(bytes) ?? {}
}

/** Text and arrays of numbers as bytes. */
export type Bytes = Buffer | string | readonly number[]

export function bytesOf(bytes: Bytes | undefined): Buffer {
  if (bytes === undefined) return Buffer.alloc(0)
  return typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes)
}

/** `02:00:00:00:00:01` or IPv4 `10.0.0.1` or IPv6 `fe80::1` as bytes. */
export function addressBytes(address: string): Buffer {
  if (/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(address)) return Buffer.from(address.replaceAll(':', ''), 'hex')
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const groups = (text: string | undefined) => (text ? text.split(':').map((group) => Number.parseInt(group, 16)) : [])
  const first = groups(head)
  const last = groups(tail)
  const all = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last]
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]))
}

export interface TcpOptions {
  sport?: number
  dport?: number
  seq?: number
  ack?: number
  /** TCP_… bits or tcpdump's letters: `S`, `S.`, `P.`, `F.`, `R`, `U` (`A` is as good as `.`). Default `.`. */
  flags?: number | string
  window?: number
  /** Padded to a multiple of four bytes. */
  options?: Bytes
  /** In 32-bit words, to lie about it. */
  dataOffset?: number
  payload?: Bytes
}

export function tcp(options: TcpOptions = {}): Buffer {
  const padded = padTo4(bytesOf(options.options))
  const header = Buffer.alloc(20)
  header.writeUInt16BE(options.sport ?? 40000, 0)
  header.writeUInt16BE(options.dport ?? 80, 2)
  header.writeUInt32BE((options.seq ?? 0) >>> 0, 4)
  header.writeUInt32BE((options.ack ?? 0) >>> 0, 8)
  header[12] = (options.dataOffset ?? 5 + padded.length / 4) << 4
  header[13] = tcpFlags(options.flags ?? '.')
  header.writeUInt16BE(options.window ?? 65535, 14)
  const kind = { protocol: 6, checksumProtocol: 6, checksumAt: 16, checksumFrom: 0 }
  return layer(kind, header, padded, bytesOf(options.payload))
}

/** Letters (see TcpOptions) as TCP_… bits. */
export function tcpFlags(flags: number | string): number {
  if (typeof flags === 'number') return flags
  const bits: Record<string, number> = {
    F: TCP_FIN,
    S: TCP_SYN,
    R: TCP_RST,
    P: TCP_PSH,
    '.': TCP_ACK,
    A: TCP_ACK,
    U: TCP_URG,
  }
  let sum = 0
  for (const letter of flags) {
    const bit = bits[letter]
    if (bit === undefined) throw new TypeError(`no TCP flag is written ${letter}`)
    sum |= bit
  }
  return sum
}

export interface UdpOptions {
  sport?: number
  dport?: number
  /** Of header and payload, to lie about it. */
  length?: number
  payload?: Bytes
}

export function udp(options: UdpOptions = {}): Buffer {
  const payload = bytesOf(options.payload)
  const header = Buffer.alloc(8)
  header.writeUInt16BE(options.sport ?? 40000, 0)
  header.writeUInt16BE(options.dport ?? 53, 2)
  header.writeUInt16BE(options.length ?? (8 + payload.length) & 0xffff, 4)
  return layer({ protocol: 17, checksumProtocol: 17, checksumAt: 6, checksumFrom: 0 }, header, payload)
}

export interface IcmpOptions {
  type: number
  code?: number
  /** The second word of the header; the MTU, for one. */
  word?: number
}

/** ICMP for IPv4; `payload` is, for an error, the quoted packet. */
export function icmp(options: IcmpOptions, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(8)
  header[0] = options.type
  header[1] = options.code ?? 0
  header.writeUInt32BE(options.word ?? 0, 4)
  header.writeUInt16BE(checksum(Buffer.concat([header, payload])), 2)
  return layer({ protocol: 1 }, header, payload)
}

export function icmpv6(options: IcmpOptions, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(8)
  header[0] = options.type
  header[1] = options.code ?? 0
  header.writeUInt32BE(options.word ?? 0, 4)
  return layer({ protocol: 58, checksumProtocol: 58, checksumAt: 2, checksumFrom: 0 }, header, payload)
}

export interface Ipv4Options {
  src?: string
  dst?: string
  id?: number
  ttl?: number
  /** Default: what `payload` says that it is. */
  protocol?: number
  /** Padded to a multiple of four bytes. */
  options?: Bytes
  dontFragment?: boolean
  moreFragments?: boolean
  /** In bytes. */
  fragmentOffset?: number
  /** To lie about it: 0 as offloading leaves it. */
  totalLength?: number
  /** In 32-bit words, to lie about it. */
  headerLength?: number
}

export function ipv4(options: Ipv4Options, payload: Buffer): Buffer {
  const src = addressBytes(options.src ?? '10.0.0.1')
  const dst = addressBytes(options.dst ?? '10.0.0.2')
  const padded = padTo4(bytesOf(options.options))
  const header = Buffer.concat([Buffer.alloc(12), src, dst, padded])
  header[0] = 0x40 | (options.headerLength ?? header.length / 4)
  header.writeUInt16BE((options.totalLength ?? header.length + payload.length) & 0xffff, 2)
  header.writeUInt16BE(options.id ?? 0, 4)
  const flags = (options.dontFragment ? 0x4000 : 0) | (options.moreFragments ? 0x2000 : 0)
  header.writeUInt16BE(flags | ((options.fragmentOffset ?? 0) >> 3), 6)
  header[8] = options.ttl ?? 64
  header[9] = options.protocol ?? kindOf(payload).protocol ?? 253
  header.writeUInt16BE(checksum(header), 10)
  return layer({ etherType: 0x0800, protocol: 4 }, header, withTransportChecksum(payload, src, dst))
}

export interface Ipv6Options {
  src?: string
  dst?: string
  hopLimit?: number
  /** Default: what `payload` says that it is. */
  nextHeader?: number
  /** To lie about it: 0 as offloading leaves it. */
  payloadLength?: number
}

export function ipv6(options: Ipv6Options, payload: Buffer): Buffer {
  const src = addressBytes(options.src ?? 'fd00::1')
  const dst = addressBytes(options.dst ?? 'fd00::2')
  const header = Buffer.concat([Buffer.from([0x60, 0, 0, 0, 0, 0, 0, 0]), src, dst])
  header.writeUInt16BE((options.payloadLength ?? payload.length) & 0xffff, 4)
  header[6] = options.nextHeader ?? kindOf(payload).protocol ?? 59
  header[7] = options.hopLimit ?? 64
  return layer({ etherType: 0x86dd, protocol: 41 }, header, withTransportChecksum(payload, src, dst))
}

/**
 * An IPv6 extension header of the usual form (0 hop-by-hop, 43 routing, 60 destination options, 135 mobility …) before
 * `payload`; `options` is padded to a whole number of 8-byte units.
 */
export function extensionHeader(protocol: number, options: Bytes, payload: Buffer): Buffer {
  const body = bytesOf(options)
  const header = Buffer.alloc(Math.max(8, (body.length + 2 + 7) & ~7))
  header[0] = kindOf(payload).protocol ?? 59
  header[1] = header.length / 8 - 1
  body.copy(header, 2)
  return layer(shifted(payload, protocol, header.length), header, payload)
}

/** An IP authentication header (RFC 4302) before `payload`. */
export function authenticationHeader(payload: Buffer): Buffer {
  const header = Buffer.alloc(24)
  header[0] = kindOf(payload).protocol ?? 59
  header[1] = header.length / 4 - 2
  return layer(shifted(payload, 51, header.length), header, payload)
}

export interface FragmentHeaderOptions {
  id?: number
  /** In bytes. */
  offset?: number
  more?: boolean
  /** Default: what `payload` says that it is. */
  nextHeader?: number
}

/** An IPv6 fragment header before `payload`; without options an atomic fragment (RFC 6946). */
export function fragmentHeader(options: FragmentHeaderOptions, payload: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header[0] = options.nextHeader ?? kindOf(payload).protocol ?? 59
  header.writeUInt16BE((options.offset ?? 0) | (options.more ? 1 : 0), 2)
  header.writeUInt32BE(options.id ?? 1, 4)
  return layer(shifted(payload, 44, header.length), header, payload)
}

/** An IPv4 packet cut into fragments of at most `size` payload bytes (a multiple of 8), in order. */
export function ipv4Fragments(options: Ipv4Options, payload: Buffer, size: number): Buffer[] {
  const src = addressBytes(options.src ?? '10.0.0.1')
  const dst = addressBytes(options.dst ?? '10.0.0.2')
  const whole = withTransportChecksum(payload, src, dst)
  const fragments: Buffer[] = []
  for (let at = 0; at < whole.length; at += size) {
    const more = at + size < whole.length
    const protocol = options.protocol ?? kindOf(payload).protocol ?? 253
    const part = whole.subarray(at, at + size)
    fragments.push(ipv4({ id: 1, ...options, protocol, fragmentOffset: at, moreFragments: more }, part))
  }
  return fragments
}

/** An IPv6 packet cut into fragments of at most `size` payload bytes (a multiple of 8), in order. */
export function ipv6Fragments(options: Ipv6Options & { id?: number }, payload: Buffer, size: number): Buffer[] {
  const src = addressBytes(options.src ?? 'fd00::1')
  const dst = addressBytes(options.dst ?? 'fd00::2')
  const whole = withTransportChecksum(payload, src, dst)
  const nextHeader = kindOf(payload).protocol ?? 59
  const fragments: Buffer[] = []
  for (let at = 0; at < whole.length; at += size) {
    const more = at + size < whole.length
    const part = Buffer.from(whole.subarray(at, at + size))
    fragments.push(ipv6(options, fragmentHeader({ id: options.id ?? 1, offset: at, more, nextHeader }, part)))
  }
  return fragments
}

export interface ArpOptions {
  /** 1 request (default), 2 reply. */
  operation?: number
  senderMac?: string
  sender?: string
  targetMac?: string
  target?: string
}

export function arp(options: ArpOptions = {}): Buffer {
  return layer(
    { etherType: 0x0806 },
    Buffer.from([0, 1, 8, 0, 6, 4, 0, options.operation ?? 1]),
    addressBytes(options.senderMac ?? '02:00:00:00:00:01'),
    addressBytes(options.sender ?? '10.0.0.1'),
    addressBytes(options.targetMac ?? '00:00:00:00:00:00'),
    addressBytes(options.target ?? '10.0.0.2'),
  )
}

export interface EthernetOptions {
  srcMac?: string
  dstMac?: string
  /** Outermost first: ids, or ids with the tag's EtherType. */
  vlan?: readonly (number | { id: number; etherType: number })[]
  /** Default: what `payload` says that it is. */
  etherType?: number
  /** Zeros up to this many bytes of frame, as a network card adds. */
  padTo?: number
}

export function ethernet(options: EthernetOptions, payload: Buffer): Buffer {
  const etherType = options.etherType ?? kindOf(payload).etherType
  if (etherType === undefined) throw new TypeError('ethernet(): say the etherType of this payload')
  const parts = [
    addressBytes(options.dstMac ?? '02:00:00:00:00:02'),
    addressBytes(options.srcMac ?? '02:00:00:00:00:01'),
  ]
  for (const tag of options.vlan ?? []) {
    const { id, etherType: tagType } = typeof tag === 'number' ? { id: tag, etherType: 0x8100 } : tag
    parts.push(Buffer.from([tagType >> 8, tagType & 255, id >> 8, id & 255]))
  }
  parts.push(Buffer.from([etherType >> 8, etherType & 255]), payload)
  const frame = Buffer.concat(parts)
  const padding = Buffer.alloc(Math.max(0, (options.padTo ?? 0) - frame.length))
  return layer({ etherType: 0x6558 }, frame, padding)
}

/** A moment: a Timestamp, or seconds with a fraction (rounded to microseconds). */
export type Moment = Timestamp | number

export function timestampOf(moment: Moment): Timestamp {
  if (typeof moment !== 'number') return moment
  const micros = Math.round((moment - Math.floor(moment)) * 1e6)
  return micros === 1e6 ? new Timestamp(Math.floor(moment) + 1, 0) : new Timestamp(Math.floor(moment), micros * 1000)
}

export interface PacketOptions {
  time?: Moment
  /** Default 1, Ethernet. */
  linkType?: number
  interfaceId?: number
  place?: number
  /** Default: all of the frame was captured. */
  originalLength?: number
  /** Bytes of other memory before and after the frame, so that running past its ends is noticed. Default 0. */
  margin?: number
}

/** `frame` as the savefile reader would hand it on. */
export function packet(frame: Buffer, options: PacketOptions = {}): Packet {
  const made = new Packet()
  const margin = Buffer.alloc(options.margin ?? 0, 0xee)
  made.time.set(timestampOf(options.time ?? 1_700_000_000))
  made.linkType = options.linkType ?? 1
  made.interfaceId = options.interfaceId ?? 0
  made.place = options.place ?? 0
  made.originalLength = options.originalLength ?? frame.length
  made.buf = margin.length === 0 ? frame : Buffer.concat([margin, frame, margin])
  made.start = margin.length
  made.end = margin.length + frame.length
  return made
}

/** The Internet checksum (RFC 1071) of `bytes`, whose checksum field holds 0. */
export function checksum(bytes: Buffer): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

function withTransportChecksum(payload: Buffer, src: Buffer, dst: Buffer): Buffer {
  const { checksumAt, checksumProtocol, checksumFrom } = kindOf(payload)
  if (checksumAt === undefined || checksumProtocol === undefined || checksumFrom === undefined) return payload
  const filled = Buffer.from(payload)
  const pseudo = Buffer.alloc(8)
  pseudo.writeUInt32BE(payload.length - checksumFrom, 0)
  pseudo[7] = checksumProtocol
  const sum = checksum(Buffer.concat([src, dst, pseudo, filled.subarray(checksumFrom)]))
  filled.writeUInt16BE(sum === 0 && checksumProtocol === 17 ? 0xffff : sum, checksumAt)
  return filled
}

function shifted(payload: Buffer, protocol: number, by: number): LayerKind {
  const { checksumAt, checksumProtocol, checksumFrom } = kindOf(payload)
  if (checksumAt === undefined || checksumProtocol === undefined || checksumFrom === undefined) return { protocol }
  return { protocol, checksumProtocol, checksumAt: checksumAt + by, checksumFrom: checksumFrom + by }
}

function padTo4(bytes: Buffer): Buffer {
  return bytes.length % 4 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - (bytes.length % 4))])
}
