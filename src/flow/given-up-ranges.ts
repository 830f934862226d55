// The latest gaps of a stream, so that bytes that come late are recognised.

/** Older gaps are forgotten: late bytes for them count as retransmitted. */
const MAXIMUM_RANGES = 64

export class GivenUpRanges {
  /** After `take` returned true: the stream offsets of what was found. */
  foundStart = 0
  foundEnd = 0
  readonly #starts = new Float64Array(MAXIMUM_RANGES)
  readonly #ends = new Float64Array(MAXIMUM_RANGES)
  #count = 0

  /** A gap at `[start, end)`; gaps come in the order of their offsets. */
  add(start: number, end: number): void {
    if (this.#count > 0 && this.#ends[this.#count - 1] === start) {
      this.#ends[this.#count - 1] = end
      return
    }
    if (this.#count === MAXIMUM_RANGES) this.#remove(0)
    this.#starts[this.#count] = start
    this.#ends[this.#count] = end
    this.#count++
  }

  /** Takes out the first part of `[start, end)` that lies in a gap; false when none does. */
  take(start: number, end: number): boolean {
    for (let i = 0; i < this.#count; i++) {
      const rangeStart = this.#starts[i]!
      const rangeEnd = this.#ends[i]!
      if (rangeEnd <= start || rangeStart >= end) continue
      this.foundStart = Math.max(start, rangeStart)
      this.foundEnd = Math.min(end, rangeEnd)
      if (this.foundStart > rangeStart && this.foundEnd < rangeEnd) this.#split(i)
      else if (this.foundStart > rangeStart) this.#ends[i] = this.foundStart
      else if (this.foundEnd < rangeEnd) this.#starts[i] = this.foundEnd
      else this.#remove(i)
      return true
    }
    return false
  }

  #split(i: number): void {
    const end = this.#ends[i]!
    this.#ends[i] = this.foundStart
    if (this.#count === MAXIMUM_RANGES) {
      this.#remove(0)
      i--
    }
    this.#starts.copyWithin(i + 2, i + 1, this.#count)
    this.#ends.copyWithin(i + 2, i + 1, this.#count)
    this.#starts[i + 1] = this.foundEnd
    this.#ends[i + 1] = end
    this.#count++
  }

  #remove(i: number): void {
    this.#starts.copyWithin(i, i + 1, this.#count)
    this.#ends.copyWithin(i, i + 1, this.#count)
    this.#count--
  }
}
