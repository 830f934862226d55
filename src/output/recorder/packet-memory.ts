// The latest packets of a capture, in memory of a fixed size: a ring in which the oldest make room for the newest. When a packet that
// is to be kept longer (one of a connection's first, say) is the oldest, it is not dropped but copied to the newest end.

import type { Packet } from '../../core/packet.ts'
import { Timestamp } from '../../core/timestamp.ts'

/**
 * A record is a header and the packet's bytes, padded to eight. Its place is counted from the beginning of the run, and is taken
 * modulo the size; no record goes over the end of the ring.
 *
 * Header, in bytes: 0 size of the record, 4 captured, 8 original length (no packet: padding up to the ring's end), 12 interface,
 * 16 seconds (double), 24 nanoseconds, 28 connection's slot, 32 connection (double; 0 none), 40 the packet's number in it, and for
 * packets of no connection: 44 and 48 whom they are about, as hashes (0 nobody).
 */
const HEADER_BYTES = 56
const CAPTURED = 1
const ORIGINAL = 2
const INTERFACE = 3
const SECONDS = 2
const NANOS = 6
const SLOT = 7
const CONNECTION = 4
const NUMBER = 10
const FIRST_HOST = 11
const SECOND_HOST = 12
/** In place of the captured length: no packet. */
const PADDING = 0xffffffff
/** So many packets are copied for one new one; then the oldest is dropped even if it was to be kept. */
const MAXIMUM_MOVES = 16

/** One packet in the memory. One object, reused. */
export class KeptPacket {
  readonly time = new Timestamp()
  interfaceId = 0
  originalLength = 0
  /** Index of the connection among those that are open, as Connection.slot, and its id; 0: of no connection. */
  slot = 0
  connection = 0
  /** 0, 1, 2 … within the connection. */
  number = 0
  /** For packets of no connection: the hosts that it is about, as hostHash makes them; 0: none. */
  firstHost = 0
  secondHost = 0
  /** `buf[start..end)`, lent. */
  buf: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
}

export class PacketMemory {
  readonly #size: number
  readonly #bytes: Buffer
  readonly #words: Uint32Array
  readonly #doubles: Float64Array
  readonly #isKept: (packet: KeptPacket) => boolean
  readonly #scratch = new KeptPacket()
  #moved = Buffer.alloc(0)
  /** Places of the oldest record, of the latest, and behind it. */
  #tail = 0
  #latest = -1
  #head = 0
  /** Time of the latest packet that had to go. */
  readonly forgottenTime = new Timestamp(Number.NEGATIVE_INFINITY)

