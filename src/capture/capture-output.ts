// What the capture child writes: packets and statistics as pcapng, gathered into one buffer and written in one call.

import { Timestamp } from '../core/timestamp.ts'
import { InterfaceStatistics } from '../savefile/interface.ts'
import { PcapngWriter } from '../savefile/pcapng-writer.ts'

const GATHER_BYTES = 256 * 1024
/** Below this, copying byte by byte is cheaper than asking Buffer to do it. */
const SHORT_BYTES = 64

/** libpcap's packet header as the binding hands it over: four words. */
const HEADER_SECONDS = 0
const HEADER_MICROS = 1
const HEADER_CAPTURED = 2
const HEADER_ORIGINAL = 3

/** One interface's pcapng section. `write` must have written or copied all of its bytes when it returns. */
export class CaptureOutput {
  readonly #write: (buf: Buffer, start: number, end: number) => void
  readonly #gathered = Buffer.allocUnsafeSlow(GATHER_BYTES)
  #used = 0
  readonly #writer: PcapngWriter
  readonly #time = new Timestamp()
  readonly #statistics = new InterfaceStatistics()
  readonly #received = new WideCounter()
  readonly #dropped = new WideCounter()
  readonly #interfaceDropped = new WideCounter()
  /** The latest moment that was written: statistics never lie before it, nor before what is yet to come. */
  #clockMicros = 0

  constructor(write: (buf: Buffer, start: number, end: number) => void) {
    this.#write = write
    this.#writer = new PcapngWriter((buf, start, end) => this.#gather(buf, start, end))
  }

  begin(name: string, filter: string, linkType: number, snapshotBytes: number): void {
    const description = filter === '' ? '' : `filter: ${filter}`
    this.#writer.writeSection()
    this.#writer.writeInterface({ linkType, snapshotLength: snapshotBytes, name, description })
  }

  /** Microseconds since 1970 of libpcap's packet header. */
  timeOf(header: Uint32Array): number {
    return header[HEADER_SECONDS]! * 1e6 + header[HEADER_MICROS]!
  }

  /** `header` and `bytes` are the binding's own and may change afterwards. */
  packet(header: Uint32Array, bytes: Buffer): void {
    this.#time.seconds = header[HEADER_SECONDS]!
    this.#time.nanos = header[HEADER_MICROS]! * 1000
    this.#clockMicros = header[HEADER_SECONDS]! * 1e6 + header[HEADER_MICROS]!
    const captured = Math.min(header[HEADER_CAPTURED]!, bytes.length)
    this.#writer.writePacket(0, this.#time, header[HEADER_ORIGINAL]!, bytes, 0, captured)
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

  #gather(buf: Buffer, start: number, end: number): void {
    const length = end - start
    if (length > GATHER_BYTES - this.#used) {
      this.flush()
      if (length > GATHER_BYTES) {
        this.#write(buf, start, end)
        return
      }
    }
    const into = this.#gathered
    let at = this.#used
    this.#used = at + length
    if (length > SHORT_BYTES) buf.copy(into, at, start, end)
    else for (let i = start; i < end; i++) into[at++] = buf[i]!
  }
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
