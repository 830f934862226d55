// Which exchanges are slow enough to be shown: -t 1.5 (milliseconds) or -t p99 (of the run so far).

import { type LatencyHistogram, recordMicros } from './latency-table.ts'

export type ThresholdPlan =
  | { readonly kind: 'micros'; readonly micros: number }
  | { readonly kind: 'percentile'; readonly percent: number }

/** With fewer exchanges than this nobody can say what is usual, so nothing is shown. */
const LEAST_EXCHANGES = 100
/** The percentile is computed again when the number of exchanges has grown by this factor. */
const RENEW_AT_GROWTH = 1.02

export class Threshold {
  readonly #histogram: LatencyHistogram | undefined
  readonly #percent: number
  #micros: number
  #count = 0
  #renewAt = LEAST_EXCHANGES

  /** `histogram` is for percentiles only. */
  constructor(plan: ThresholdPlan, histogram: LatencyHistogram | undefined) {
    this.#histogram = plan.kind === 'percentile' ? histogram : undefined
    this.#percent = plan.kind === 'percentile' ? plan.percent : 0
    this.#micros = plan.kind === 'micros' ? plan.micros : Number.POSITIVE_INFINITY
  }

  /** Takes each answered exchange in turn and says whether it is slow. `micros` is its latency. */
  isSlow(micros: number): boolean {
    const slow = micros >= this.#micros
    if (this.#histogram !== undefined) this.#learn(this.#histogram, micros)
    return slow
  }

  #learn(histogram: LatencyHistogram, micros: number): void {
    recordMicros(histogram, micros)
    if (++this.#count < this.#renewAt) return
    this.#renewAt = Math.max(this.#count + 1, Math.ceil(this.#count * RENEW_AT_GROWTH))
    this.#micros = histogram.getValueAtPercentile(this.#percent)
  }
}
