// Writes classic pcap, one link type a file (draft-ietf-opsawg-pcap).

import type { Timestamp } from '../core/timestamp.ts'
import type { ByteSink } from './byte-sink.ts'

const MAGIC_MICROSECONDS = 0xa1b2c3d4
const MAGIC_NANOSECONDS = 0xa1b23c4d
/** What tcpdump writes: larger than any packet without offloads. */
const DEFAULT_SNAPSHOT_LENGTH = 262144

/** Writes a file header once, then packets, into a sink. Keeps no packet and allocates nothing per packet. */
export class PcapWriter {
  readonly #sink: ByteSink
  readonly #nanoseconds: boolean
  readonly #scratch = Buffer.alloc(24)

  /** `nanoseconds: false` writes the older magic, which every tool reads, and cuts times to microseconds. */
  constructor(sink: ByteSink, options: { nanoseconds: boolean }) {
    this.#sink = sink
    this.#nanoseconds = options.nanoseconds
  }

  /** 24 bytes. Do not call it to continue a file that already has a header, written with the same options. */
  writeHeader(linkType: number, snapshotLength: number = DEFAULT_SNAPSHOT_LENGTH): void {
    const h = this.#scratch
    h.writeUInt32LE(this.#nanoseconds ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS, 0)
    h.writeUInt16LE(2, 4)
    h.writeUInt16LE(4, 6)
    h.writeUInt32LE(0, 8)
    h.writeUInt32LE(0, 12)
    h.writeUInt32LE(snapshotLength === 0 ? DEFAULT_SNAPSHOT_LENGTH : snapshotLength, 16)
    h.writeUInt32LE(linkType, 20)
    this.#sink(h, 0, 24)
  }

  /** 16 bytes and the packet's `buf[start..end)`. */
  writePacket(time: Timestamp, originalLength: number, buf: Buffer, start: number, end: number): void {
    const h = this.#scratch
    putU32(h, 0, time.seconds)
    putU32(h, 4, this.#nanoseconds ? time.nanos : Math.floor(time.nanos / 1000))
    putU32(h, 8, end - start)
    putU32(h, 12, originalLength)
    this.#sink(h, 0, 16)
    if (end > start) this.#sink(buf, start, end)
  }
}

function putU32(into: Buffer, at: number, value: number): void {
  into[at] = value
  into[at + 1] = value >>> 8
  into[at + 2] = value >>> 16
  into[at + 3] = value >>> 24
}
