// Plan → feeds: opens the files or the live captures, and says on what it listens.

import { join } from 'node:path'
import type { CaptureProgram } from '../capture/capture-process.ts'
import { openFileSource } from '../capture/file-source.ts'
import { type CaptureLauncher, capabilityWrapper, directLauncher } from '../capture/launcher.ts'
import type { LiveSource } from '../capture/live-source.ts'
import type { Arena } from '../core/arena.ts'
import type { Io } from '../core/io.ts'
import type { ByteSource, Messages } from '../core/ports.ts'
import type { InputPlan, Plan } from '../plan.ts'
import { SavefileReader } from '../savefile/reader.ts'
import type { Feed } from './feed.ts'

/** Bytes of a savefile in memory at a time; of a file twice as many, because one half is read while the other is parsed. */
const LIVE_BUFFER_BYTES = 1 << 20
const FILE_BUFFER_BYTES = 1 << 21

type LiveInput = Extract<InputPlan, { kind: 'live' }>

/** Bytes of the arena that the readers of a plan take: each live capture its own buffer, files one after the other one. */
export function readBufferBytes(input: InputPlan): number {
  return input.kind === 'live' ? input.interfaces.length * LIVE_BUFFER_BYTES : FILE_BUFFER_BYTES
}

export function allocateFileBuffer(arena: Arena): Buffer {
  return arena.allocate(FILE_BUFFER_BYTES)
}

/** The captures of a live plan, with what started them. */
export interface LiveFeeds {
  readonly feeds: readonly (Feed & { readonly source: LiveSource })[]
  close(): Promise<void>
}

/**
 * What has to be opened with the rights that the program was started with. Once this exists root is given up for good where
 * the plan says so (-U), before any output is opened and any captured byte is looked at.
 */
export class Inputs {
  /** Starts capture children; only for live plans. */
  readonly launcher: CaptureLauncher | undefined
  /** Files opened while it was still allowed, or why they could not be. */
  readonly #opened: Map<string, ByteSource | unknown>

  constructor(launcher: CaptureLauncher | undefined, opened: Map<string, ByteSource | unknown>) {
    this.launcher = launcher
    this.#opened = opened
  }

  /** A feed of one savefile; the buffer may be used again when that feed is done. Throws OperatorError. */
  fileFeed(path: string, buffer: Buffer): Feed {
    const early = this.#opened.get(path)
    this.#opened.delete(path)
    if (early instanceof Error) throw early
    const source = (early as ByteSource | undefined) ?? openFileSource(path)
    return { source, reader: new SavefileReader(source.name, buffer) }
  }
}

/** Throws OperatorError: no such user, not root. */
export async function prepareInputs(plan: Plan, io: Io): Promise<Inputs> {
  const { input, dropToUser } = plan
  if (dropToUser === undefined) {
    return new Inputs(input.kind === 'live' ? directLauncher(captureProgram(io)) : undefined, new Map())
  }
  const { findUser, dropPrivileges } = await import('../capture/privileges.ts')
  const user = findUser(dropToUser)
  if (input.kind === 'files') {
    const opened = openEarly([...input.paths, ...input.finishPaths])
    dropPrivileges(user)
    return new Inputs(undefined, opened)
  }
  // The broker keeps root, and this process has none from here on.
  const { startBroker } = await import('../capture/broker-launcher.ts')
  const launcher = startBroker(captureProgram(io), join(io.programFolder, 'capture-broker.js'))
  try {
    dropPrivileges(user)
  } catch (error) {
    await launcher.close()
    throw error
  }
  return new Inputs(launcher, new Map())
}

function openEarly(paths: readonly string[]): Map<string, ByteSource | unknown> {
  const opened = new Map<string, ByteSource | unknown>()
  for (const path of new Set(paths)) {
    try {
      opened.set(path, openFileSource(path))
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
  }
}

/**
 * Opens every interface and says that it listens. All or nothing: when one interface cannot be opened, the others are
 * closed and the OperatorError goes on.
 */
export async function openLiveFeeds(
  plan: Plan,
  input: LiveInput,
  launcher: CaptureLauncher,
  arena: Arena,
  messages: Messages,
): Promise<LiveFeeds> {
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
  messages.info(`listening on ${input.interfaces.join(', ')}`)
  const feeds = sources.map((source) => ({
    source,
    reader: new SavefileReader(source.name, arena.allocate(LIVE_BUFFER_BYTES)),
  }))
  return { feeds, close }
}
