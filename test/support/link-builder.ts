// Rarer links and tunnels for tests, as in packet-builder.ts: each function wraps a layer and returns one.

import { addressBytes, type Bytes, bytesOf, kindOf, layer } from './packet-builder.ts'

const PPP_PROTOCOLS: Readonly<Record<number, number>> = { 2048: 0x0021, 34525: 0x0057, 34887: 0x0281 }

function u16(...values: number[]): Buffer {
  return Buffer.from(values.flatMap((value) => [(value >> 8) & 255, value & 255]))
}

function etherTypeOf(payload: Buffer): number {
  const { etherType } = kindOf(payload)
  if (etherType === undefined) throw new TypeError('this payload has no EtherType')
  return etherType
}

/** LLC and SNAP before `payload`. */
export function snap(payload: Buffer, organisation = 0, protocol = etherTypeOf(payload)): Buffer {
  const head = Buffer.from([0xaa, 0xaa, 3, organisation >> 16, (organisation >> 8) & 255, organisation & 255])
  return Buffer.concat([head, u16(protocol), payload])
}

/** 802.3: a length instead of the EtherType, then LLC. */
export function ieee8023(llc: Buffer, padTo = 0): Buffer {
  const frame = Buffer.concat([
    addressBytes('02:00:00:00:00:02'),
    addressBytes('02:00:00:00:00:01'),
    u16(llc.length),
    llc,
  ])
  return Buffer.concat([frame, Buffer.alloc(Math.max(0, padTo - frame.length))])
}

/** 802.1ah: the I-TAG before a customer's Ethernet frame; goes into ethernet(). */
export function serviceTag(frame: Buffer): Buffer {
  return layer({ etherType: 0x88e7 }, Buffer.from([0, 0, 0, 7]), frame)
}

export function linuxCooked(payload: Buffer, protocol = etherTypeOf(payload)): Buffer {
  const head = Buffer.concat([u16(0, 1, 6), addressBytes('02:00:00:00:00:01'), u16(0, protocol)])
  return Buffer.concat([head, payload])
}

export function linuxCooked2(payload: Buffer, protocol = etherTypeOf(payload)): Buffer {
  const head = [u16(protocol, 0, 0, 3, 1), Buffer.from([0, 6]), addressBytes('02:00:00:00:00:01'), u16(0)]
  return Buffer.concat([...head, payload])
}

/** BSD loopback with that address family. */
export function bsdLoopback(family: number, payload: Buffer, bigEndian = false): Buffer {
  return Buffer.concat([bigEndian ? u16(0, family) : Buffer.from([family, 0, 0, 0]), payload])
}

export interface PppOptions {
  /** FF 03 first. */
  address?: boolean
  /** The protocol in one byte. */
  compressed?: boolean
  protocol?: number
}

export function ppp(options: PppOptions, payload: Buffer): Buffer {
  const protocol = options.protocol ?? PPP_PROTOCOLS[etherTypeOf(payload)] ?? 0
  const address = options.address === false ? [] : [0xff, 0x03]
  return Buffer.concat([Buffer.from(address), options.compressed ? Buffer.from([protocol]) : u16(protocol), payload])
}

/** A PPPoE session header before ppp({ address: false }); goes into ethernet(). */
export function pppoe(pppFrame: Buffer): Buffer {
  return layer({ etherType: 0x8864 }, u16(0x1100, 0x55, pppFrame.length), pppFrame)
}

export function ciscoHdlc(payload: Buffer, protocol = etherTypeOf(payload)): Buffer {
  return Buffer.concat([u16(0x0f00, protocol), payload])
}

/** A stack of labels; goes into ethernet(). */
export function mpls(labels: readonly number[], payload: Buffer): Buffer {
  const stack = labels.map((label, i) => {
    const entry = Buffer.alloc(4)
    entry.writeUInt32BE((label << 12) | (i === labels.length - 1 ? 0x100 : 0) | 64)
    return entry
  })
  return layer({ etherType: 0x8847, protocol: 137 }, ...stack, payload)
}

