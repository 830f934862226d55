// A clock driven by packet timestamps. It only goes forward, and one absurd timestamp does not move it far.

import type { Timestamp } from '../core/timestamp.ts'

/** Steps up to this are believed at once. */
const BELIEVED_STEP_MICROS = 60_000_000
/** What a larger step counts until a second timestamp confirms it. */
const CLAMPED_STEP_MICROS = 20_000_000

/**
 * Microseconds that follow the timestamps' differences, from 0. A step of more than a minute counts 20 s until the next
 * timestamp agrees with it (then in full); small steps back count nothing; a confirmed large step back is taken as the
 * start of another time scale (a second file, a clock that was set) and the clock goes on from where it is.
 */
export class CaptureClock {
  /** The clock's reading in microseconds. */
  now = 0
  #last = Number.NaN
  #suspect = Number.NaN
  #credited = 0

  /** Takes a timestamp into account and returns `now`. */
  advance(t: Timestamp): number {
    const raw = t.seconds * 1e6 + t.nanos / 1e3
    const step = raw - this.#last
    if (step >= 0 && step <= BELIEVED_STEP_MICROS) {
      this.now += step
      this.#last = raw
      this.#suspect = Number.NaN
    } else if (step < 0 && step >= -BELIEVED_STEP_MICROS) {
      this.#suspect = Number.NaN
    } else {
      this.#jump(raw, step)
    }
    return this.now
  }

  #jump(raw: number, step: number): void {
    if (Number.isNaN(step)) {
      if (Number.isFinite(raw)) this.#last = raw
      return
    }
    if (Math.abs(raw - this.#suspect) <= BELIEVED_STEP_MICROS) {
      if (step > 0) this.now += Math.max(0, step - this.#credited)
      this.#last = raw
      this.#suspect = Number.NaN
      this.#credited = 0
      return
    }
    if (Number.isNaN(this.#suspect)) this.#credited = 0
    this.#suspect = raw
    if (step > 0) {
      this.now += CLAMPED_STEP_MICROS
      this.#credited += CLAMPED_STEP_MICROS
    }
  }
}
