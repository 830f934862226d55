// Names as a test wants them: by place and address, changed at will.

import type { Endpoint } from '../../src/core/endpoint.ts'
import type { NamedAddress, NamedHost, Names } from '../../src/core/ports.ts'

export class FakeNames implements Names {
  version = 0
  /** How often somebody asked. */
  asked = 0
  readonly #hosts = new Map<string, NamedHost>()

  /** `who` is the name, or all that is known; undefined takes it away. */
  set(address: string, who: string | Partial<NamedHost> | undefined, place = 0): this {
    this.version++
    const key = `${place} ${address}`
    if (who === undefined) this.#hosts.delete(key)
    else {
      const known = typeof who === 'string' ? { name: who } : who
      this.#hosts.set(key, { name: '', container: undefined, image: undefined, network: undefined, ...known })
    }
    return this
  }

  hostOf(place: number, endpoint: Endpoint): NamedHost | undefined {
    this.asked++
    return this.#hosts.get(`${place} ${endpoint.address}`)
  }

  *entries(): Iterable<NamedAddress> {
    for (const [key, host] of this.#hosts) {
      const address = key.slice(key.indexOf(' ') + 1)
      yield { family: address.includes(':') ? 6 : 4, address, ...host }
    }
  }
}
