// What this folder needs to know of a container engine, in our own types. Docker's and Podman's answers differ in detail, and
// either may leave things out.

import type { ByteSource } from '../core/ports.ts'

/** A container's attachment to one network. */
export interface NetworkAttachment {
  /** Network name, and its id where the engine gave one ('' else). */
  readonly network: string
  readonly networkId: string
  /** Lower case, `02:42:ac:11:00:02`; '' when unknown or not running. */
  readonly macAddress: string
  /** '' when it has none. */
  readonly address: string
  readonly address6: string
  /** Names in the whole network: a Compose service, --network-alias. Without the container's own name and short id. */
  readonly aliases: readonly string[]
}

export interface PublishedPort {
  readonly protocol: string
  readonly containerPort: number
  /** '' or `0.0.0.0` or `::` for every address of the host. */
  readonly hostAddress: string
  readonly hostPort: number
}

/** One container of a list. */
export interface ContainerSummary {
  /** 64 hex digits. */
  readonly id: string
  /** Without the slash; '' when it has none. */
  readonly name: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  /** `running`, `exited`, `created`, `paused` … */
  readonly state: string
  /** `bridge`, `host`, `none`, `container:ID`, a network's name. `default` is told as `bridge`. */
  readonly networkMode: string
  readonly networks: readonly NetworkAttachment[]
  readonly ports: readonly PublishedPort[]
}

/** With what only an inspection tells. */
export interface ContainerDetails extends ContainerSummary {
  /** Of its first process, in the engine's pid namespace; 0 when it does not run. */
  readonly pid: number
  readonly startedAt: string
  /** When it last ended; a time in the year 1 when it never did. '' if the engine does not tell. */
  readonly finishedAt: string
  readonly exitCode: number
  /** The kernel ended it, because it wanted more memory than it may have. */
  readonly isOutOfMemory: boolean
  /** `tcp` ports that the image or the operator declares, published or not: `80/tcp`. */
  readonly exposedPorts: readonly string[]
}

export interface NetworkDetails {
  readonly id: string
  readonly name: string
  readonly driver: string
  readonly scope: string
  /** `172.17.0.0/16`. */
  readonly subnets: readonly string[]
  readonly gateways: readonly string[]
  /** Name of its bridge: `docker0`, `br-<12 digits>`, the name of an option, Podman's `podman1`. '' if it has none. */
  readonly bridge: string
}

/** Something has happened that the capture has to know. */
export interface EngineEvent {
  readonly kind:
    | 'create'
    | 'start'
    | 'die'
    | 'destroy'
    | 'rename'
    | 'connect'
    | 'disconnect'
    | 'network'
    | 'lost'
    | 'back'
  /**
   * The container's. '' for `network` (one was made or removed), `lost` (the engine is gone, and we try again) and `back` (it
   * answers again, and anything may have happened).
   */
  readonly id: string
  /** The container's name; '' if the event does not tell it. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** For connect and disconnect. */
  readonly network: string
  /** Why, for `lost`. */
  readonly reason: string
}

export interface EngineVersion {
  readonly product: 'Docker' | 'Podman'
  readonly version: string
  readonly apiVersion: string
  readonly operatingSystem: string
}

export interface EngineMachine {
  readonly hostname: string
  readonly kernelVersion: string
  readonly memoryBytes: number
  /** The engine runs without root, in a network namespace of its own. Its bridges are not this machine's. */
  readonly rootless: boolean
}

/** Every call rejects with OperatorError (one line and a hint) if the engine cannot be reached or refuses. */
export interface Engine {
  /** `unix:///var/run/docker.sock`, `tcp://build1:2376`, `ssh://me@build1`. */
  readonly address: string
  version(): Promise<EngineVersion>
  /** The machine that it runs on, to tell whether it is this one. */
  machine(): Promise<EngineMachine>
  /** Running ones, or all. */
  list(all: boolean): Promise<ContainerSummary[]>
  /** undefined if there is no container of that id or name. */
  inspect(idOrName: string): Promise<ContainerDetails | undefined>
  networks(): Promise<NetworkDetails[]>
  /** Processes of a container, in the engine's pid namespace; [] if the engine does not tell. */
  processIds(id: string): Promise<number[]>
  /** How many tasks of a Swarm service run on other nodes; 0 if the engine does not tell (no swarm, or no manager of one). */
  tasksElsewhere(service: string): Promise<number>
  /** Standard output of a command that is run in the container; undefined if there is no such program, or it fails. */
  execute(id: string, command: readonly string[]): Promise<string | undefined>
  /**
   * Calls `onEvent` from now on, until the engine is closed. It reconnects by itself, with growing pauses, and tells that by
   * `lost` and `back`. Resolves once no event can be missed.
   */
  watch(onEvent: (event: EngineEvent) => void): Promise<void>
  /** Id of the image of the container that we run in, if this engine has that container; else undefined. */
  ownImage(): Promise<string | undefined>
  hasImage(image: string): Promise<boolean>
  /** Starts a capture inside a container's network (docker-sidecar.ts). Resolves once the sidecar runs and is attached. */
  startSidecar(request: SidecarRequest): Promise<Sidecar>
  /** Ends the watch and every connection. Sidecars are stopped by their own `close`. May be called twice. */
  close(): Promise<void>
}

/** The label of our own sidecars. They are never captured. If one should ever be left, it is found by this label. */
export const SIDECAR_LABEL = 'tcpflow.sidecar'

export interface SidecarRequest {
  readonly image: string
  /** The container whose network is to be captured. */
  readonly targetId: string
  /** What is run in the image: the capture child's command line. */
  readonly command: readonly string[]
  readonly entrypoint: readonly string[]
  /** Most memory that it may use, swap included. The engine ends it when it asks for more. */
  readonly memoryBytes: number
  /** What `data.stop()` writes to its standard input before it closes that. */
  readonly lastBytes?: Buffer
}

/** The sidecar's standard output as bytes of a savefile. */
export interface Sidecar {
  readonly data: ByteSource
  /** Writes to its standard input (the capture child's commands). */
  send(bytes: Buffer): void
  /** The last of its standard error, complete once `data` has ended. */
  readonly stderrTail: string
}
