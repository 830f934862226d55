// The operator's request that a run ends. Signals are caught before "listening on" is printed, because Ctrl-C may follow at
// once. A request that comes before the run can act on it is kept.

import type { Io, StopSignal } from '../core/io.ts'

export class StopRequest {
  #signal: StopSignal | undefined
  #heed: ((signal: StopSignal) => void) | undefined

  /** From here on, signals no longer have their usual effect. */
  constructor(io: Pick<Io, 'onSignal'>) {
    io.onSignal((signal) => {
      this.#signal = signal
      this.#heed?.(signal)
    })
  }

  /** The signal that asked for the end, if one did. */
  get signal(): StopSignal | undefined {
    return this.#signal
  }

  /** Calls `heed` when the request comes, or now if it has come. */
  onStop(heed: (signal: StopSignal) => void): void {
    this.#heed = heed
    if (this.#signal !== undefined) heed(this.#signal)
  }
}
