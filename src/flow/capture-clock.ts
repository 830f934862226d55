// A clock driven by packet timestamps. A single absurd timestamp does not disturb it.

import { Timestamp } from '../core/timestamp.ts'

/** Steps up to this are believed at once. */
const BELIEVED_STEP_MICROS = 60_000_000

/**
 * Counts microseconds from 0 by the differences of timestamps. A larger step forward is taken at once, but is `settled` only
 * when the next timestamp continues from there; otherwise the clock goes back. Steps back in time never turn the clock back: a
 * large one that is confirmed is another time scale (a second file, a clock that was set), and the clock goes on from where it
 * is.
 */
export class CaptureClock {
  /** The clock's reading in microseconds. */
  now = 0
  /** The latest timestamp that is confirmed: by another one, or by being near the one before. */
  readonly confirmed = new Timestamp()
  /** The clock's reading at `confirmed`. */
  confirmedNow = 0
  /** `confirmed` in microseconds. */
  #last = Number.NaN
  #suspect = Number.NaN
  readonly #suspected = new Timestamp()

  /** False while `now` rests on a single timestamp: nothing should be ended because of it. */
  get settled(): boolean {
    return Number.isNaN(this.#suspect)
  }

  /** Takes a timestamp into account and returns `now`. */
  advance(t: Timestamp): number {
    const raw = t.seconds * 1e6 + t.nanos * 1e-3
    const step = raw - this.#last
    if (step <= BELIEVED_STEP_MICROS && step >= -BELIEVED_STEP_MICROS) this.#settle(t, raw, step)
    else this.#jump(t, raw)
    return this.now
  }

  #settle(t: Timestamp, raw: number, step: number): void {
    if (step > 0) {
      this.confirmedNow += step
      this.#last = raw
      this.confirmed.set(t)
    }
    this.now = this.confirmedNow
    this.#suspect = Number.NaN
  }

  #jump(t: Timestamp, raw: number): void {
    if (!Number.isFinite(raw)) return
    if (Number.isNaN(this.#last)) {
      this.#last = raw
      this.confirmed.set(t)
    }
    const ahead = raw > this.#last
    if (this.#suspect > this.#last === ahead && raw - this.#suspect >= -BELIEVED_STEP_MICROS) {
      if (ahead) this.confirmedNow += this.#suspect - this.#last
      this.#last = this.#suspect
      this.confirmed.set(this.#suspected)
      this.#suspect = Number.NaN
    }
    const step = raw - this.#last
    if (step <= BELIEVED_STEP_MICROS && step >= -BELIEVED_STEP_MICROS) {
      this.#settle(t, raw, step)
      return
    }
    this.#suspect = raw
    this.#suspected.set(t)
    this.now = this.confirmedNow + Math.max(0, step)
  }
}
