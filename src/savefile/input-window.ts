// The part of a savefile that lies in memory, and how the next part gets there. Formats parse where the bytes lie.

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

  constructor(workingBuffer: Buffer) {
    this.buf = workingBuffer
    this.#workingBuffer = workingBuffer
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
    this.#makeRoom()
    const got = source.read(this.buf, this.end, this.buf.length)
    return typeof got === 'number' ? this.#filled(got) : got.then((bytes) => this.#filled(bytes))
  }

  #filled(bytes: number): number {
    if (bytes === 0) this.ended = true
    this.end += bytes
    if (this.#skip > 0) {
      const here = Math.min(this.#skip, this.end - this.start)
      this.start += here
      this.#skip -= here
    }
    return bytes
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
