// What a server waited for itself: the slow requests that a host has sent, so that a late answer can be traced to the one
// behind it.

import type { TimedExchange } from '../core/timed-exchange.ts'
import { epochMicros } from '../core/timestamp.ts'

const MAXIMUM_HOSTS = 1024
/** Slow requests of one host that are kept: the latest. */
const MAXIMUM_WAITS = 8
const MAXIMUM_REQUEST_CHARACTERS = 60
/** Clocks of several capture points are not always in order to the millisecond. */
const TOLERANCE_MICROS = 1_000

/** A request that a host sent to another, and how long it waited. */
export interface UpstreamWait {
  readonly place: number
  readonly server: NonNullable<TimedExchange['exchange']['server']>
  readonly protocol: string
  readonly request: string
  readonly startMicros: number
  /** Infinity: no answer so far. */
  readonly endMicros: number
}

export class UpstreamWaits {
  readonly #leastMicros: number
  /** By address of who waited, oldest host first. */
  readonly #byHost = new Map<string, UpstreamWait[]>()

  /** Only waits of at least `leastMicros` are kept. */
  constructor(leastMicros: number) {
    this.#leastMicros = leastMicros
  }

  note({ exchange, latencyMicros }: TimedExchange): void {
    const { client, server, status, blocking, place, protocol, request, requestStart } = exchange
    const waits = status === 'unanswered' || status === 'unknown'
    if (blocking || client === undefined || server === undefined) return
    if (!waits && latencyMicros < this.#leastMicros) return
    const startMicros = epochMicros(requestStart)
    const endMicros = waits ? Number.POSITIVE_INFINITY : startMicros + latencyMicros
    const text = request.slice(0, MAXIMUM_REQUEST_CHARACTERS)
    this.#waitsOf(client.address).push({ place, server, protocol, request: text, startMicros, endMicros })
  }

  /**
   * What `address` waited for itself for at least half of the time from `startMicros` to `endMicros`; undefined: nothing that
   * was seen.
   */
  within(address: string, startMicros: number, endMicros: number): UpstreamWait | undefined {
    const waits = this.#byHost.get(address)
    return waits?.findLast((wait) => {
      if (wait.startMicros < startMicros - TOLERANCE_MICROS) return false
      if (wait.endMicros !== Number.POSITIVE_INFINITY && wait.endMicros > endMicros + TOLERANCE_MICROS) return false
      return Math.min(wait.endMicros, endMicros) - wait.startMicros >= (endMicros - startMicros) / 2
    })
  }

  #waitsOf(address: string): UpstreamWait[] {
    let waits = this.#byHost.get(address)
    if (waits === undefined) {
      if (this.#byHost.size >= MAXIMUM_HOSTS) this.#byHost.delete(this.#byHost.keys().next().value!)
      waits = []
      this.#byHost.set(address, waits)
    }
    if (waits.length >= MAXIMUM_WAITS) waits.shift()
    return waits
  }
}
