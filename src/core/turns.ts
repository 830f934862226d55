// Long work in small parts: signals, timers and sockets are served between them.

/** How long work may go on before the event loop gets a turn. */
const TURN_MILLIS = 8

export class Turns {
  #since = performance.now()

  /** A read of the clock: not to be asked for each packet or byte. */
  get due(): boolean {
    return performance.now() - this.#since >= TURN_MILLIS
  }

  /** Resolves when everything that waited has been served. A promise that is resolved already gives nobody a turn. */
  take(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#since = performance.now()
        resolve()
      })
    })
  }
}
