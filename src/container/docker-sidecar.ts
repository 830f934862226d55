// The sidecar: a short-lived container that captures inside another one's network. It may capture packets and nothing else.
// It ends when its standard input ends, so it also ends when we are killed.

import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { OperatorError } from '../core/errors.ts'
import type { ByteSource } from '../core/ports.ts'
import { EngineRefusal } from './connection-errors.ts'
import { ContainerOutput } from './container-output.ts'
import { SIDECAR_LABEL, type Sidecar, type SidecarRequest } from './engine.ts'

/** Threads count, too. Node has about a dozen. */
const MOST_PROCESSES = 64

/** What is needed of the engine to start a sidecar. */
export interface SidecarEngine {
  /** As `docker -H` takes it. */
  readonly address: string
  readonly docker: Docker
  /** An error of the call `what`, in words for the operator. */
  explain(error: unknown, what: string): OperatorError
  hasImage(image: string): Promise<boolean>
}

/** Resolves once the sidecar runs and is attached. Rejects with OperatorError; then no container is left. */
export async function startSidecar(engine: SidecarEngine, request: SidecarRequest): Promise<Sidecar> {
  const container = await createContainer(engine, request)
  let socket: Duplex | undefined
  try {
    // Attached before it starts, or its first bytes would be lost.
    socket = await attach(container)
    const sidecar = new AttachedSidecar(engine, request, container, socket)
    await container.start()
    return sidecar
  } catch (error) {
    socket?.destroy()
    await removeContainer(container)
    const [program = ''] = request.entrypoint
    if (error instanceof EngineRefusal && isMissing(program, error.message)) throw notOurImage(request.image, program)
    throw engine.explain(error, 'to start the sidecar')
  }
}

/** runc says `"node": executable file not found`, crun ``executable file `node` not found``. */
function isMissing(program: string, message: string): boolean {
  return message.includes(program) && /executable file (\S+ )?not found/.test(message)
}

/** The image exists, and lacks what a sidecar runs. */
export function notOurImage(image: string, lacking: string): OperatorError {
  return new OperatorError(
    `the image ${image} is not tcpflow's: it has no ${lacking}`,
    "--sidecar-image wants the image that tcpflow's Dockerfile makes; where the engine runs: docker build -t tcpflow .",
  )
}

/** We choose the name. So the container can be removed even if the answer to its creation is lost. */
async function createContainer(engine: SidecarEngine, request: SidecarRequest): Promise<Docker.Container> {
  const name = `tcpflow-sidecar-${randomBytes(6).toString('hex')}`
  const container = engine.docker.getContainer(name)
  try {
    // dockerode takes query and body apart in this form.
    const options = { _query: { name }, _body: settingsOf(request) }
    await engine.docker.createContainer(options as Docker.ContainerCreateOptions)
    return container
  } catch (error) {
    if (!(error instanceof EngineRefusal)) await removeContainer(container)
    else if (error.statusCode === 404 && !(await engine.hasImage(request.image))) {
      throw new OperatorError(
        `the engine has no image ${request.image} for the sidecar`,
        `copy it there: docker save ${request.image} | docker -H ${engine.address} load; or name another: --sidecar-image`,
      )
    }
    throw engine.explain(error, 'to create the sidecar')
  }
}

function settingsOf(request: SidecarRequest): Docker.ContainerCreateOptions {
  return {
    Image: request.image,
    Entrypoint: [...request.entrypoint],
    Cmd: [...request.command],
    Labels: { [SIDECAR_LABEL]: '1' },
    User: '0',
    Tty: false,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      NetworkMode: `container:${request.targetId}`,
      CapDrop: ['ALL'],
      CapAdd: ['NET_RAW'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      AutoRemove: true,
      // Memory and swap together, so there is no swap.
      Memory: request.memoryBytes,
      MemorySwap: request.memoryBytes,
      PidsLimit: MOST_PROCESSES,
      // Else every captured byte would be written to the engine's disk.
      LogConfig: { Type: 'none', Config: {} },
    },
  }
}

async function attach(container: Docker.Container): Promise<Duplex> {
  const query = { stream: true, stdin: true, stdout: true, stderr: true }
  const options = { hijack: true, stdin: true, _query: query, _body: {} }
  return (await container.attach(options as Docker.ContainerAttachOptions)) as Duplex
}

/** How often, and with what pause, we look whether a removal that is under way is done. */
const LOOKS = 30
const LOOK_MILLIS = 100

/** Never rejects. A container that cannot be removed ends by itself, because its standard input has ended. */
async function removeContainer(container: Docker.Container): Promise<void> {
  try {
    await container.remove({ force: true, v: true })
  } catch (error) {
    // 409: it has ended and is being removed already (AutoRemove).
    if (error instanceof EngineRefusal && error.statusCode === 409) await waitUntilGone(container)
  }
}

async function waitUntilGone(container: Docker.Container): Promise<void> {
  try {
    for (let looks = 0; looks < LOOKS; looks++) {
      await container.inspect()
      await sleep(LOOK_MILLIS)
    }
  } catch {
    // It is gone, or the engine is.
  }
}

class AttachedSidecar implements Sidecar, ByteSource {
  readonly name: string
  readonly totalBytes = -1
  consumedBytes = 0
  readonly #engine: SidecarEngine
  readonly #container: Docker.Container
  readonly #socket: Duplex
  readonly #output: ContainerOutput
  readonly #lastBytes: Buffer | undefined
  #stopped = false
  #closed: Promise<void> | undefined = undefined

  constructor(engine: SidecarEngine, request: SidecarRequest, container: Docker.Container, socket: Duplex) {
    this.name = `sidecar of ${request.targetId.slice(0, 12)}`
    this.#engine = engine
    this.#container = container
    this.#socket = socket
    this.#output = new ContainerOutput(socket, this.name)
    this.#lastBytes = request.lastBytes
  }

  get data(): ByteSource {
    return this
  }

  get stderrTail(): string {
    return this.#output.stderrTail
  }

  send(bytes: Buffer): void {
    if (!this.#stopped && this.#socket.writable) this.#socket.write(bytes)
  }

  read(into: Buffer, start: number, end: number): number | Promise<number> {
    const bytes = this.#output.read(into, start, end)
    if (typeof bytes !== 'number') return this.#later(bytes)
    this.consumedBytes += bytes
    return bytes
  }

  stop(): void {
    if (this.#stopped) return
    if (this.#lastBytes !== undefined) this.send(this.#lastBytes)
    this.#stopped = true
    this.#socket.end()
  }

  close(): Promise<void> {
    this.#stopped = true
    this.#output.destroy()
    this.#closed ??= removeContainer(this.#container)
    return this.#closed
  }

  async #later(read: Promise<number>): Promise<number> {
    try {
      const bytes = await read
      this.consumedBytes += bytes
      return bytes
    } catch (error) {
      if (this.#closed !== undefined) return 0
      throw this.#engine.explain(error, 'the stream of the sidecar')
    }
  }
}
