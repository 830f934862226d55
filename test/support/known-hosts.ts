// What an engine and the system would say of hosts, as a table: for tests of what findings make of it.

import type { Endpoint } from '../../src/core/endpoint.ts'
import type { HostFacts, HostFactsSource, ListeningSocket, MaybeLater, OtherListener } from '../../src/core/ports.ts'

/** A container that runs, with nothing special about it. */
export function container(name: string, more: Partial<HostFacts> = {}): HostFacts {
  return {
    name,
    state: 'running',
    exitCode: 0,
    isOutOfMemory: false,
    startedMicros: 0,
    finishedMicros: 0,
    networks: ['front'],
    listening: undefined,
    ...more,
  }
}

/** `0.0.0.0:5432 postgres`. */
export function socket(text: string): ListeningSocket {
  const [end, process = ''] = text.split(' ') as [string, string?]
  const colon = end.lastIndexOf(':')
  return { address: end.slice(0, colon), port: Number(end.slice(colon + 1)), process }
}

export class KnownHosts implements HostFactsSource {
  /** Who was asked about, in order. */
  readonly asked: string[] = []
  readonly #byAddress: Readonly<Record<string, HostFacts>>
  readonly #listeners: readonly OtherListener[] | undefined
  readonly #later: boolean

  /** `later`: answers come after the traffic. */
  constructor(byAddress: Readonly<Record<string, HostFacts>>, listeners?: readonly OtherListener[], later = false) {
    this.#byAddress = byAddress
    this.#listeners = listeners
    this.#later = later
  }

  factsOf(_place: number, { address }: Endpoint): MaybeLater<HostFacts | undefined> {
    this.asked.push(address)
    return this.#answer(this.#byAddress[address])
  }

  listenersBeside(_place: number, { port }: Endpoint): MaybeLater<readonly OtherListener[] | undefined> {
    this.asked.push(`port ${port}`)
    return this.#answer(this.#listeners)
  }

  #answer<T>(value: T): MaybeLater<T> {
    return this.#later ? Promise.resolve(value) : value
  }
}
