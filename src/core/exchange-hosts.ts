// Names of the two ends of an exchange. They are looked up once for a connection, not for each exchange.

import type { Connection } from './connection.ts'
import type { Endpoint } from './endpoint.ts'
import type { Exchange } from './exchange.ts'
import type { Names } from './ports.ts'

/** Datagrams have no connection to keep their labels by. */
const MAXIMUM_DATAGRAM_PAIRS = 1024
const MAXIMUM_NAME_CHARACTERS = 64

/** The names of one pair of ends. They are text from elsewhere, bounded and not sanitised. */
export class ExchangeEnds {
  /** `web:6379` where a name is known, else `172.17.0.2:6379`. */
  readonly client: string
  readonly server: string
  /** `web`; '' where nobody knows one. */
  readonly clientName: string
  readonly serverName: string
  /** The server's container by name, '' when it is none. */
  readonly container: string
  /** `172.17.0.2:6379`, `[fd00::2]:6379`. */
  readonly clientAddress: string
  readonly serverAddress: string
  readonly serverEndpoint: Endpoint

  constructor(clientEndpoint: Endpoint, serverEndpoint: Endpoint, place: number, names: Names | undefined) {
    const client = names?.hostOf(place, clientEndpoint)
    const server = names?.hostOf(place, serverEndpoint)
    this.clientAddress = clientEndpoint.toString()
    this.serverAddress = serverEndpoint.toString()
    this.serverEndpoint = serverEndpoint
    this.clientName = client?.name.slice(0, MAXIMUM_NAME_CHARACTERS) ?? ''
    this.serverName = server?.name.slice(0, MAXIMUM_NAME_CHARACTERS) ?? ''
    this.client = this.clientName === '' ? this.clientAddress : `${this.clientName}:${clientEndpoint.port}`
    this.server = this.serverName === '' ? this.serverAddress : `${this.serverName}:${serverEndpoint.port}`
    this.container = server?.container === undefined ? '' : this.serverName
  }
}

class OfConnection {
  id = 0
  direction = 0
  ends: ExchangeEnds

  constructor(ends: ExchangeEnds) {
    this.ends = ends
  }
}

export class ExchangeHosts {
  readonly #names: Names | undefined
  /** Of the answers kept. */
  #version: number
  /** By slot. */
  #connections: (OfConnection | undefined)[]
  readonly #datagrams: Map<string, ExchangeEnds>

  /** `names`: undefined for addresses only. */
  constructor(names: Names | undefined) {
    this.#names = names
    this.#version = names?.version ?? 0
    this.#connections = []
    this.#datagrams = new Map()
  }

  /** The same object as long as the answer is the same. */
  of(exchange: Exchange): ExchangeEnds {
    if (this.#names !== undefined && this.#names.version !== this.#version) this.#forget(this.#names.version)
    const { connection } = exchange
    if (connection === undefined) return this.#ofDatagram(exchange)
    const kept = this.#connections[connection.slot]
    if (kept?.id === connection.id && kept.direction === exchange.requestDirection) return kept.ends
    const ends = this.#make(exchange)
    const entry = kept ?? new OfConnection(ends)
    entry.id = connection.id
    entry.direction = exchange.requestDirection
    entry.ends = ends
    while (this.#connections.length <= connection.slot) this.#connections.push(undefined)
    this.#connections[connection.slot] = entry
    return ends
  }

  /** A connection has ended: its names are forgotten now, because its slot may not be used again for long. */
  forget({ slot }: Connection): void {
    if (slot < this.#connections.length) this.#connections[slot] = undefined
  }

  #ofDatagram(exchange: Exchange): ExchangeEnds {
    const key = `${exchange.place} ${exchange.client} ${exchange.server}`
    let ends = this.#datagrams.get(key)
    if (ends === undefined) {
      ends = this.#make(exchange)
      if (this.#datagrams.size >= MAXIMUM_DATAGRAM_PAIRS) this.#datagrams.clear()
      this.#datagrams.set(key, ends)
    }
    return ends
  }

  #make({ client, server, place }: Exchange): ExchangeEnds {
    return new ExchangeEnds(client!, server!, place, this.#names)
  }

  #forget(version: number): void {
    this.#version = version
    this.#connections = []
    this.#datagrams.clear()
  }
}
