// A container engine by Docker's API: Docker's own, or Podman's compatible one.

import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { PassThrough, pipeline, type Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { OperatorError } from '../core/errors.ts'
import type { AddressFiles } from './address-files.ts'
import { EngineRefusal, engineError } from './connection-errors.ts'
import { ContainerOutput } from './container-output.ts'
import {
  containerDetails,
  containerList,
  countTasksElsewhere,
  EVENT_FILTERS,
  engineMachine,
  engineVersion,
  networkList,
  type PodmanNetwork,
  podmanNetworks,
  topProcessIds,
} from './docker-answers.ts'
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
const EXECUTE_MILLIS = 5000
/** Of a command in a container. */
const MAXIMUM_OUTPUT_BYTES = 64 * 1024
/** Networks in a list of containers, and filters by label and event: Docker 1.12, of 2016. */
const OLDEST_API = '1.24'
/** As of Docker 27. Later engines speak it too, and the transport adapts to those that do not any more. */
const NEWEST_API = '1.47'
/** Podman's own API, whose paths have a version too; it answers with what it has of that. */
const LIBPOD = '/v4.0.0/libpod'
/** An engine that says nothing until something happens listens all the same. */
const SILENT_STREAM_MILLIS = 1000
/** What may be a name or an id: another path would be another question. */
const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
/** How much of the past the event stream begins with, where both clocks agree: more than its start takes. */
const EVENT_OVERLAP_MILLIS = 50
/** The date of an answer is cut to seconds. */
const AGREEING_CLOCKS_MILLIS = 2000
const EXIT_LOOK_MILLIS = 20

/**
 * Connects, and finds out whether that engine is one that we understand. Rejects with OperatorError (a line and a hint):
 * no socket, permission denied, nobody listens, TLS, too old, ssh.
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
  // Loaded meanwhile.
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
  // Its types do not know of this option.
  const docker = new Dockerode({ modem: transport } as Docker.DockerOptions)
  return new DockerEngine(address, docker, transport, connections, isPodman)
}

/** Of an engine from before its answers said so, or of something that is no engine (''). */
async function oldApiVersion(transport: EngineTransport): Promise<string> {
  return engineVersion(await transport.request({ path: '/version', method: 'GET' })).apiVersion
}

/** Theirs, unless ours is older. Throws OperatorError when theirs is too old. */
function chooseApiVersion(address: EngineAddress, theirs: string): string {
  if (!/^1\.\d{1,4}$/.test(theirs)) {
    throw new OperatorError(
      `what answers at ${address.name} is no container engine`,
      'Docker or Podman is expected there',
    )
  }
  if (minor(theirs) < minor(OLDEST_API)) {
    throw new OperatorError(
      `the engine at ${address.name} is too old: it has API ${theirs}, and ${OLDEST_API} is needed`,
      'Docker 1.12 and newer have that',
    )
  }
  return minor(theirs) < minor(NEWEST_API) ? theirs : NEWEST_API
}

function minor(version: string): number {
  return Number(version.slice(2))
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
    // Podman's list does not say which network mode each has.
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
    // What Docker runs on the engine's machine, Podman would run in the container: it has a word of its own instead.
    const psArguments = this.#isPodman ? 'hpid' : '-eo pid'
    try {
      return topProcessIds(await this.#container(id).top({ ps_args: psArguments }))
    } catch (error) {
      // Stopped, gone, or an engine without ps.
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
      // No swarm, or no manager of one.
      if (error instanceof EngineRefusal) return 0
      throw engineError(this.#address, error, 'GET /tasks')
    }
  }

  async execute(id: string, command: readonly string[]): Promise<string | undefined> {
    try {
      return await this.#execute(id, command)
    } catch (error) {
      if (error instanceof EngineRefusal) return undefined
      throw engineError(this.#address, error, 'POST /containers/…/exec')
    }
  }

  async watch(onEvent: (event: EngineEvent) => void): Promise<void> {
    const watch = new EventWatch({
      subscribe: (signal) => this.#subscribe(signal),
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
    // A name's slashes are part of the path.
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

  /** By an id that the engine gave, and which is nevertheless nothing but a part of a path. */
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
      // 400: no name of anything, so there is none.
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

  /** Resolves once the engine notes events for us: with `since` none is lost between that and its first word. */
  async #subscribe(signal: AbortSignal): Promise<Readable> {
    const since = eventsSince((await this.#transport.ping()).date, Date.now())
    const options = { since, filters: EVENT_FILTERS, abortSignal: signal }
    const stream = this.#docker.getEvents(options as unknown as Docker.GetEventsOptions) as Promise<Readable>
    const patience = new AbortController()
    try {
      const silent = sleep(SILENT_STREAM_MILLIS, undefined, { signal: patience.signal })
      return (await Promise.race([stream, silent])) ?? whenItComes(stream)
    } finally {
      patience.abort()
    }
  }

  async #execute(id: string, command: readonly string[]): Promise<string | undefined> {
    const abortSignal = AbortSignal.timeout(EXECUTE_MILLIS)
    try {
      const create = { AttachStdout: true, AttachStderr: true, Cmd: [...command], abortSignal }
      const exec = await this.#container(id).exec(create)
      const stream = await exec.start({ Detach: false, Tty: false, abortSignal } as Docker.ExecStartOptions)
      const output = new ContainerOutput(stream, 'a command in the container')
      const buffer = Buffer.allocUnsafe(MAXIMUM_OUTPUT_BYTES)
      let bytes = 0
      for (;;) {
        const more = await output.read(buffer, bytes, buffer.length)
        if (more === 0) break
        bytes += more
        if (bytes === buffer.length) {
          output.destroy()
          return undefined
        }
      }
      return (await exitCode(exec, abortSignal)) === 0 ? buffer.toString('utf8', 0, bytes) : undefined
    } catch (error) {
      if (abortSignal.aborted) return undefined
      throw error
    }
  }
}

/** The engine may still call a command running whose output has ended. */
async function exitCode(exec: Docker.Exec, abortSignal: AbortSignal): Promise<number | null> {
  for (;;) {
    const { Running, ExitCode } = await exec.inspect({ abortSignal })
    if (Running !== true) return ExitCode
    await sleep(EXIT_LOOK_MILLIS, undefined, { signal: abortSignal })
  }
}

/** From when on the engine is to tell, by its clock: what the date of its last answer says, or closer where ours agrees. */
function eventsSince(date: string | undefined, now: number): string | undefined {
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return undefined
  const millis = Math.abs(now - theirs) < AGREEING_CLOCKS_MILLIS ? Math.max(theirs, now - EVENT_OVERLAP_MILLIS) : theirs
  return (millis / 1000).toFixed(9)
}

/** A stream that begins later: the events before are in it. */
function whenItComes(stream: Promise<Readable>): Readable {
  const later = new PassThrough()
  stream.then(
    (begun) => pipeline(begun, later, () => {}),
    (error) => later.destroy(error),
  )
  return later
}
