// The operator's wish that a run ends. It is listened for before anything is said: who reads "listening on" may send Ctrl-C
// at once. A wish that comes before the run can heed it is kept.

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

  /** What the run was asked to end by, if it was. */
  get signal(): StopSignal | undefined {
    return this.#signal
  }

  /** Calls `heed` when the wish comes, or now if it has come. */
  onStop(heed: (signal: StopSignal) => void): void {
    this.#heed = heed
    if (this.#signal !== undefined) heed(this.#signal)
  }
}
