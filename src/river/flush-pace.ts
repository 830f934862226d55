// Decides when the output of a live capture is written: soon enough for whoever looks at it, but under load not for each small
// piece, because a write costs more than its bytes.

/** Shortest time between two flushes. From packet to output may take 50 ms, and capturing needs half of that. */
const QUIET_MILLIS = 15
/** The same under load, when nobody can read along. */
const LOADED_MILLIS = 100
/** More packets than this since the latest flush are a load. */
const LOAD_PACKETS_PER_MILLISECOND = 20

export class FlushPace {
  #flushedAt = Number.NEGATIVE_INFINITY
  #packetsThen = 0

  /** True when a flush is due. `now`: milliseconds of any clock; `packets`: how many there were so far. */
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

/** Flushes at that pace when the input pauses, and by a timer when it stays silent. */
export class PacedFlush {
  readonly #flush: () => Promise<void> | undefined
  readonly #pace = new FlushPace()
  #packets = 0
  #timer: NodeJS.Timeout | undefined = undefined
  #timerRuns = false
  /** A flush that the timer began and that the sinks have not taken yet, or that has failed. */
  #late: Promise<void> | undefined = undefined

  /** `flush` returns a promise where the sinks have to be waited for. */
  constructor(flush: () => Promise<void> | undefined) {
    this.#flush = flush
  }

  /** Returns the promise to wait for, if any; it rejects as `flush` does. */
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
    // the next pause waits for it and gets its error
    flushed?.catch(() => {})
    this.#late = flushed
  }
}
