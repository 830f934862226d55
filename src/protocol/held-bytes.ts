// Bytes that a framer must keep because the thing they belong to is not complete yet.

/** How much all framers or parsers of a run may hold together; each counts what it takes and gives back. */
export class HeldMemory {
  readonly maximumBytes: number
  usedBytes: number

  constructor(maximumBytes: number) {
    this.maximumBytes = maximumBytes
    this.usedBytes = 0
  }

  get full(): boolean {
    return this.usedBytes > this.maximumBytes
  }
}

const NOTHING = Buffer.alloc(0)

/** A growing buffer that costs nothing while it is empty. Its user limits its length. */
export class HeldBytes {
  /** Valid: `buf[0..length)`. */
  buf: Buffer
  length: number
  readonly #memory: HeldMemory

  constructor(memory: HeldMemory) {
    this.buf = NOTHING
    this.length = 0
    this.#memory = memory
  }

  append(from: Buffer, start: number, end: number): void {
    const needed = this.length + end - start
    if (needed > this.buf.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(512, needed, Math.min(2 * this.buf.length, needed + 65536)))
      this.buf.copy(grown, 0, 0, this.length)
      this.#memory.usedBytes += grown.length - this.buf.length
      this.buf = grown
    }
    from.copy(this.buf, this.length, start, end)
    this.length = needed
  }

  /** Empties it; the bytes stay readable through a reference taken before. */
  clear(): void {
    this.#memory.usedBytes -= this.buf.length
    this.buf = NOTHING
    this.length = 0
  }

  dropFirst(count: number): void {
    if (count === this.length) {
      this.clear()
      return
    }
    this.buf.copyWithin(0, count, this.length)
    this.length -= count
  }
}
