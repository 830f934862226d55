// MD5 of a file's contents, computed while it is written. Holes count as zeros, as a reader of the file sees them.

import { createHash, type Hash } from 'node:crypto'
import { readSync } from 'node:fs'

const ZEROS = Buffer.alloc(64 * 1024)
/** A few packets can make a file of terabytes that is nearly all hole: with more of it than this there is no digest. */
const MAXIMUM_HOLE_BYTES = 1024 * 1024 * 1024

export class FileDigest {
  readonly #hash: Hash = createHash('md5')
  #position = 0
  #holeBytes = 0
  /** Something was written before the end, so the file must be read to know its contents. */
  #outOfStep = false

  /** `buf[start..end)` was written at `position`. */
  update(position: number, buf: Buffer, start: number, end: number): void {
    if (position < this.#position) this.#outOfStep = true
    if (position > this.#position) this.#holeBytes += position - this.#position
    if (this.#outOfStep || this.#holeBytes > MAXIMUM_HOLE_BYTES) {
      this.#position = Math.max(this.#position, position + end - start)
      return
    }
    for (let hole = position - this.#position; hole > 0; hole -= ZEROS.length) {
      this.#hash.update(hole < ZEROS.length ? ZEROS.subarray(0, hole) : ZEROS)
    }
    this.#hash.update(buf.subarray(start, end))
    this.#position = position + end - start
  }

  /** The file had contents before our first byte, which were not seen here: read all of it at the end. */
  startUnknown(): void {
    this.#outOfStep = true
  }

  /**
   * Lower-case hex; undefined if there is too much hole. `open` is asked for a readable descriptor if the file must be
   * read.
   */
  finish(open: () => number): string | undefined {
    if (this.#holeBytes > MAXIMUM_HOLE_BYTES) return undefined
    if (!this.#outOfStep) return this.#hash.digest('hex')
    const descriptor = open()
    const hash = createHash('md5')
    const buf = Buffer.allocUnsafe(256 * 1024)
    for (let position = 0; ; ) {
      const length = readSync(descriptor, buf, 0, buf.length, position)
      if (length === 0) return hash.digest('hex')
      hash.update(buf.subarray(0, length))
      position += length
    }
  }
}
