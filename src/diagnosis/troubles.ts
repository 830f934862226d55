// What went wrong with the requests of each host lately: so that the failure of a proxy can be traced to the server behind it.

import type { Endpoint } from '../core/endpoint.ts'

/** The latest of all hosts. */
const MAXIMUM_KEPT = 256

export interface Trouble {
  /** Of the finding. */
  readonly id: string
  readonly micros: number
  readonly place: number
  readonly client: Endpoint
  readonly server: Endpoint
}

export class Troubles {
  readonly #kept: Trouble[] = []
  #next = 0

  note(trouble: Trouble): void {
    this.#kept[this.#next] = trouble
    this.#next = (this.#next + 1) % MAXIMUM_KEPT
  }

  /** The latest of a host, between those times. */
  of(isHost: (place: number, endpoint: Endpoint) => boolean, from: number, to: number): Trouble | undefined {
    let latest: Trouble | undefined
    for (const each of this.#kept) {
      if (each.micros < from || each.micros > to || !isHost(each.place, each.client)) continue
      if (latest === undefined || each.micros > latest.micros) latest = each
    }
    return latest
  }
}
