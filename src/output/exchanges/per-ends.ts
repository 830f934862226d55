// Text about the two ends of an exchange, made once for each pair of ends and not for each exchange.

import type { ExchangeEnds } from '../../core/exchange-hosts.ts'

/** When there are so many, those of closed connections are removed. */
const MAXIMUM_ENDS = 4096

export class PerEnds<T> {
  readonly #make: (ends: ExchangeEnds) => T
  readonly #made: Map<ExchangeEnds, T>

  constructor(make: (ends: ExchangeEnds) => T) {
    this.#make = make
    this.#made = new Map()
  }

  of(ends: ExchangeEnds): T {
    let made = this.#made.get(ends)
    if (made === undefined) {
      made = this.#make(ends)
      if (this.#made.size >= MAXIMUM_ENDS) this.#made.clear()
      this.#made.set(ends, made)
    }
    return made
  }
}