/** NFLOG with a prefix, a hardware address and the payload. */
export function nflog(payload: Buffer, bigEndian = false): Buffer {
  const attribute = (type: number, value: Buffer) => {
    const head = bigEndian ? u16(4 + value.length, type) : u16(4 + value.length, type).swap16()
    return Buffer.concat([head, value, Buffer.alloc(-value.length & 3)])
  }
  const hardware = Buffer.concat([u16(6, 0), addressBytes('02:00:00:00:00:01'), u16(0)])
  const attributes = [attribute(10, Buffer.from('odd\0x')), attribute(8, hardware), attribute(9, payload)]
  return Buffer.concat([Buffer.from([2, 0, 0, 5]), ...attributes])
}

export interface Ieee80211Options {
  /** Second byte of the frame control field: 1 to and 2 from the distribution system, 0x40 protected, 0x80 order … */
  flags?: number
  /** Type and subtype: 0x08 data, 0x88 QoS data, 0x48 null, 0x80 beacon, 0xd4 acknowledgement. */
  control?: number
  aggregate?: boolean
  fragment?: number
  /** Zeros until the payload lies on a multiple of four bytes. */
  padded?: boolean
}

/** An 802.11 frame from station …:01 to …:02 through access points …:0a and …:0b. */
export function ieee80211(options: Ieee80211Options, payload: Buffer): Buffer {
  const mac = (last: number) => Buffer.from([2, 0, 0, 0, 0, last])
  const { flags = 1, control = 0x08, fragment = 0 } = options
  const [one, two, three] = [
    [2, 1, 0xa],
    [0xa, 1, 2],
    [2, 0xa, 1],
    [0xb, 0xa, 2],
  ][flags & 3]!
  const parts = [Buffer.from([control, flags, 0, 0]), mac(one!), mac(two!), mac(three!), Buffer.from([fragment, 0])]
  if ((flags & 3) === 3) parts.push(mac(1))
  if ((control & 0x80) !== 0 && (control & 0x0c) === 8) {
    parts.push(Buffer.from([options.aggregate ? 0x80 : 0, 0]))
    if ((flags & 0x80) !== 0) parts.push(Buffer.alloc(4))
  }
  const header = Buffer.concat(parts)
  return Buffer.concat([header, Buffer.alloc(options.padded ? -header.length & 3 : 0), payload])
}

/** Frames of an A-MSDU, from …:01 to …:02. */
export function aggregate(...payloads: Buffer[]): Buffer {
  const parts = payloads.map((payload, i) => {
    const head = Buffer.concat([
      addressBytes('02:00:00:00:00:02'),
      addressBytes('02:00:00:00:00:01'),
      u16(payload.length),
    ])
    const padding = i === payloads.length - 1 ? 0 : -(head.length + payload.length) & 3
    return Buffer.concat([head, payload, Buffer.alloc(padding)])
  })
  return Buffer.concat(parts)
}

/** A radiotap header with a time stamp, a second presence word and these flags. */
export function radiotap(flags: number, frame: Buffer): Buffer {
  const header = Buffer.alloc(28)
  header.writeUInt16LE(28, 2)
  header.writeUInt32LE((0x80000003 | 0) >>> 0, 4)
  header[24] = flags
  return Buffer.concat([header, frame])
}

export function vxlan(frame: Bytes, head: readonly number[] = [8, 0, 0, 0]): Buffer {
  return Buffer.concat([Buffer.from(head), Buffer.from([0, 0, 42, 0]), bytesOf(frame)])
}

export function geneve(payload: Buffer, options: Bytes = '', protocol = etherTypeOf(payload)): Buffer {
  const optionBytes = bytesOf(options)
  const head = Buffer.concat([Buffer.from([optionBytes.length / 4, 0]), u16(protocol), Buffer.from([0, 0, 42, 0])])
  return Buffer.concat([head, optionBytes, payload])
}

export interface GreOptions {
  checksum?: boolean
  key?: boolean
  sequence?: boolean
  acknowledgement?: boolean
  /** An entry of an RFC 1701 source route. With one, the header also has a checksum. */
  route?: boolean
  version?: number
  protocol?: number
}

