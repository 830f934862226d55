// Time that passes only when a test says so. A test that really waited, and then asserted that nothing has happened, would
// pass on a slow machine whatever the code does.

import type { TestContext } from 'node:test'

/** In place of timers (setTimeout, also that of node:timers/promises) and performance.now, until the end of the test. */
export class ManualClock {
  readonly #timers: TestContext['mock']['timers']
  #millis = performance.now()

  constructor(t: TestContext) {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    t.mock.method(performance, 'now', () => this.#millis)
    this.#timers = t.mock.timers
  }

  /** Runs the timers that end within this. What they begin goes on in `settle`. */
  advance(millis: number): void {
    this.#millis += millis
    this.#timers.tick(millis)
  }
}

/** Lets everything that can go on without a timer or the network go on until it waits. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}
