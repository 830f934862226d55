// The part of a savefile that is in memory, and how the next part gets there. Formats parse the bytes where they are.
// If the source can read ahead, the working buffer is used as two halves: while one is parsed, the other is filled.
// Each half begins with a gap, for the beginning of a record that was cut in two at the end of the other half.

import type { ByteSource } from '../core/ports.ts'

/**
 * Unread bytes are `buf[start..end)`. A format moves `start`. If it lacks bytes it says how many it needs (`need`) and
 * returns; `fill` then moves the unread bytes to the front and reads more after them. A record larger than the working
 * buffer goes to a buffer on the heap until it is done; `buf` changes only in `fill`.
 */
export class InputWindow {
  buf: Buffer
  start = 0
  end = 0
  /** Bytes from `start` on that the format needs together. */
  need = 1
  /** The source has come to its end. */
  ended = false
  /** Packets handed over so far: formats count them here, for messages too. */
  packetCount = 0
  readonly #workingBuffer: Buffer
  /** Offset in the savefile of `buf[0]`. */
  #base = 0
  #skip = 0
  readonly #half: number
  readonly #gap: number
  readonly #landingStart: number
  /** The read that fills the other half, from `#aheadStart` on. */
  #ahead: Promise<number> | undefined = undefined
  #aheadStart = 0

  constructor(workingBuffer: Buffer) {
    this.buf = workingBuffer
    this.#workingBuffer = workingBuffer
    this.#half = workingBuffer.length >> 1
    this.#gap = this.#half >> 4
    this.#landingStart = workingBuffer.length - (workingBuffer.length >> 2)
  }

  /** Offset in the (decompressed) savefile of the next unread byte. */
  get offset(): number {
    return this.#base + this.start
  }

  /** Drops `bytes` from here on, also those that are not read yet. */
  skip(bytes: number): void {
    const here = Math.min(bytes, this.end - this.start)
    this.start += here
    this.#skip += bytes - here
  }

  /** True while `skip` waits for input. */
  get skipping(): boolean {
    return this.#skip > 0
  }

  /** Reads once, after the format has asked for input. Resolves to the number of bytes read, 0 at the end. */
  fill(source: ByteSource): number | Promise<number> {
    if (this.#ahead !== undefined) return this.#takeAhead(this.#ahead, source)
    this.#makeRoom()
    const inHalf = source.readAhead !== undefined && this.buf === this.#workingBuffer && this.end < this.#half
    const got = source.read(this.buf, this.end, inHalf ? this.#half : this.buf.length)
    return typeof got === 'number' ? this.#filled(got, source) : got.then((bytes) => this.#filled(bytes, source))
  }

  #filled(bytes: number, source?: ByteSource): number {
    if (bytes === 0) this.ended = true
    this.end += bytes
    if (this.#skip > 0) {
      const here = Math.min(this.#skip, this.end - this.start)
      this.start += here
      this.#skip -= here
    }
    if (bytes > 0 && this.buf === this.#workingBuffer && source?.readAhead !== undefined) this.#startAhead(source)
    return bytes
  }

  /** Begins to fill the half without unread bytes. */
  #startAhead(source: ByteSource): void {
    const half = this.#half
    if (this.end > half && this.start < half) return
    this.#aheadStart = (this.end <= half ? half : 0) + this.#gap
    this.#ahead = source.readAhead?.(this.buf, this.#aheadStart, this.#aheadStart + half - this.#gap)
    // the code that waits for it gets the error; perhaps nobody waits
    this.#ahead?.catch(() => {})
  }

  /** Goes on in the other half: the bytes left in this one are put in front of it. */
  async #takeAhead(ahead: Promise<number>, source: ByteSource): Promise<number> {
    const got = await ahead
    this.#ahead = undefined
    const from = this.#aheadStart
    if (this.end - this.start <= this.#gap) this.#moveUnread(this.#workingBuffer, from)
    else this.#join(from, got)
    return this.#filled(got, source)
  }

  /**
   * Where bytes land that a source delivers by itself (ByteSource.deliver): in the last quarter of the working buffer.
   */
  get landing(): Buffer {
    return this.#workingBuffer.subarray(this.#landingStart)
  }

  /** Makes room there for the next bytes: the unread ones go in front of it, if they fit. */
  clearLanding(): void {
    const unread = this.end - this.start
    if (this.buf !== this.#workingBuffer && unread > this.#landingStart) return
    if (unread <= this.#landingStart) this.#moveUnread(this.#workingBuffer, this.#landingStart)
    else this.#join(0, 0)
  }

  /** So many bytes have arrived there, 0 at the end. `clearLanding` was called before they came. */
  landed(bytes: number): void {
    if (this.buf !== this.#workingBuffer) this.#join(this.#landingStart, bytes)
    this.#filled(bytes)
  }

  /** Puts the unread bytes where they end before `end`. */
  #moveUnread(target: Buffer, end: number): void {
    const start = end - (this.end - this.start)
    this.buf.copy(target, start, this.start, this.end)
    this.#base += this.start - start
    this.buf = target
    this.start = start
    this.end = end
  }

  /** Moves to a buffer on the heap: the unread bytes, then room for `bytes`; those from `from` on are copied. */
  #join(from: number, bytes: number): void {
    const { start, end } = this
    this.buf = Buffer.concat([this.buf.subarray(start, end), this.#workingBuffer.subarray(from, from + bytes)])
    this.#base += start
    this.start = 0
    this.end = end - start
  }

  #makeRoom(): void {
    const unread = this.end - this.start
    const target =
      this.need > this.#workingBuffer.length
        ? this.buf.length >= this.need
          ? this.buf
          : Buffer.allocUnsafeSlow(this.need + 65536)
        : unread < this.#workingBuffer.length
          ? this.#workingBuffer
          : this.buf
    if (target === this.buf && this.start === 0) return
    this.buf.copy(target, 0, this.start, this.end)
    this.#base += this.start
    this.buf = target
    this.start = 0
    this.end = unread
  }
}
