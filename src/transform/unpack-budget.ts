// How much may come out of all compressed bodies of a run together: each is bounded by itself, but there may be many.

/** So many times what was sent may come out in any case: JSON and logs seldom come to more. */
const FREE_RATIO = 20

/**
 * In proportion to what was sent, so that a run may last for months, and beyond that a fixed sum for what is packed more
 * tightly. Once the sum is used up, bodies stay packed until enough has been sent again.
 */
export class UnpackBudget {
  readonly #maximumBytes: number
  readonly #onReached: () => void
  #sentBytes = 0
  #unpackedBytes = 0
  #told = false

  /** `maximumBytes`: that sum. `onReached` is called once. */
  constructor(maximumBytes = Number.POSITIVE_INFINITY, onReached: () => void = () => {}) {
    this.#maximumBytes = maximumBytes
    this.#onReached = onReached
  }

  /** Compressed bytes have come. */
  receive(bytes: number): void {
    this.#sentBytes += bytes
  }

  /** False: these unpacked bytes are too many, and do not count. */
  spend(bytes: number): boolean {
    const most = this.#maximumBytes + FREE_RATIO * this.#sentBytes
    if (this.#unpackedBytes + bytes <= most) {
      this.#unpackedBytes += bytes
      return true
    }
    if (!this.#told) this.#onReached()
    this.#told = true
    return false
  }
}
