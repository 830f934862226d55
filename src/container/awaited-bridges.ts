// How long a bridge is watched for a container that is about to start: until the container's own capture surely listens.

const OVERLAP_MILLIS = 1500
/** So that the next look comes after the end, not just before it. */
const SLACK_MILLIS = 10

export class AwaitedBridges {
  /** Until when each is watched, in milliseconds of performance.now; Infinity while somebody is awaited. */
  readonly #until = new Map<string, number>()

  /** Those watched now, by name. */
  get names(): string[] {
    return [...this.#until.keys()]
  }

  /** Sets the bridges on which a container is awaited. Returns the milliseconds until it is to be called again, if it is. */
  update(awaited: readonly string[]): number | undefined {
    for (const bridge of awaited) this.#until.set(bridge, Number.POSITIVE_INFINITY)
    const now = performance.now()
    let again: number | undefined
    for (const [bridge, until] of this.#until) {
      if (awaited.includes(bridge)) continue
      if (until <= now) {
        this.#until.delete(bridge)
        continue
      }
      const end = Math.min(until, now + OVERLAP_MILLIS)
      this.#until.set(bridge, end)
      again = Math.max(again ?? 0, end - now + SLACK_MILLIS)
    }
    return again
  }
}
