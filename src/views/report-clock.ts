// When `--every` asks for the next report, in capture time.

import { elapsedMicros, Timestamp } from '../core/timestamp.ts'

const MICROS_PER_MILLI = 1000

export class ReportClock {
  /** The latest time that it was told, if reports are asked for; seconds 0: none yet. */
  readonly latest = new Timestamp()
  readonly #everyMicros: number
  readonly #reportedAt = new Timestamp(Number.NEGATIVE_INFINITY)

  /** `everyMillis` 0: never. */
  constructor(everyMillis: number) {
    this.#everyMicros = everyMillis * MICROS_PER_MILLI
  }

  /** True when a report is due. Counts anew from then on, from the first time that it is told, and after a clock was set back. */
  isDue(t: Timestamp): boolean {
    if (this.#everyMicros === 0) return false
    this.latest.set(t)
    if (this.#reportedAt.seconds === Number.NEGATIVE_INFINITY) this.#reportedAt.set(t)
    const sinceReport = elapsedMicros(this.#reportedAt, t)
    if (sinceReport >= 0 && sinceReport < this.#everyMicros) return false
    this.#reportedAt.set(t)
    return sinceReport >= 0
  }
}
