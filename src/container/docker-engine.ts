// A container engine that speaks Docker's API: Docker, or Podman.

import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type Docker from 'dockerode'
import type { AddressFiles } from './address-files.ts'
import { chooseApiVersion, oldApiVersion } from './api-version.ts'
import { EngineRefusal, engineError } from './connection-errors.ts'
import {
  containerDetails,
  containerList,
  countTasksElsewhere,
  engineMachine,
  engineVersion,
  networkList,
  type PodmanNetwork,
  podmanNetworks,
  topProcessIds,
} from './docker-answers.ts'
import { subscribe } from './docker-events.ts'
import { execute } from './docker-execute.ts'
import { startSidecar } from './docker-sidecar.ts'
import type {
  ContainerDetails,
  ContainerSummary,
  Engine,
  EngineEvent,
  EngineMachine,
  EngineVersion,
  NetworkDetails,
  Sidecar,
  SidecarRequest,
} from './engine.ts'
import type { EngineAddress } from './engine-address.ts'
import { type EngineConnections, engineConnections } from './engine-connections.ts'
import { EngineTransport } from './engine-transport.ts'
import { EventWatch } from './event-watch.ts'
import { ownContainerIds } from './own-container.ts'

export interface EngineOptions {
  readonly connectMillis?: number
  /** Longest that an answer may take. */
  readonly answerMillis?: number
  /** The ssh program. */
  readonly ssh?: string
}

/** The files of this machine, for findEngineAddress. */
export const ADDRESS_FILES: AddressFiles = {
  read(path) {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw error
    }
  },
  exists: existsSync,
}

const CONNECT_MILLIS = 5000
const ANSWER_MILLIS = 20_000
/** Podman's own API. Newer versions of Podman answer to this version, too. */
const LIBPOD = '/v4.0.0/libpod'
/** A name or an id. Anything else could make another path, and so another call. */
const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

/**
 * Connects, and finds out whether we can talk to that engine. Rejects with OperatorError (a line and a hint): no socket,
 * permission denied, nobody listens, TLS, too old, ssh.
 */
