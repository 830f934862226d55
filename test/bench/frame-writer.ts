// Writes Ethernet/IPv4 frames with TCP or UDP as a pcap file, fast enough to make gigabytes of captures.

import { closeSync, openSync, renameSync, writeSync } from 'node:fs'

const BUFFER_BYTES = 4 << 20

/** One end of a simulated connection. */
export interface Side {
  address: number
  port: number
  /** Next sequence number, unsigned 32-bit. */
  sequence: number
  ipId: number
}

/** Where a capture goes that is no file: it keeps `bytes`. */
export type TakeBytes = (bytes: Buffer) => void

/** A pcap file in the making; microsecond timestamps that advance by two a frame. */
export class FrameWriter {
  readonly #path: string
  readonly #fd: number
  readonly #take: TakeBytes | undefined
  readonly #buf = Buffer.alloc(BUFFER_BYTES)
  #used = 0
  /** Of the latest frame, since 1970; may be set. */
  micros = 1_600_000_000_000_000
  packets = 0

  constructor(output: string | TakeBytes) {
    this.#path = typeof output === 'string' ? output : ''
    this.#fd = typeof output === 'string' ? openSync(`${output}.part`, 'w') : -1
    this.#take = typeof output === 'string' ? undefined : output
    this.#used = this.#header()
  }

  #header(): number {
    this.#buf.writeUInt32LE(0xa1b2c3d4, 0)
    this.#buf.writeUInt16LE(2, 4)
    this.#buf.writeUInt16LE(4, 6)
    this.#buf.writeUInt32LE(262144, 16)
    this.#buf.writeUInt32LE(1, 20)
    return 24
  }

  /** Lets capture time pass. */
  advance(micros: number): void {
    this.micros += micros
  }

  /** Appends one segment with the given sequence number; the side's own counters are the caller's to move. */
  segment(from: Side, to: Side, flags: number, sequence: number, payload: Buffer, start: number, end: number): void {
    let p = this.#begin(from, to, 6, 20 + end - start)
    const b = this.#buf
    b.writeUInt16BE(from.port, p)
    b.writeUInt16BE(to.port, p + 2)
    b.writeUInt32BE(sequence >>> 0, p + 4)
    b.writeUInt32BE(flags & 16 ? to.sequence : 0, p + 8)
    b[p + 12] = 0x50
    b[p + 13] = flags
    b.writeUInt16BE(0xffff, p + 14)
    b.writeUInt32BE(0, p + 16)
    p += 20
    payload.copy(b, p, start, end)
  }

  /** Appends one UDP datagram. */
  datagram(from: Side, to: Side, payload: Buffer): void {
    const p = this.#begin(from, to, 17, 8 + payload.length)
    const b = this.#buf
    b.writeUInt16BE(from.port, p)
    b.writeUInt16BE(to.port, p + 2)
    b.writeUInt16BE(8 + payload.length, p + 4)
    b.writeUInt16BE(0, p + 6)
    payload.copy(b, p + 8)
  }

  /** Headers of a frame with `length` bytes behind the IP header. Returns where those begin. */
  #begin(from: Side, to: Side, protocol: number, length: number): number {
    const frame = 14 + 20 + length
    if (this.#used + 16 + frame > BUFFER_BYTES) this.flush()
    const b = this.#buf
    let p = this.#used
    this.micros += 2
    b.writeUInt32LE(Math.floor(this.micros / 1e6), p)
    b.writeUInt32LE(this.micros % 1e6, p + 4)
    b.writeUInt32LE(frame, p + 8)
    b.writeUInt32LE(frame, p + 12)
    p += 16
    b.writeUIntBE(0x020000000000 + (to.address % 65536), p, 6)
    b.writeUIntBE(0x020000000000 + (from.address % 65536), p + 6, 6)
    b.writeUInt16BE(0x0800, p + 12)
    p += 14
    from.ipId = (from.ipId + 1) & 0xffff
    b[p] = 0x45
    b[p + 1] = 0
    b.writeUInt16BE(20 + length, p + 2)
    b.writeUInt16BE(from.ipId, p + 4)
    b.writeUInt16BE(0x4000, p + 6)
    b[p + 8] = 64
    b[p + 9] = protocol
    b.writeUInt16BE(0, p + 10)
    b.writeUInt32BE(from.address, p + 12)
    b.writeUInt32BE(to.address, p + 16)
    b.writeUInt16BE(headerChecksum(b, p), p + 10)
    this.#used += 16 + frame
    this.packets++
    return p + 20
  }

  /** What is gathered goes out. */
  flush(): void {
    if (this.#take === undefined) {
      let written = 0
      while (written < this.#used) written += writeSync(this.#fd, this.#buf, written, this.#used - written)
    } else if (this.#used > 0) {
      this.#take(Buffer.from(this.#buf.subarray(0, this.#used)))
    }
    this.#used = 0
  }

  close(): void {
    this.flush()
    if (this.#take !== undefined) return
    closeSync(this.#fd)
    renameSync(`${this.#path}.part`, this.#path)
  }
}

function headerChecksum(b: Buffer, at: number): number {
  let sum = 0
  for (let i = 0; i < 20; i += 2) sum += (b[at + i]! << 8) | b[at + i + 1]!
  sum = (sum & 0xffff) + (sum >>> 16)
  return ~(sum + (sum >>> 16)) & 0xffff
}
