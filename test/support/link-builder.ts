// The rarer links and tunnels for tests, in the manner of packet-builder.ts: each wraps a layer and is one itself.

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
  version?: number
  protocol?: number
}

export function gre(options: GreOptions, payload: Buffer): Buffer {
  const { checksum, key, sequence, acknowledgement, version = 0 } = options
  const flags = (checksum ? 0x8000 : 0) | (key ? 0x2000 : 0) | (sequence ? 0x1000 : 0) | (acknowledgement ? 0x80 : 0)
  const words = [checksum, key, sequence, acknowledgement].filter(Boolean).length
  const head = Buffer.concat([u16(flags | version, options.protocol ?? etherTypeOf(payload)), Buffer.alloc(words * 4)])
  return layer({ protocol: 47 }, head, payload)
}

/** ERSPAN II, or III with or without the platform's subheader; its gre() needs a sequence number. */
export function erspan(version: 2 | 3, frame: Buffer, subheader = false): Buffer {
  const header = Buffer.alloc(version === 2 ? 8 : subheader ? 20 : 12)
  header[0] = (version - 1) << 4
  if (subheader) header[11] = 1
  return layer({ etherType: version === 2 ? 0x88be : 0x22eb }, header, frame)
}