export async function openEngine(address: EngineAddress, options: EngineOptions = {}): Promise<Engine> {
  const connections = await engineConnections(address, {
    connectMillis: options.connectMillis ?? CONNECT_MILLIS,
    ssh: options.ssh ?? 'ssh',
  })
  const hostHeader =
    address.kind === 'tcp'
      ? `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
      : 'docker'
  const transport = new EngineTransport(connections, hostHeader, options.answerMillis ?? ANSWER_MILLIS)
  // Loads while the engine answers.
  const dockerode = import('dockerode')
  dockerode.catch(() => {})
  let isPodman: boolean
  try {
    const headers = await transport.ping()
    isPodman = headers['libpod-api-version'] !== undefined || /^libpod/i.test(String(headers.server))
    transport.apiVersion = chooseApiVersion(address, String(headers['api-version'] ?? (await oldApiVersion(transport))))
  } catch (error) {
    connections.destroy()
    throw engineError(address, error, 'GET /_ping')
  }
  const { default: Dockerode } = await dockerode
  // dockerode's types do not have this option.
  const docker = new Dockerode({ modem: transport } as Docker.DockerOptions)
  return new DockerEngine(address, docker, transport, connections, isPodman)
}

class DockerEngine implements Engine {
  readonly address: string
  readonly #address: EngineAddress
  readonly #docker: Docker
  readonly #transport: EngineTransport
  readonly #connections: EngineConnections
  readonly #isPodman: boolean
  readonly #watches = new Set<EventWatch>()

  constructor(
    address: EngineAddress,
    docker: Docker,
    transport: EngineTransport,
    connections: EngineConnections,
    isPodman: boolean,
  ) {
    this.address = address.name
    this.#address = address
    this.#docker = docker
    this.#transport = transport
    this.#connections = connections
    this.#isPodman = isPodman
  }

  async version(): Promise<EngineVersion> {
    const version = engineVersion(await this.#ask('GET /version', this.#docker.version()))
    return this.#isPodman ? { ...version, product: 'Podman' } : version
  }

  async machine(): Promise<EngineMachine> {
    return engineMachine(await this.#ask('GET /info', this.#docker.info()))
  }

  async list(all: boolean): Promise<ContainerSummary[]> {
    const containers = containerList(await this.#ask('GET /containers/json', this.#docker.listContainers({ all })))
    // Podman's list does not tell network modes.
    return await Promise.all(
      containers.map(async (each) => (each.networkMode === '' ? ((await this.inspect(each.id)) ?? each) : each)),
    )
  }

  async inspect(idOrName: string): Promise<ContainerDetails | undefined> {
    if (!CONTAINER_NAME.test(idOrName)) return undefined
    return containerDetails(
      await this.#unlessMissing('GET /containers/…/json', this.#docker.getContainer(idOrName).inspect()),
    )
  }

  async networks(): Promise<NetworkDetails[]> {
    const answer = await this.#ask('GET /networks', this.#docker.listNetworks())
    return networkList(answer, this.#isPodman ? await this.#podmanNetworks() : undefined)
  }

  async processIds(id: string): Promise<number[]> {
    // Docker runs ps on its own machine. Podman would run it in the container, but has the word `hpid` for host pids.
    const psArguments = this.#isPodman ? 'hpid' : '-eo pid'
    try {
      return topProcessIds(await this.#container(id).top({ ps_args: psArguments }))
    } catch (error) {
      // The container has stopped or is gone, or the engine has no ps.
      if (error instanceof EngineRefusal) return []
      throw engineError(this.#address, error, 'GET /containers/…/top')
    }
  }

  async tasksElsewhere(service: string): Promise<number> {
    const filters = { service: [service], 'desired-state': ['running'] }
    try {
      const [info, tasks] = await Promise.all([this.#docker.info(), this.#docker.listTasks({ filters })])
      return countTasksElsewhere(info, tasks)
    } catch (error) {
      // This is no swarm, or not one of its managers.
      if (error instanceof EngineRefusal) return 0
      throw engineError(this.#address, error, 'GET /tasks')
    }
  }

  async execute(id: string, command: readonly string[]): Promise<string | undefined> {
    try {
      return await execute(this.#container(id), command)
    } catch (error) {
      if (error instanceof EngineRefusal) return undefined
      throw engineError(this.#address, error, 'POST /containers/…/exec')
    }
  }

  async watch(onEvent: (event: EngineEvent) => void): Promise<void> {
    const watch = new EventWatch({
      subscribe: (signal) => subscribe(this.#docker, this.#transport, signal),
      onEvent,
      explain: (error) => engineError(this.#address, error, 'GET /events').message,
    })
    this.#watches.add(watch)
    try {
      await watch.start()
    } catch (error) {
      this.#watches.delete(watch)
      throw engineError(this.#address, error, 'GET /events')
    }
  }

  async ownImage(): Promise<string | undefined> {
    const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '')
    const ids = ownContainerIds(read('/proc/self/mountinfo'), read('/proc/self/cgroup'), hostname())
    for (const id of ids) {
      const answer = await this.#unlessMissing('GET /containers/…/json', this.#docker.getContainer(id).inspect())
      const { Id, Image } = (answer ?? {}) as { Id?: unknown; Image?: unknown }
      if (typeof Id === 'string' && Id.startsWith(id) && typeof Image === 'string' && Image !== '') return Image
    }
    return undefined
  }

  async hasImage(image: string): Promise<boolean> {
    // The slashes of an image's name stay slashes in the path.
    const name = encodeURIComponent(image).replaceAll('%2F', '/')
    return (await this.#unlessMissing('GET /images/…/json', this.#docker.getImage(name).inspect())) !== undefined
  }

  startSidecar(request: SidecarRequest): Promise<Sidecar> {
    return startSidecar(
      {
        address: this.address,
        docker: this.#docker,
        explain: (error, what) => engineError(this.#address, error, what),
        hasImage: (image) => this.hasImage(image),
      },
      request,
    )
  }

  async close(): Promise<void> {
    for (const watch of this.#watches) watch.stop()
    this.#watches.clear()
    this.#connections.destroy()
  }

  /** The id comes from the engine. It is encoded all the same, so that it cannot make another path. */
  #container(id: string): Docker.Container {
    return this.#docker.getContainer(encodeURIComponent(id))
  }

  async #ask<T>(what: string, answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      throw engineError(this.#address, error, what)
    }
  }

  async #unlessMissing<T>(what: string, answer: Promise<T>): Promise<T | undefined> {
    try {
      return await answer
    } catch (error) {
      // 400: that cannot be a name, so there is no such thing.
      if (error instanceof EngineRefusal && (error.statusCode === 404 || error.statusCode === 400)) return undefined
      throw engineError(this.#address, error, what)
    }
  }

  async #podmanNetworks(): Promise<Map<string, PodmanNetwork>> {
    try {
      return podmanNetworks(await this.#transport.request({ path: `${LIBPOD}/networks/json`, method: 'GET' }))
    } catch (error) {
      if (error instanceof EngineRefusal) return new Map()
      throw engineError(this.#address, error, `GET ${LIBPOD}/networks/json`)
    }
  }
}