  /** `isKept` is asked about the oldest packet when there is no room. */
  constructor(bytes: number, isKept: (packet: KeptPacket) => boolean) {
    this.#size = Math.max(1 << 16, bytes & ~7)
    // the memory is taken from the system as it is first written to
    const memory = new ArrayBuffer(this.#size)
    this.#bytes = Buffer.from(memory)
    this.#words = new Uint32Array(memory)
    this.#doubles = new Float64Array(memory)
    this.#isKept = isKept
  }

  /** Copies a packet of no connection, until `attribute` says of which. One that is larger than the memory is left out. */
  put(packet: Packet): void {
    const { time } = packet
    const captured = packet.end - packet.start
    this.#latest = -1
    const at = this.#reserve(captured)
    if (at < 0) return
    packet.buf.copy(this.#bytes, at + HEADER_BYTES, packet.start, packet.end)
    const w = at >> 2
    const words = this.#words
    words[w + ORIGINAL] = packet.originalLength
    words[w + INTERFACE] = packet.interfaceId
    words[w + NANOS] = time.nanos
    words[w + SLOT] = 0
    words[w + NUMBER] = 0
    words[w + FIRST_HOST] = 0
    words[w + SECOND_HOST] = 0
    this.#doubles[(at >> 3) + SECONDS] = time.seconds
    this.#doubles[(at >> 3) + CONNECTION] = 0
    this.#latest = at
  }

  /** The packet that was put last belongs to a connection, and is the `number`th in it. */
  attribute(connection: number, slot: number, number: number): void {
    const at = this.#latest
    if (at < 0) return
    this.#doubles[(at >> 3) + CONNECTION] = connection
    this.#words[(at >> 2) + SLOT] = slot
    this.#words[(at >> 2) + NUMBER] = number
  }

  /** The packet that was put last is about these hosts. */
  attributeHosts(first: number, second: number): void {
    const at = this.#latest
    if (at < 0) return
    this.#words[(at >> 2) + FIRST_HOST] = first
    this.#words[(at >> 2) + SECOND_HOST] = second
  }

  /** Every packet, lent. They are in the order of capture, but for those that were kept longer. */
  forEach(visit: (packet: KeptPacket) => void): void {
    const packet = new KeptPacket()
    for (let place = this.#tail; place < this.#head; ) {
      const at = place % this.#size
      place += this.#words[at >> 2]!
      if (this.#read(at, packet)) visit(packet)
    }
  }

  /** Where a record for so many bytes now begins, its sizes written; -1 if the ring is too small. */
  #reserve(captured: number): number {
    const size = (HEADER_BYTES + captured + 7) & ~7
    // half of it, so that there is always room for what is moved
    if (size > this.#size >> 1) return -1
    for (let moves = 0; ; ) {
      const toEnd = this.#size - (this.#head % this.#size)
      const needed = size <= toEnd ? size : toEnd + size
      if (this.#size - (this.#head - this.#tail) >= needed) break
      if (this.#dropOldest(moves < MAXIMUM_MOVES)) moves++
    }
    const toEnd = this.#size - (this.#head % this.#size)
    if (size > toEnd) this.#begin(toEnd, PADDING)
    return this.#begin(size, captured)
  }

  #begin(size: number, captured: number): number {
    const at = this.#head % this.#size
    this.#words[at >> 2] = size
    this.#words[(at >> 2) + CAPTURED] = captured
    this.#head += size
    return at
  }

  /** True if the packet was put in again, as the newest. */
  #dropOldest(mayMove: boolean): boolean {
    const at = this.#tail % this.#size
    const size = this.#words[at >> 2]!
    const packet = this.#scratch
    const isPacket = this.#read(at, packet)
    const moves = isPacket && mayMove && this.#isKept(packet)
    if (!moves) {
      this.#tail += size
      if (isPacket) this.forgottenTime.set(packet.time)
      return false
    }
    if (this.#moved.length < size) this.#moved = Buffer.alloc(size)
    this.#bytes.copy(this.#moved, 0, at, at + size)
    this.#tail += size
    const captured = this.#words[(at >> 2) + CAPTURED]!
    const toEnd = this.#size - (this.#head % this.#size)
    const needed = size <= toEnd ? size : toEnd + size
    // a record that now stands across the end costs more than it gave: others go first
    while (this.#size - (this.#head - this.#tail) < needed) this.#dropOldest(false)
    if (size > toEnd) this.#begin(toEnd, PADDING)
    const to = this.#begin(size, captured)
    this.#moved.copy(this.#bytes, to, 0, size)
    return true
  }

  #read(at: number, packet: KeptPacket): boolean {
    const w = at >> 2
    const words = this.#words
    const captured = words[w + CAPTURED]!
    if (captured === PADDING) return false
    packet.time.seconds = this.#doubles[(at >> 3) + SECONDS]!
    packet.time.nanos = words[w + NANOS]!
    packet.interfaceId = words[w + INTERFACE]!
    packet.originalLength = words[w + ORIGINAL]!
    packet.connection = this.#doubles[(at >> 3) + CONNECTION]!
    packet.slot = words[w + SLOT]!
    packet.number = words[w + NUMBER]!
    packet.firstHost = words[w + FIRST_HOST]!
    packet.secondHost = words[w + SECOND_HOST]!
    packet.buf = this.#bytes
    packet.start = at + HEADER_BYTES
    packet.end = packet.start + captured
    return true
  }
}

/** Of an address's four words; never 0. */
export function hostHash(word0: number, word1: number, word2: number, word3: number): number {
  let hash = Math.imul(word0 ^ 0x9e3779b9, 0x85ebca6b)
  hash = Math.imul(hash ^ word1 ^ (hash >>> 13), 0xc2b2ae35)
  hash = Math.imul(hash ^ word2 ^ (hash >>> 16), 0x27d4eb2f)
  hash = Math.imul(hash ^ word3 ^ (hash >>> 15), 0x165667b1)
  return (hash ^ (hash >>> 16)) >>> 0 || 1
}
