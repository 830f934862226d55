// Which name servers answer, and to whom.

import type { Endpoint } from '../core/endpoint.ts'
import type { Exchange } from '../core/exchange.ts'

const MAXIMUM_CLIENTS = 4096
/** Name servers of one client. */
const MAXIMUM_SERVERS = 8

export class DnsServers {
  /** By client: the servers that have answered it. */
  readonly #answering = new Map<string, Map<string, Endpoint>>()

  get anyAnswered(): boolean {
    return this.#answering.size > 0
  }

  noteAnswer({ place, client, server }: Exchange): void {
    const key = `${place} ${client!.address}`
    let servers = this.#answering.get(key)
    if (servers === undefined) {
      if (this.#answering.size >= MAXIMUM_CLIENTS) return
      servers = new Map()
      this.#answering.set(key, servers)
    }
    if (servers.size < MAXIMUM_SERVERS) servers.set(server!.address, server!)
  }

  /** That server has answered that client. */
  answered({ place, client, server }: Exchange): boolean {
    return this.#answering.get(`${place} ${client!.address}`)?.has(server!.address) === true
  }

  /** Other servers that have answered that client. */
  others({ place, client, server }: Exchange): Endpoint[] {
    const servers = this.#answering.get(`${place} ${client!.address}`)?.values() ?? []
    return [...servers].filter(({ address }) => address !== server!.address)
  }
}
