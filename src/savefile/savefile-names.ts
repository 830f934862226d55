// The names of hosts in the Name Resolution Blocks of savefiles.

import { type AddressFamily, type Endpoint, formatAddress } from '../core/endpoint.ts'
import type { NamedAddress, NamedHost, Names } from '../core/ports.ts'
import type { HostFacts } from './host-comment.ts'

/** Addresses that are kept; addresses after that have no name. */
const MAXIMUM_NAMES = 65_536
const NOTHING: HostFacts = { container: undefined, image: undefined, network: undefined }

/**
 * Names by address alone: a Name Resolution Block tells no place and no port. Kept for one run; if an address has two
 * names, the later one counts.
 */
export class SavefileNames implements Names {
  version = 0
  /** By Endpoint.word3, so that a lookup makes no string. */
  readonly #four = new Map<number, NamedHost>()
  /** By Endpoint.address. */
  readonly #six = new Map<string, NamedHost>()

  hostOf(_place: number, endpoint: Endpoint): NamedHost | undefined {
    if (endpoint.family === 4) return this.#four.get(endpoint.word3)
    return this.#six.size === 0 ? undefined : this.#six.get(endpoint.address)
  }

  *entries(): Iterable<NamedAddress> {
    for (const [word, host] of this.#four) yield { family: 4, address: formatAddress(4, 0, 0, 0, word), ...host }
    for (const [address, host] of this.#six) yield { family: 6, address, ...host }
  }

  /** An address as in Endpoint. `name` and `facts` must be limited in length already. */
  learn(
    family: AddressFamily,
    word0: number,
    word1: number,
    word2: number,
    word3: number,
    name: string,
    facts: HostFacts = NOTHING,
  ): void {
    const host = { name, container: facts.container, image: facts.image, network: facts.network }
    if (family === 4) this.#learn(this.#four, word3, host)
    else this.#learn(this.#six, formatAddress(6, word0, word1, word2, word3), host)
  }

  #learn<Key>(hosts: Map<Key, NamedHost>, key: Key, host: NamedHost): void {
    const known = hosts.get(key)
    if (known === undefined ? this.#four.size + this.#six.size >= MAXIMUM_NAMES : areSame(known, host)) return
    hosts.set(key, host)
    this.version++
  }
}

function areSame(a: NamedHost, b: NamedHost): boolean {
  return a.name === b.name && a.container === b.container && a.image === b.image && a.network === b.network
}
