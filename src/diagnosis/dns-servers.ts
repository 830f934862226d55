// Which name servers answer, and to whom.

import type { Endpoint } from '../core/endpoint.ts'
import type { Exchange } from '../core/exchange.ts'
import { epochMicros } from '../core/timestamp.ts'

const MAXIMUM_CLIENTS = 4096
/** Name servers of one client. */
const MAXIMUM_SERVERS = 8

interface Answering {
  readonly server: Endpoint
  /** Its latest answer. */
  readonly micros: number
}

export class DnsServers {
  /** By client: the servers that have answered it. */
  readonly #answering = new Map<string, Map<string, Answering>>()

  get anyAnswered(): boolean {
    return this.#answering.size > 0
  }

  noteAnswer({ place, client, server, responseEnd }: Exchange): void {
    const key = `${place} ${client!.address}`
    let servers = this.#answering.get(key)
    if (servers === undefined) {
      if (this.#answering.size >= MAXIMUM_CLIENTS) return
      servers = new Map()
      this.#answering.set(key, servers)
    }
    if (servers.size < MAXIMUM_SERVERS || servers.has(server!.address)) {
      servers.set(server!.address, { server: server!, micros: epochMicros(responseEnd) })
    }
  }

  /** That server has answered that client. */
  answered({ place, client, server }: Exchange): boolean {
    return this.#answering.get(`${place} ${client!.address}`)?.has(server!.address) === true
  }

  /** Other servers that have answered that client. */
  others({ place, client, server }: Exchange): Endpoint[] {
    const servers = this.#answering.get(`${place} ${client!.address}`)?.values() ?? []
    return [...servers].map((each) => each.server).filter(({ address }) => address !== server!.address)
  }

  /** Some server has answered that client after `micros`. */
  answeredSince(place: number, client: Endpoint, micros: number): boolean {
    for (const each of this.#answering.get(`${place} ${client.address}`)?.values() ?? []) {
      if (each.micros >= micros) return true
    }
    return false
  }
}
