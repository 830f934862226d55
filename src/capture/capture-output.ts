// What the capture child writes: packets and statistics as pcapng, gathered into one buffer and written in one call.

import { InterfaceStatistics } from '../savefile/interface.ts'
import { ENHANCED_PACKET_BLOCK } from '../savefile/pcapng-blocks.ts'
import { PcapngWriter } from '../savefile/pcapng-writer.ts'

/** Room for the largest packet, and for many of the usual ones. */
const GATHER_BYTES = 512 * 1024
/** Beyond this, asking Buffer to copy is cheaper than copying words in a loop. */
const LONG_BYTES = 256
const TWO_32 = 2 ** 32
const EMPTY_BLOCK_BYTES = 32

/** libpcap's packet header as the binding hands it over: four words. */
const HEADER_SECONDS = 0
const HEADER_MICROS = 1
const HEADER_CAPTURED = 2
const HEADER_ORIGINAL = 3

/**
 * One interface's pcapng section. Packets are put together in place: PcapngWriter does it in three calls, which with the
 * copying took a third of the child's time. `write` must have written or copied all of its bytes when it returns. */
export class CaptureOutput {
  readonly #write: (buf: Buffer, start: number, end: number) => void
  readonly #gathered = Buffer.allocUnsafeSlow(GATHER_BYTES)
  readonly #gatheredWords = new Int32Array(this.#gathered.buffer)
  readonly #bytes: Buffer
  readonly #words: Int32Array
  /** Always a multiple of 4, as all blocks are. */
  #used = 0
  readonly #writer: PcapngWriter
  // A packet's second in nanoseconds since 1970, as two halves; it changes rarely.
  #second = -1
  #secondHigh = 0
  #secondLow = 0
  readonly #statistics = new InterfaceStatistics()
  readonly #received = new WideCounter()
  readonly #dropped = new WideCounter()
  readonly #interfaceDropped = new WideCounter()
  /** The latest moment that was written: statistics never lie before it, nor before what is yet to come. */
  #clockMicros = 0

  /** `bytes` is where the packets are found; it must be no part of a larger buffer, and its length a multiple of 4. */
  constructor(bytes: Buffer, write: (buf: Buffer, start: number, end: number) => void) {
    this.#bytes = bytes
    this.#words = new Int32Array(bytes.buffer)
    this.#write = write
    this.#writer = new PcapngWriter((buf, start, end) => this.#gather(buf, start, end))
  }

  /** `place` and `description`: see CaptureRequest; the filter is added to the description. */
  begin(name: string, filter: string, linkType: number, snapshotBytes: number, place = '', description = ''): void {
    const parts = filter === '' ? [description] : [description, `filter: ${filter}`]
    this.#writer.writeSection()
    this.#writer.writeInterface({
      linkType,
      snapshotLength: snapshotBytes,
      name,
      description: parts.filter((part) => part !== '').join(', '),
      placeName: place,
    })
  }

  /** Microseconds since 1970 of libpcap's packet header. */
  timeOf(header: Uint32Array): number {
    return header[HEADER_SECONDS]! * 1e6 + header[HEADER_MICROS]!
  }

  /** An Enhanced Packet Block of the packet that lies in `bytes`. */
  packet(header: Uint32Array): void {
    const seconds = header[HEADER_SECONDS]!
    const micros = header[HEADER_MICROS]!
    const captured = Math.min(header[HEADER_CAPTURED]!, this.#bytes.length)
    const total = EMPTY_BLOCK_BYTES + ((captured + 3) & ~3)
    if (total > GATHER_BYTES - this.#used) this.flush()
    const at = this.#used
    this.#used = at + total
    this.#clockMicros = seconds * 1e6 + micros
    if (seconds !== this.#second) this.#setSecond(seconds)
    const low = this.#secondLow + micros * 1000
    const into = this.#gathered
    putWord(into, at, ENHANCED_PACKET_BLOCK)
    putWord(into, at + 4, total)
    putWord(into, at + 8, 0) // the only interface
    putWord(into, at + 12, low < TWO_32 ? this.#secondHigh : this.#secondHigh + 1)
    putWord(into, at + 16, low < TWO_32 ? low : low - TWO_32)
    putWord(into, at + 20, captured)
    putWord(into, at + 24, header[HEADER_ORIGINAL]!)
    this.#copy(at + 28, captured)
    putWord(into, at + total - 4, total)
  }

  /** Puts the packet's first bytes at `at`, and zeros behind them up to a whole word. */
  #copy(at: number, captured: number): void {
    if (captured > LONG_BYTES) {
      this.#bytes.copy(this.#gathered, at, 0, captured)
    } else {
      const from = this.#words
      const into = this.#gatheredWords
      const count = (captured + 3) >> 2
      const first = at >> 2
      for (let i = 0; i < count; i++) into[first + i] = from[i]!
    }
    for (let i = captured; (i & 3) !== 0; i++) this.#gathered[at + i] = 0
  }

  /** seconds * 10^9 in two halves; the product needs more bits than a number has, so it is made of two. */
  #setSecond(seconds: number): void {
    const upper = Math.floor(seconds / 65536) * 1e9
    const low = (upper % 65536) * 65536 + (seconds % 65536) * 1e9
    this.#second = seconds
    this.#secondHigh = Math.floor(upper / 65536) + Math.floor(low / TWO_32)
    this.#secondLow = low % TWO_32
  }

  /** All packets up to this moment have been written. */
  advance(micros: number): void {
    if (micros > this.#clockMicros) this.#clockMicros = micros
  }

  /** Counters as libpcap gives them (32 bits, they wrap), stamped with the latest moment written. */
  statistics(received: number, dropped: number, interfaceDropped: number): void {
    const statistics = this.#statistics
    statistics.time.seconds = Math.floor(this.#clockMicros / 1e6)
    statistics.time.nanos = (this.#clockMicros - statistics.time.seconds * 1e6) * 1000
    statistics.received = this.#received.follow(received)
    statistics.dropped = this.#dropped.follow(dropped)
    statistics.interfaceDropped = this.#interfaceDropped.follow(interfaceDropped)
    this.#writer.writeStatistics(0, statistics)
  }

  flush(): void {
    const used = this.#used
    if (used === 0) return
    this.#used = 0
    this.#write(this.#gathered, 0, used)
  }

  /** Blocks other than packets: small and rare. */
  #gather(buf: Buffer, start: number, end: number): void {
    if (end - start > GATHER_BYTES - this.#used) this.flush()
    this.#used += buf.copy(this.#gathered, this.#used, start, end)
  }
}

function putWord(into: Buffer, at: number, value: number): void {
  into[at] = value
  into[at + 1] = value >>> 8
  into[at + 2] = value >>> 16
  into[at + 3] = value >>> 24
}

/** Makes an ever-growing number out of a 32-bit counter that starts again at 0 when it is full. */
class WideCounter {
  #last = 0
  #total = 0

  follow(value: number): number {
    this.#total += (value - this.#last) >>> 0
    this.#last = value
    return this.#total
  }
}
