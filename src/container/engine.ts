// What the rest of the room needs to know of a container engine, in our own words: Docker's and Podman's answers differ in
// detail, and neither may be believed to be complete.

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
  /** Network-wide names: compose service, --network-alias, without the container's own name and short id. */
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

/** What only inspection tells. */
export interface ContainerDetails extends ContainerSummary {
  /** In the engine's pid namespace; 0 when not running. */
  readonly pid: number
  readonly startedAt: string
  /** `tcp` ports that the image or the operator declares, published or not: `80/tcp`. */
  readonly exposedPorts: readonly string[]
}

export interface NetworkDetails {
  readonly id: string
  readonly name: string
  readonly driver: string
  readonly scope: string
  /** With prefix length. */
  readonly subnets: readonly string[]
  readonly gateways: readonly string[]
  /** Where the host has a bridge for it: `docker0`, `br-<12 digits>`, the option's name, podman's `podman1`; else ''. */
  readonly bridge: string
}

/** Something happened: only what the capture has to know. `id` is the container's. */
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
  /** '' for `network` (one was made or removed), `lost` (the engine is gone, we try again) and `back` (it answers again: look at everything anew). */
  readonly id: string
  /** Container name as the event says; '' when it does not. */
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
  /** It runs without root, in a network namespace of its own: its bridges are not this machine's. */
  readonly rootless: boolean
}

/** Every call rejects with OperatorError (one line and a hint) where the engine cannot be reached or refuses. */
export interface Engine {
  /** `unix:///var/run/docker.sock`, `tcp://build1:2376`, `ssh://me@build1`. */
  readonly address: string
  version(): Promise<EngineVersion>
  /** The machine that it runs on, to tell whether it is this one. */
  machine(): Promise<EngineMachine>
  /** Running ones, or all. */
  list(all: boolean): Promise<ContainerSummary[]>
  /** undefined when there is none of that id or name any more. */
  inspect(idOrName: string): Promise<ContainerDetails | undefined>
  networks(): Promise<NetworkDetails[]>
  /** Processes of a container, in the engine's pid namespace; [] where it cannot be told. */
  processIds(id: string): Promise<number[]>
  /** How many tasks of a Swarm service run on other nodes; 0 where that cannot be told (no swarm, no manager). */
  tasksElsewhere(service: string): Promise<number>
  /** Standard output of a command run in the container; undefined when it has no such program or it failed. */
  execute(id: string, command: readonly string[]): Promise<string | undefined>
  /** Calls back from now on, until closed; reconnects by itself with back-off and says so by `lost` and `back`. Resolves once it listens. */
  watch(onEvent: (event: EngineEvent) => void): Promise<void>
  /** Id of the image that our own container runs from, when we run in one of this engine; undefined else. */
  ownImage(): Promise<string | undefined>
  hasImage(image: string): Promise<boolean>
  /** Starts a capture inside a container's network; see sidecar.ts. Resolves once the container runs and is attached. */
  startSidecar(request: SidecarRequest): Promise<Sidecar>
  /** Ends the watch and every connection. Sidecars are stopped by their own `close`. May be called twice. */
  close(): Promise<void>
}

/** Label of our own sidecars: they are nobody's to capture, and found by it if one should ever be left. */
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
  /** What `data.stop()` writes to its standard input before it ends that. */
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
