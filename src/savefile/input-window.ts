// The part of a savefile that lies in memory, and how the next part gets there. Formats parse where the bytes lie.
//
// Where the source can read ahead the working buffer is used as two halves: while one is parsed the other is filled. The
// record that is cut in two by that goes into the gap that each half begins with.

import type { ByteSource } from '../core/ports.ts'

/**
 * Unread bytes are `buf[start..end)`. A format moves `start`; when it lacks bytes it says how many it wants (`need`) and
 * returns; `fill` then moves the rest to the front and reads behind it. A record larger than the working buffer goes to a
 * heap buffer until it is done: `buf` changes only in `fill`.
 */
export class InputWindow {
  buf: Buffer
  start = 0
  end = 0
  /** Bytes from `start` that the format wants to see together. */
  need = 1
  /** The source has no more. */
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

  /** Drops `bytes` from here on, also those that have yet to be read. */
  skip(bytes: number): void {
    const here = Math.min(bytes, this.end - this.start)
    this.start += here
    this.#skip += bytes - here
  }

  /** True while `skip` waits for input. */
  get skipping(): boolean {
    return this.#skip > 0
  }

  /** Reads once, after the format asked for input. Resolves to the bytes read, 0 at the end. */
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

  /** Begins to fill the half that the unread bytes are not in. */
  #startAhead(source: ByteSource): void {
    const half = this.#half
    if (this.end > half && this.start < half) return
    this.#aheadStart = (this.end <= half ? half : 0) + this.#gap
    this.#ahead = source.readAhead?.(this.buf, this.#aheadStart, this.#aheadStart + half - this.#gap)
    // whoever waits for it gets the error; perhaps nobody does
    this.#ahead?.catch(() => {})
  }

  /** Goes on in the other half: the bytes that are left in this one are put in front of it. */
  async #takeAhead(ahead: Promise<number>, source: ByteSource): Promise<number> {
    const got = await ahead
    this.#ahead = undefined
    const from = this.#aheadStart
    if (this.end - this.start <= this.#gap) this.#moveUnread(this.#workingBuffer, from)
    else this.#join(from, got)
    return this.#filled(got, source)
  }

  /** Where a source's bytes come to lie that come by themselves (ByteSource.deliver): the last quarter of the working buffer. */
  get landing(): Buffer {
    return this.#workingBuffer.subarray(this.#landingStart)
  }

  /** Makes way for the next bytes there: those that are unread go in front of it, where they fit. */
  clearLanding(): void {
    const unread = this.end - this.start
    if (this.buf !== this.#workingBuffer && unread > this.#landingStart) return
    if (unread <= this.#landingStart) this.#moveUnread(this.#workingBuffer, this.#landingStart)
    else this.#join(0, 0)
  }

  /** So many have come there, 0 at the end; `clearLanding` was called before they came. */
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

  /** Goes on in memory from the heap: the unread bytes, and behind them room for `bytes` from `from` on, which are copied. */
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
