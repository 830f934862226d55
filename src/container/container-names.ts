// Names for addresses, from what the engine says: containers, gateways, the host, published ports.

import type { AddressFamily, Endpoint } from '../core/endpoint.ts'
import type { PlaceTable } from '../core/places.ts'
import type { NamedAddress, NamedHost, Names } from '../core/ports.ts'
import { nameOf } from './container-facts.ts'
import type { ContainerSummary, NetworkDetails } from './engine.ts'

/** How many names of stopped containers are kept. All of them are looked through whenever something changes. */
const MOST_FORMER = 2000

/** The names of a list of containers. There may be thousands of containers, with a few addresses each. */
interface Tables {
  readonly byAddress: Map<string, NamedHost>
  /** Other names in its network for the container that has an address. */
  readonly aliases: Map<string, readonly string[]>
  /** By port of the host, or port and address: `8080`, `8080 192.0.2.1`. */
  readonly byPublishedPort: Map<string, NamedHost>
  /** By container id, for captures inside a container's namespace. */
  readonly byId: Map<string, NamedHost>
}

export class ContainerNames implements Names {
  version = 0
  readonly #places: PlaceTable
  /** Addresses of the engine's host, as far as they are known. */
  readonly #hostAddresses: ReadonlySet<string>
  #tables: Tables = emptyTables()
  #fingerprint = ''
  /** By the number of a place: whose it is. Filled on demand. */
  readonly #owners = new Map<number, NamedHost | undefined>()

  constructor(places: PlaceTable, hostAddresses: Iterable<string>) {
    this.#places = places
    this.#hostAddresses = new Set(hostAddresses)
  }

  update(containers: readonly ContainerSummary[], networks: readonly NetworkDetails[]): void {
    const tables = emptyTables()
    for (const network of networks) {
      for (const gateway of network.gateways) {
        const name = network.driver === 'bridge' ? 'host' : `gateway of ${network.name}`
        tables.byAddress.set(gateway, { name, container: undefined, image: undefined, network: network.name })
      }
    }
    for (const container of containers) putContainer(tables, container)
    this.#keepFormer(tables)
    const fingerprint = JSON.stringify([
      ...tables.byAddress,
      ...tables.byPublishedPort,
      ...tables.byId,
      ...tables.aliases,
    ])
    if (fingerprint === this.#fingerprint) return
    this.#fingerprint = fingerprint
    this.#tables = tables
    this.#owners.clear()
    this.version++
  }

  /** A container that has stopped keeps its name until another has its address: its last packets are still being shown. */
  #keepFormer(tables: Tables): void {
    keepSome(tables.byAddress, this.#tables.byAddress)
    keepSome(tables.byId, this.#tables.byId)
  }

  hostOf(place: number, endpoint: Endpoint): NamedHost | undefined {
    const { address, port } = endpoint
    const own = place === 0 ? undefined : this.#ownerOf(place)
    if (isLoopback(address)) {
      if (place !== 0) return address === DOCKER_RESOLVER ? undefined : own
      return (
        this.#tables.byPublishedPort.get(`${port}`) ?? this.#tables.byPublishedPort.get(`${port} ${address}`) ?? HOST
      )
    }
    const host = this.#tables.byAddress.get(address)
    if (host?.container !== undefined) return host
    if (host === undefined && !this.#hostAddresses.has(address)) return undefined
    const published =
      this.#tables.byPublishedPort.get(`${port} ${address}`) ?? this.#tables.byPublishedPort.get(`${port}`)
    return published ?? host ?? HOST
  }

  *entries(): Iterable<NamedAddress> {
    for (const [address, host] of this.#tables.byAddress) {
      const family: AddressFamily = address.includes(':') ? 6 : 4
      yield { ...host, family, address, aliases: this.#tables.aliases.get(address) ?? [] }
    }
  }

  /** The name of a place is a container's name and then its short id (placeOf in container-facts.ts). */
  #ownerOf(place: number): NamedHost | undefined {
    if (!this.#owners.has(place)) {
      const [name, id] = this.#places.nameOf(place).split(' ')
      const known = [...this.#tables.byId.values()].find((host) => host.container?.startsWith(id || '-'))
      const given = name === undefined || name === '' ? undefined : namedOnly(name)
      this.#owners.set(place, known ?? given)
    }
    return this.#owners.get(place)
  }
}

const HOST = namedOnly('host')

function namedOnly(name: string): NamedHost {
  return { name, container: undefined, image: undefined, network: undefined }
}

/** Keeps the latest, which come first in `former`. */
function keepSome(now: Map<string, NamedHost>, former: ReadonlyMap<string, NamedHost>): void {
  let room = MOST_FORMER
  for (const [key, host] of former) {
    if (now.has(key)) continue
    if (room-- === 0) return
    now.set(key, host)
  }
}

function emptyTables(): Tables {
  return { byAddress: new Map(), aliases: new Map(), byPublishedPort: new Map(), byId: new Map() }
}

function putContainer(tables: Tables, container: ContainerSummary): void {
  const { id, image } = container
  const named = (network: string | undefined): NamedHost => ({ name: nameOf(container), container: id, image, network })
  tables.byId.set(id, named(undefined))
  for (const { network, address, address6, aliases } of container.networks) {
    for (const each of [address, address6]) {
      if (each === '') continue
      tables.byAddress.set(canonical(each), named(network))
      if (aliases.length > 0) tables.aliases.set(canonical(each), aliases)
    }
  }
  for (const { protocol, hostAddress, hostPort } of container.ports) {
    if (protocol !== 'tcp' || hostPort === 0) continue
    const everywhere = hostAddress === '' || hostAddress === '0.0.0.0' || hostAddress === '::'
    const key = everywhere ? `${hostPort}` : `${hostPort} ${canonical(hostAddress)}`
    tables.byPublishedPort.set(key, named(undefined))
  }
}

/** Engines write IPv6 addresses as Endpoint does, but some in upper case. */
function canonical(address: string): string {
  return address.toLowerCase()
}

/** Docker answers DNS there, inside every container's namespace on networks of the operator's own. */
const DOCKER_RESOLVER = '127.0.0.11'

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}
