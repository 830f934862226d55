// When the output of a live capture goes out: soon enough for whoever looks at it, and under load not with each of many
// small pieces, for a write costs more than what is in it.

/** After a flush the next one is this far away. From packet to output it takes 50 ms at most, and capturing needs half. */
const QUIET_MILLIS = 15
/** The same under load, where nobody can read along. */
const LOADED_MILLIS = 100
/** More than so many since the latest flush are a load. */
const LOAD_PACKETS_PER_MILLISECOND = 20

export class FlushPace {
  #flushedAt = Number.NEGATIVE_INFINITY
  #packetsThen = 0

  /** True when a flush is due. `now` in milliseconds from anywhere; `packets` so far. */
  isDue(now: number, packets: number): boolean {
    const millis = now - this.#flushedAt
    if (millis < QUIET_MILLIS) return false
    return millis >= LOADED_MILLIS || packets - this.#packetsThen <= millis * LOAD_PACKETS_PER_MILLISECOND
  }

  flushed(now: number, packets: number): void {
    this.#flushedAt = now
    this.#packetsThen = packets
  }
}

/** Flushes in that pace whenever the input pauses, and when it has paused for long. */
export class PacedFlush {
  readonly #flush: () => Promise<void> | undefined
  readonly #pace = new FlushPace()
  #packets = 0
  #timer: NodeJS.Timeout | undefined = undefined
  #timerRuns = false
  /** One that the timer began and that the sinks have not taken yet, or that failed. */
  #late: Promise<void> | undefined = undefined

  /** `flush` returns a promise where the sinks have to be waited for. */
  constructor(flush: () => Promise<void> | undefined) {
    this.#flush = flush
  }

  /** Returns what is to be waited for; it rejects as `flush` does. */
  onPause(now: number, packets: number): Promise<void> | undefined {
    this.#packets = packets
    const late = this.#late
    this.#late = undefined
    if (late !== undefined) return late
    if (this.#pace.isDue(now, packets)) return this.#flushNow(now)
    if (!this.#timerRuns) this.#askLater()
    return undefined
  }

  /** No more flushes from here on. */
  end(): void {
    clearTimeout(this.#timer)
  }

  #flushNow(now: number): Promise<void> | undefined {
    this.#pace.flushed(now, this.#packets)
    return this.#flush()
  }

  #askLater(): void {
    this.#timerRuns = true
    if (this.#timer !== undefined) this.#timer.refresh()
    else this.#timer = setTimeout(() => this.#onTimer(), QUIET_MILLIS).unref()
  }

  #onTimer(): void {
    this.#timerRuns = false
    const now = performance.now()
    if (!this.#pace.isDue(now, this.#packets)) {
      this.#askLater()
      return
    }
    const flushed = this.#flushNow(now)
    // whoever pauses next waits for it, and gets its error
    flushed?.catch(() => {})
    this.#late = flushed
  }
}
