// Plan → feeds: opens the files or the live captures, and says on what it listens.

import { join } from 'node:path'
import type { BrokerAddress } from '../capture/broker-launcher.ts'
import { heldRights } from '../capture/capabilities.ts'
import type { CaptureProgram } from '../capture/capture-process.ts'
import { openFileSource } from '../capture/file-source.ts'
import { type CaptureLauncher, capabilityWrapper, directLauncher } from '../capture/launcher.ts'
import type { LiveSource } from '../capture/live-source.ts'
import { learnTrailingNames } from '../capture/trailing-names.ts'
import type { HostView } from '../container/host-view.ts'
import type { Arena } from '../core/arena.ts'
import { OperatorError } from '../core/errors.ts'
import type { Io } from '../core/io.ts'
import { PlaceTable } from '../core/places.ts'
import type { ByteSource, HostFactsSource, Names } from '../core/ports.ts'
import type { ContainersPlan, InputPlan, Plan } from '../plan.ts'
import type { Feed } from '../river/feed.ts'
import { SavefileReader } from '../savefile/reader.ts'
import { SavefileNames } from '../savefile/savefile-names.ts'
import { confine, requestTypesOf } from './confinement.ts'
import type { ContainerCapture } from './container-capture.ts'
import { LIVE_BUFFER_BYTES, MOST_IN_ARENA } from './read-buffers.ts'

/** How much of a file is in memory at a time: one half is read while the other is parsed. */
const FILE_BUFFER_BYTES = 1 << 21

type LiveInput = Extract<InputPlan, { kind: 'live' }>

/** Bytes of the arena that the readers of a plan take: each live capture its own buffer, files one after the other one. */
export function readBufferBytes(input: InputPlan): number {
  if (input.kind === 'files') return FILE_BUFFER_BYTES
  return (input.containers === undefined ? input.interfaces.length : MOST_IN_ARENA) * LIVE_BUFFER_BYTES
}

export function allocateFileBuffer(arena: Arena): Buffer {
  return arena.allocate(FILE_BUFFER_BYTES)
}

/** The captures of a live plan, with what started them. */
export interface LiveSources {
  readonly sources: readonly LiveSource[]
  close(): Promise<void>
}

/**
 * Everything that has to be opened with the rights that the program was started with. Once this exists, root is given up for
 * good where the plan says so (-U): before any output is opened or any captured byte is parsed.
 */
export class Inputs {
  /** Starts capture children; only for live plans. */
  readonly launcher: CaptureLauncher | undefined
  /** Containers to capture, if the plan names some. */
  readonly containers: ContainerCapture | undefined
  /** Numbers of places for the whole run. */
  readonly places: PlaceTable
  /** Who has which address; undefined where nobody wants to know, or nobody can tell. */
  readonly names: Names | undefined
  /** What is known of hosts beside that: where containers are captured. */
  readonly hostFacts: HostFactsSource | undefined
  readonly #savefileNames: SavefileNames | undefined
  readonly #readsAhead: boolean
  /** Files opened while that was still allowed, or the error of opening them. */
  readonly #opened: Map<string, ByteSource | unknown>