export function gre(options: GreOptions, payload: Buffer): Buffer {
  const { checksum, key, sequence, acknowledgement, route, version = 0 } = options
  const flags = (checksum ? 0x8000 : 0) | (key ? 0x2000 : 0) | (sequence ? 0x1000 : 0) | (acknowledgement ? 0x80 : 0)
  const words = [checksum || route, key, sequence, acknowledgement].filter(Boolean).length
  const start = u16(flags | (route ? 0x4000 : 0) | version, options.protocol ?? etherTypeOf(payload))
  const routes = route ? Buffer.from([8, 0, 0, 4, 10, 9, 9, 9, 0, 0, 0, 0]) : Buffer.alloc(0)
  return layer({ protocol: 47 }, start, Buffer.alloc(words * 4), routes, payload)
}

export interface ErspanOptions {
  /** III: the eight bytes of the platform. */
  subheader?: boolean
  /** III: 0 Ethernet, 2 IP. */
  frameType?: number
  /** The mirror cut the frame. */
  truncated?: boolean
  /** GRE's protocol; default: the one of the version. */
  etherType?: number
}

/** ERSPAN II or III; its gre() needs a sequence number. */
export function erspan(version: 2 | 3, frame: Buffer, options: ErspanOptions = {}): Buffer {
  const header = Buffer.alloc(version === 2 ? 8 : options.subheader ? 20 : 12)
  header.writeUInt16BE(((version - 1) << 12) | 100, 0)
  header.writeUInt16BE((options.truncated ? 0x0400 : 0) | 7, 2)
  if (version === 3) header.writeUInt32BE(0x12345678, 4)
  if (version === 3) header.writeUInt16BE(((options.frameType ?? 0) << 10) | (options.subheader ? 1 : 0), 10)
  return layer({ etherType: options.etherType ?? (version === 2 ? 0x88be : 0x22eb) }, header, frame)
}

const NEXT_PROTOCOLS: Readonly<Record<number, number>> = { 2048: 1, 34525: 2, 25944: 3, 35151: 4, 34887: 5 }

/** What VXLAN-GPE and NSH call `payload`. */
export function nextProtocolOf(payload: Buffer): number {
  return NEXT_PROTOCOLS[etherTypeOf(payload)] ?? 0
}

export function vxlanGpe(payload: Buffer, nextProtocol = nextProtocolOf(payload)): Buffer {
  return vxlan(payload, [0x0c, 0, 0, nextProtocol])
}

/** A network service header with so many bytes of metadata; goes into ethernet(). */
export function nsh(payload: Buffer, metadataBytes = 0, nextProtocol = nextProtocolOf(payload)): Buffer {
  const words = 2 + metadataBytes / 4
  const head = Buffer.from([0x0f, 0xc0 | words, metadataBytes === 16 ? 1 : 2, nextProtocol, 0, 0, 5, 255])
  return layer({ etherType: 0x894f }, head, Buffer.alloc(metadataBytes), payload)
}

export interface GtpUOptions {
  /** Default 255, a G-PDU. */
  type?: number
  sequence?: boolean
  nPdu?: boolean
  /** Types of extension headers, with their contents: 2 bytes, or 6, 10 … */
  extensions?: readonly (readonly [type: number, contents: Buffer])[]
  /** To lie about it. */
  length?: number
}

export function gtpU(options: GtpUOptions, payload: Bytes): Buffer {
  const { sequence = false, nPdu = false, extensions = [] } = options
  const flags = (extensions.length > 0 ? 4 : 0) | (sequence ? 2 : 0) | (nPdu ? 1 : 0)
  const parts: Buffer[] = []
  if (flags !== 0) parts.push(Buffer.from([0, 7, 9, extensions[0]?.[0] ?? 0]))
  for (const [i, [, contents]] of extensions.entries()) {
    const words = (contents.length + 2) / 4
    parts.push(Buffer.from([words]), contents, Buffer.from([extensions[i + 1]?.[0] ?? 0]))
  }
  const body = Buffer.concat([...parts, bytesOf(payload)])
  const head = Buffer.concat([
    Buffer.from([0x30 | flags, options.type ?? 255]),
    u16(options.length ?? body.length, 0, 42),
  ])
  return Buffer.concat([head, body])
}

/** TZSP with padding and a tag before the frame. */
export function tzsp(frame: Bytes): Buffer {
  return Buffer.concat([Buffer.from([1, 0, 0, 1, 0, 10, 1, 200, 1]), bytesOf(frame)])
}
