// What the engine and this machine know of a container beside its name: its state, its networks, the sockets that it listens on.

import { type Endpoint, isLoopback } from '../core/endpoint.ts'
import type { HostFacts, HostFactsSource, ListeningSocket, Names, OtherListener } from '../core/ports.ts'
import { nameOf } from './container-facts.ts'
import { type ContainerDetails, type Engine, SIDECAR_LABEL } from './engine.ts'
import type { HostView } from './host-view.ts'
import { listeningSockets } from './kernel-tables.ts'

/** An answer that takes longer is none. */
const PATIENCE_MILLIS = 3000
/** Containers that are looked at to find who listens on a port. */
const MAXIMUM_OTHERS = 64
const MICROS_PER_MILLI = 1000
const SHARED_NETWORK = 'container:'

export class EngineFacts implements HostFactsSource {
  readonly #engine: Engine
  readonly #view: HostView
  readonly #names: Names

  constructor(engine: Engine, view: HostView, names: Names) {
    this.#engine = engine
    this.#view = view
    this.#names = names
  }

  factsOf(place: number, endpoint: Endpoint): Promise<HostFacts | undefined> {
    return inTime(this.#factsOf(place, endpoint))
  }

  listenersBeside(place: number, endpoint: Endpoint): Promise<readonly OtherListener[] | undefined> {
    return inTime(this.#listenersBeside(place, endpoint))
  }

  async #factsOf(place: number, endpoint: Endpoint): Promise<HostFacts | undefined> {
    const id = this.#names.hostOf(place, endpoint)?.container
    const details = id === undefined ? undefined : await this.#engine.inspect(id)
    if (details === undefined) return undefined
    const { state, exitCode, isOutOfMemory, startedAt, finishedAt } = details
    const isItself = isLoopback(endpoint) || details.networks.some((a) => isAddressOf(a, endpoint.address))
    return {
      name: nameOf(details),
      state,
      exitCode,
      isOutOfMemory,
      startedMicros: microsOf(startedAt),
      finishedMicros: microsOf(finishedAt),
      networks: await this.#networksOf(details),
      // a published port is an address of the host, where other sockets listen
      listening: isItself || state !== 'running' ? await this.#socketsOf(details) : undefined,
    }
  }

  async #listenersBeside(place: number, endpoint: Endpoint): Promise<OtherListener[] | undefined> {
    const id = this.#names.hostOf(place, endpoint)?.container
    const own = id === undefined ? undefined : await this.#engine.inspect(id)
    if (own === undefined) return undefined
    const networks = await this.#networksOf(own)
    const running = await this.#engine.list(false)
    const others = running.filter((each) => each.id !== own.id && !Object.hasOwn(each.labels, SIDECAR_LABEL))
    const found = await Promise.all(
      others.slice(0, MAXIMUM_OTHERS).map(async (each) => {
        const details = await this.#engine.inspect(each.id)
        if (details === undefined || !(await this.#listensOn(details, endpoint.port))) return []
        const common = (await this.#networksOf(details)).filter((network) => networks.includes(network))
        return [{ name: nameOf(details), commonNetworks: common }]
      }),
    )
    return found.flat()
  }

  async #listensOn(details: ContainerDetails, port: number): Promise<boolean> {
    const sockets = await this.#socketsOf(details)
    if (sockets === undefined) return details.exposedPorts.includes(`${port}/tcp`)
    return sockets.some((each) => each.port === port && each.address !== '::1' && !each.address.startsWith('127.'))
  }

  /** Who shares another container's network is on its networks. */
  async #networksOf({ networkMode, networks }: ContainerDetails): Promise<string[]> {
    if (networkMode === 'host') return ['host']
    if (!networkMode.startsWith(SHARED_NETWORK)) return networks.map(({ network }) => network)
    const owner = await this.#engine.inspect(networkMode.slice(SHARED_NETWORK.length))
    return owner === undefined || owner.networkMode.startsWith(SHARED_NETWORK) ? [] : await this.#networksOf(owner)
  }

  /** By its process where that is visible here; else by a program in the container, where there is one. */
  async #socketsOf({ id, pid, state }: ContainerDetails): Promise<ListeningSocket[] | undefined> {
    if (state !== 'running' || pid <= 0) return undefined
    const pids = [...new Set([pid, ...(await this.#engine.processIds(id))])]
    await this.#view.look(pids)
    if (this.#view.belongsTo(pid, id)) return this.#view.listeningSockets(pids)
    const tables = await this.#engine.execute(id, ['cat', '/proc/net/tcp', '/proc/net/tcp6'])
    return tables === undefined
      ? undefined
      : listeningSockets(tables).map(({ address, port }) => ({ address, port, process: '' }))
  }
}

function isAddressOf({ address, address6 }: { address: string; address6: string }, wanted: string): boolean {
  return address === wanted || address6.toLowerCase() === wanted
}

/** RFC 3339, with up to nine digits of a second; 0 for a time that means never. */
function microsOf(time: string): number {
  const millis = Date.parse(time)
  return millis > 0 ? millis * MICROS_PER_MILLI : 0
}

/** undefined when it takes too long, or the engine refuses or is gone. */
async function inTime<T>(answer: Promise<T | undefined>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PATIENCE_MILLIS)
  })
  try {
    return await Promise.race([answer, late])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
    answer.catch(() => {})
  }
}
