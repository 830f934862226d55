// Bridges watched for containers that are about to come (back), so that not even their first packets are missed.

import type { NetworkDetails } from './engine.ts'
import type { HostView } from './host-view.ts'

/** How long a watched bridge outlives the container's return: until its own capture surely listens. */
const OVERLAP_MILLIS = 1500
const MOST_BRIDGES = 16
/** Swarm's way out for overlay networks: nobody is on it by name. */
const SWARM_GATEWAY = 'docker_gwbridge'

export class AwaitedBridges {
  readonly #view: HostView
  /** Until when each is watched, in milliseconds of performance.now; Infinity while somebody is awaited. */
  readonly #until = new Map<string, number>()

  constructor(view: HostView) {
    this.#view = view
  }

  /** Those watched now, by name. */
  get names(): string[] {
    return [...this.#until.keys()]
  }

  /** Sets on which networks somebody is awaited. Returns after how long to call it again; undefined: no need. */
  update(networks: Iterable<NetworkDetails | undefined>): number | undefined {
    const awaited = new Set<string>()
    for (const network of networks) {
      if (network === undefined || network.driver !== 'bridge' || network.name === SWARM_GATEWAY) continue
      if (awaited.size < MOST_BRIDGES && this.#view.hasBridge(network.bridge, network.subnets)) {
        awaited.add(network.bridge)
      }
    }
    for (const bridge of awaited) this.#until.set(bridge, Number.POSITIVE_INFINITY)
    const now = performance.now()
    let again: number | undefined
    for (const [bridge, until] of this.#until) {
      if (awaited.has(bridge)) continue
      if (until <= now) {
        this.#until.delete(bridge)
        continue
      }
      const end = Math.min(until, now + OVERLAP_MILLIS)
      this.#until.set(bridge, end)
      again = Math.max(again ?? 0, end - now + 10)
    }
    return again
  }
}
