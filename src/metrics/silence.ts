// Over weeks, servers that are never seen again would fill every bounded table, and leave no room for new ones.

/** How long what makes room must have been silent, and how often it is looked for, in capture time. */
const SILENT_SECONDS = 3600
const LOOK_EVERY_SECONDS = 60
/** Of the table, at a time: those that were silent longest. */
const SHARE = 0.1

export class Silence {
  /** Capture time, for who sets it and what was heard of then. */
  now = 0
  #lookedAt = Number.NEGATIVE_INFINITY

  /**
   * Takes some of those out of a full table that have been silent for an hour. Their counters are gone with them: one that
   * comes back begins at 0, which Prometheus takes for a restart, and rates stay right.
   */
  forget(table: Map<string, { readonly latestSeconds: number }>): void {
    const sinceLook = this.now - this.#lookedAt
    if (sinceLook >= 0 && sinceLook < LOOK_EVERY_SECONDS) return
    this.#lookedAt = this.now
    const silent = [...table]
      // in the future, where the clock was set back
      .map(([key, { latestSeconds }]) => ({ key, seconds: Math.abs(this.now - latestSeconds) }))
      .filter(({ seconds }) => seconds >= SILENT_SECONDS)
      .sort((a, b) => b.seconds - a.seconds)
    for (const { key } of silent.slice(0, Math.ceil(table.size * SHARE))) table.delete(key)
  }
}
