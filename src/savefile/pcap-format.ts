// The classic savefile: a file header, then records of one link type (draft-ietf-opsawg-pcap, and the variants in the wild).

import type { Packet } from '../core/packet.ts'
import type { InputWindow } from './input-window.ts'
import type { InterfaceDescription } from './interface.ts'
import { MAXIMUM_PACKET_BYTES, READ_END, READ_NEED_INPUT, READ_PACKET, type SavefileFormat } from './savefile-format.ts'
import { THROUGH_TERMINAL, wentThroughTerminal } from './terminal-damage.ts'

/** How files with one magic number differ from others. */
interface Variant {
  readonly name: string
  readonly fileHeaderBytes: number
  readonly recordHeaderBytes: number
  /** Fractions of a second are nanoseconds instead of microseconds. */
  readonly nanoseconds: boolean
}

const VARIANTS: ReadonlyMap<number, Variant> = new Map([
  [0xa1b2c3d4, { name: 'pcap', fileHeaderBytes: 24, recordHeaderBytes: 16, nanoseconds: false }],
  [0xa1b23c4d, { name: 'nanosecond pcap', fileHeaderBytes: 24, recordHeaderBytes: 16, nanoseconds: true }],
  // Alexey Kuznetsov's patched libpcap, also written by Fritz!Box routers: 8 bytes about interface and protocol follow.
  [0xa1b2cd34, { name: 'modified pcap', fileHeaderBytes: 24, recordHeaderBytes: 24, nanoseconds: false }],
  // IXIA hardware and software captures: the file header has the size of all records behind it.
  [0x1c0001ac, { name: 'IXIA lcap', fileHeaderBytes: 28, recordHeaderBytes: 16, nanoseconds: true }],
  [0x1c0001ab, { name: 'IXIA lcap', fileHeaderBytes: 28, recordHeaderBytes: 16, nanoseconds: false }],
])

export interface PcapHeader {
  readonly variant: Variant
  readonly littleEndian: boolean
}

/** What the first four bytes of a pcap file tell; undefined when they are no pcap magic. */
export function identifyPcap(buf: Buffer, start: number): PcapHeader | undefined {
  const little = VARIANTS.get(buf.readUInt32LE(start))
  if (little !== undefined) return { variant: little, littleEndian: true }
  const big = VARIANTS.get(buf.readUInt32BE(start))
  return big === undefined ? undefined : { variant: big, littleEndian: false }
}

export class PcapFormat implements SavefileFormat {
  damage: string | undefined = undefined
  readonly #window: InputWindow
  readonly #packet: Packet
  readonly #littleEndian: boolean
  readonly #recordHeaderBytes: number
  readonly #nanosPerTick: number
  readonly #ticksPerSecond: number
  #done = false

  /** Reads the file header, which must be complete in the window. Adds the file's one interface to `interfaces`. */
  constructor(header: PcapHeader, window: InputWindow, packet: Packet, interfaces: InterfaceDescription[]) {
    const { variant, littleEndian } = header
    const field = (at: number) =>
      littleEndian ? window.buf.readUInt32LE(window.start + at) : window.buf.readUInt32BE(window.start + at)
    this.#window = window
    this.#packet = packet
    this.#littleEndian = littleEndian
    this.#recordHeaderBytes = variant.recordHeaderBytes
    this.#nanosPerTick = variant.nanoseconds ? 1 : 1000
    this.#ticksPerSecond = variant.nanoseconds ? 1e9 : 1e6
    // The upper bits give the length of a frame check sequence. Decoders use the IP length, so it does not matter.
    const linkType = field(20) & 0x03ffffff
    interfaces.push({
      linkType,
      snapshotLength: field(16),
      name: '',
      description: '',
      place: 0,
      placeName: '',
    })
    packet.linkType = linkType
    packet.place = 0
    window.start += variant.fileHeaderBytes
  }

  next(): number {
    const w = this.#window
    const at = w.start
    const start = at + this.#recordHeaderBytes
    if (start > w.end || this.#done) return this.#short(this.#recordHeaderBytes)
    const b = w.buf
    let seconds: number
    let ticks: number
    let captured: number
    let original: number
    if (this.#littleEndian) {
      seconds = b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)
      ticks = b[at + 4]! | (b[at + 5]! << 8) | (b[at + 6]! << 16) | (b[at + 7]! << 24)
      captured = b[at + 8]! | (b[at + 9]! << 8) | (b[at + 10]! << 16) | (b[at + 11]! << 24)
      original = b[at + 12]! | (b[at + 13]! << 8) | (b[at + 14]! << 16) | (b[at + 15]! << 24)
    } else {
      seconds = (b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!
      ticks = (b[at + 4]! << 24) | (b[at + 5]! << 16) | (b[at + 6]! << 8) | b[at + 7]!
      captured = (b[at + 8]! << 24) | (b[at + 9]! << 16) | (b[at + 10]! << 8) | b[at + 11]!
      original = (b[at + 12]! << 24) | (b[at + 13]! << 16) | (b[at + 14]! << 8) | b[at + 15]!
    }
    // One unsigned comparison: a captured length of 2^31 or more is negative here.
    if (captured >>> 0 > MAXIMUM_PACKET_BYTES) return this.#claims(captured >>> 0)
    const end = start + captured
    if (end > w.end) return this.#short(this.#recordHeaderBytes + captured)
    const packet = this.#packet
    packet.time.seconds = seconds >>> 0
    if (ticks >= 0 && ticks < this.#ticksPerSecond) packet.time.nanos = ticks * this.#nanosPerTick
    else if (this.#isThroughTerminal()) return READ_END
    else this.#carryTicks(ticks >>> 0)
    original = original >>> 0
    packet.originalLength = Math.max(original, captured)
    // the code that had the packet may have changed its number
    packet.interfaceId = 0
    packet.buf = b
    packet.start = start
    packet.end = end
    w.start = end
    w.packetCount++
    return READ_PACKET
  }

  /** A fraction of a second or more: wrong, but it occurs, and nanos must stay in range. */
  #carryTicks(ticks: number): void {
    const carry = Math.floor(ticks / this.#ticksPerSecond)
    this.#packet.time.seconds += carry
    this.#packet.time.nanos = (ticks - carry * this.#ticksPerSecond) * this.#nanosPerTick
  }

  #short(need: number): number {
    const w = this.#window
    if (this.#done) return READ_END
    if (!w.ended) {
      w.need = need
      return READ_NEED_INPUT
    }
    if (w.start < w.end && this.#isThroughTerminal()) return READ_END
    this.#done = true
    if (w.start < w.end) this.damage = `truncated in packet ${w.packetCount + 1} at byte ${w.offset}`
    return READ_END
  }

  /** The record cannot be valid. True if a terminal has damaged the file, which then ends here. */
  #isThroughTerminal(): boolean {
    const w = this.#window
    if (!wentThroughTerminal(w.buf, w.start, w.end)) return false
    this.#done = true
    this.damage = `packet ${w.packetCount + 1} at byte ${w.offset} is none: ${THROUGH_TERMINAL} (ssh or docker with -t?)`
    return true
  }

  #claims(captured: number): number {
    if (this.#isThroughTerminal()) return READ_END
    this.#done = true
    this.damage = `packet ${this.#window.packetCount + 1} at byte ${this.#window.offset} claims ${captured} bytes`
    return READ_END
  }
}
