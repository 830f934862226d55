// --top N: keeps the lines of a run's slowest exchanges.

import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'

interface Kept {
  readonly micros: number
  readonly line: string
}

/** Formats a line only for those that are among the slowest so far. Ties stay in their order. */
export class Slowest implements TimedExchangeConsumer {
  readonly #maximum: number
  readonly #format: (timed: TimedExchange) => string
  /** Slowest first. */
  readonly #kept: Kept[] = []

  constructor(maximum: number, format: (timed: TimedExchange) => string) {
    this.#maximum = maximum
    this.#format = format
  }

  onTimedExchange(timed: TimedExchange): void {
    const micros = timed.latencyMicros
    const kept = this.#kept
    if (micros < 0 || timed.exchange.blocking) return
    if (kept.length === this.#maximum && micros <= kept[kept.length - 1]!.micros) return
    let low = 0
    let high = kept.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (kept[middle]!.micros >= micros) low = middle + 1
      else high = middle
    }
    kept.splice(low, 0, { micros, line: this.#format(timed) })
    if (kept.length > this.#maximum) kept.pop()
  }

  /** Slowest first. */
  lines(): string[] {
    return this.#kept.map(({ line }) => line)
  }
}
