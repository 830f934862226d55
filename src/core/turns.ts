// Divides long work into small parts, so that signals, timers and sockets are served in between.

/** How long work may go on before the event loop gets a turn. */
const TURN_MILLIS = 8

export class Turns {
  #since = performance.now()

  /** Reads the clock, so do not ask for each packet or byte. */
  get due(): boolean {
    return performance.now() - this.#since >= TURN_MILLIS
  }

  /**
   * Resolves when everything that waited has been served. (Awaiting a promise that is already resolved lets nothing else run.)
   */
  take(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#since = performance.now()
        resolve()
      })
    })
  }
}
