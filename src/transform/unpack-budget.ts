// Limits how much may come out of all compressed bodies of a run together. Each is bounded by itself, but there may be many.

/** This many times what was sent may always come out: JSON and logs seldom reach more. */
const FREE_RATIO = 20

/**
 * The budget grows with what was sent, so that a run may last for months. Bodies that are packed more tightly share a fixed sum
 * beyond that. Once the sum is used up, bodies stay packed until enough has been sent again.
 */
export class UnpackBudget {
  readonly #maximumBytes: number
  readonly #onReached: () => void
  #sentBytes = 0
  #unpackedBytes = 0
  #told = false

  /** `maximumBytes`: the fixed sum. `onReached` is called once, when it is used up. */
  constructor(maximumBytes = Number.POSITIVE_INFINITY, onReached: () => void = () => {}) {
    this.#maximumBytes = maximumBytes
    this.#onReached = onReached
  }

  /** Compressed bytes have come. */
  receive(bytes: number): void {
    this.#sentBytes += bytes
  }

  /** Asks for so many unpacked bytes. False: they are too many, and are not counted. */
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
