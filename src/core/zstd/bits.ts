// Bit streams of zstd (RFC 8878 §4.1, §4.2): little-endian, and most of them read from their end to their beginning.

/** Thrown within a block for data that is not zstd. The reader of blocks catches it. */
export class ZstdDamage extends Error {}

/** Reads backwards. What lies before the beginning is zeros, and `left` is negative then. */
export class BackwardBits {
  /** Bits not read yet. */
  left = 0
  #buf: Uint8Array = new Uint8Array(0)
  #start = 0

  /** `buf[start..end)`, whose last byte has a mark above its last bit. */
  begin(buf: Uint8Array, start: number, end: number): void {
    const last = end > start ? buf[end - 1]! : 0
    if (last === 0) throw new ZstdDamage('a bit stream has no end')
    this.#buf = buf
    this.#start = start
    this.left = (end - start) * 8 - (Math.clz32(last) - 23)
  }

  /** The next `count` (0 to 16) bits, which are not read yet. */
  peek(count: number): number {
    const low = this.left - count
    if (low < 0) return this.left <= 0 ? 0 : (this.#bits(0, this.left) << -low) & ((1 << count) - 1)
    return this.#bits(low, count)
  }

  /** At most 31. */
  read(count: number): number {
    if (count > 16) {
      const high = this.read(count - 16)
      return high * 65536 + this.read(16)
    }
    const value = this.peek(count)
    this.left -= count
    return value
  }

  #bits(low: number, count: number): number {
    const buf = this.#buf
    const at = this.#start + (low >> 3)
    const three = buf[at]! | ((buf[at + 1] ?? 0) << 8) | ((buf[at + 2] ?? 0) << 16)
    return (three >>> (low & 7)) & ((1 << count) - 1)
  }
}