  constructor(
    plan: Plan,
    launcher: CaptureLauncher | undefined,
    opened: Map<string, ByteSource | unknown>,
    places = new PlaceTable(),
    containers?: ContainerCapture,
  ) {
    this.launcher = launcher
    this.#savefileNames = plan.names && plan.input.kind === 'files' ? new SavefileNames() : undefined
    this.names = plan.names ? (containers?.names ?? this.#savefileNames) : undefined
    this.hostFacts = plan.diagnose === undefined ? undefined : containers?.hostFacts
    this.#opened = opened
    this.#readsAhead = readsAhead(plan)
    this.places = places
    this.containers = containers
  }

  /** Opens a savefile now, to be read later. Throws OperatorError. */
  open(path: string): void {
    const early = this.#opened.get(path)
    if (early instanceof Error) throw early
    if (early === undefined) this.#opened.set(path, openFileSource(path, this.#readsAhead))
  }

  /** A feed of one savefile; the buffer may be used again when that feed is done. Throws OperatorError. */
  fileFeed(path: string, buffer: Buffer): Feed {
    const early = this.#opened.get(path)
    this.#opened.delete(path)
    if (early instanceof Error) throw early
    const source = (early as ByteSource | undefined) ?? openFileSource(path, this.#readsAhead)
    if (this.#savefileNames !== undefined) learnTrailingNames(path, this.#savefileNames)
    return { source, reader: new SavefileReader(source.name, buffer, this.places, this.#savefileNames) }
  }
}

/** Throws OperatorError: no such user, not root. */
export async function prepareInputs(plan: Plan, io: Io): Promise<Inputs> {
  const { input, dropToUser } = plan
  if (input.kind === 'live' && input.containers !== undefined) {
    return await prepareContainers(plan, input, input.containers, io)
  }
  if (dropToUser === undefined) {
    await confine(plan, io, () => startBrokerFor(plan, io))
    return new Inputs(plan, input.kind === 'live' ? await launcherOf(io) : undefined, new Map())
  }
  const { findUser, dropPrivileges } = await import('../capture/privileges.ts')
  const user = findUser(dropToUser)
  await confine(plan, io, () => startBrokerFor(plan, io))
  if (input.kind === 'files') {
    const opened = openEarly([...input.paths, ...input.finishPaths], readsAhead(plan))
    dropPrivileges(user)
    return new Inputs(plan, undefined, opened)
  }
  // The broker keeps what it needs, and this process has nothing from here on.
  const launcher = io.granted === undefined ? await brokerAt(await startBrokerFor(plan, io)) : await launcherOf(io)
  try {
    dropPrivileges(user)
  } catch (error) {
    await launcher.close()
    throw error
  }
  return new Inputs(plan, launcher, new Map())
}

async function startBrokerFor(plan: Plan, io: Io): Promise<BrokerAddress> {
  const { startBroker } = await import('../capture/broker-launcher.ts')
  const { wrapper, ...program } = captureProgram(io)
  const brokerPath = join(io.programFolder, 'capture-broker.js')
  return await startBroker({ ...program, wrapper: [] }, brokerPath, requestTypesOf(plan, heldRights()), wrapper)
}

async function brokerAt(address: BrokerAddress): Promise<CaptureLauncher> {
  const { Broker } = await import('../capture/broker-launcher.ts')
  return new Broker(address)
}

/** The broker where there is one; otherwise this process starts the children itself. */
async function launcherOf(io: Io): Promise<CaptureLauncher> {
  const address = io.granted?.broker as BrokerAddress | undefined
  return address === undefined ? directLauncher(captureProgram(io)) : await brokerAt(address)
}

async function prepareContainers(plan: Plan, input: LiveInput, containers: ContainersPlan, io: Io): Promise<Inputs> {
  if (plan.dropToUser !== undefined) {
    throw new OperatorError(
      '-U and containers do not go together: who may ask the engine is as good as root',
      'in our image, docker run --user 65534 --cap-add NET_RAW parses without root; or capture with -i',
    )
  }
  const { openContainerCapture } = await import('./container-capture.ts')
  await confine(plan, io, () => startBrokerFor(plan, io))
  const launcher = await launcherOf(io)
  const places = new PlaceTable()
  const view = await hostView(launcher)
  const capture = await openContainerCapture({ plan, input, containers, launcher, view, places, env: io.env })
  return new Inputs(plan, launcher, new Map(), places, capture)
}

/** What this machine shows of containers: to the broker, where there is one. */
async function hostView(launcher: CaptureLauncher): Promise<HostView> {
  const { LinuxHostView } = await import('../container/host-view.ts')
  const { Broker } = await import('../capture/broker-launcher.ts')
  if (!(launcher instanceof Broker)) return new LinuxHostView()
  const { BrokerFacts } = await import('./broker-facts.ts')
  return new LinuxHostView(undefined, undefined, new BrokerFacts(launcher))
}

/** Whether files are read ahead by a second thread. Not where files are written: those need the second processor. */
function readsAhead(plan: Plan): boolean {
  return plan.files === undefined
}

function openEarly(paths: readonly string[], readsAhead: boolean): Map<string, ByteSource | unknown> {
  const opened = new Map<string, ByteSource | unknown>()
  for (const path of new Set(paths)) {
    try {
      opened.set(path, openFileSource(path, readsAhead))
    } catch (error) {
      opened.set(path, error)
    }
  }
  return opened
}

function captureProgram(io: Io): CaptureProgram {
  return {
    execPath: io.execPath,
    childPath: join(io.programFolder, 'capture-child.js'),
    wrapper: capabilityWrapper(io.env.TCPFLOW_CAPTURE_LAUNCHER),
    narrow: true,
  }
}

/**
 * Opens every interface. All or nothing: when one interface cannot be opened, the others are closed and the OperatorError
 * goes on.
 */
export async function openLiveSources(plan: Plan, input: LiveInput, inputs: Inputs): Promise<LiveSources> {
  const launcher = inputs.launcher!
  const { openLiveSource } = await import('../capture/live-source.ts')
  const requests = input.interfaces.map((interfaceName) => ({
    interfaceName,
    filter: plan.filter,
    snapshotBytes: input.snapshotBytes,
    kernelBufferBytes: input.kernelBufferBytes,
    bufferTimeoutMillis: input.bufferTimeoutMillis,
    promiscuous: input.promiscuous && interfaceName !== 'any',
  }))
  const opened = await Promise.allSettled(requests.map((request) => openLiveSource(request, launcher)))
  const sources = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const close = async (): Promise<void> => {
    await Promise.all(sources.map((source) => source.close()))
    await launcher.close()
  }
  const failure = opened.find((result) => result.status === 'rejected')
  if (failure !== undefined) {
    await close()
    throw failure.reason
  }
  return { sources, close }
}
