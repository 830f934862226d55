// How long a bridge is watched for containers that are about to come (back): until their own captures surely listen.

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

  /** Sets on which bridges somebody is awaited. Returns after how long to call it again; undefined: no need. */
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
