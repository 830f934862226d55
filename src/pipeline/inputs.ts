// Plan → feeds: opens the files or the live captures, and says on what it listens.

import { join } from 'node:path'
import type { CaptureProgram } from '../capture/capture-process.ts'
import { openFileSource } from '../capture/file-source.ts'
import { type CaptureLauncher, capabilityWrapper, directLauncher } from '../capture/launcher.ts'
import type { LiveSource } from '../capture/live-source.ts'
import type { Arena } from '../core/arena.ts'
import type { Io } from '../core/io.ts'
import type { Messages } from '../core/ports.ts'
import type { InputPlan, Plan } from '../plan.ts'
import { SavefileReader } from '../savefile/reader.ts'
import type { Feed } from './feed.ts'

/** Bytes of a savefile in memory at a time. */
const READ_BUFFER_BYTES = 1 << 20

type LiveInput = Extract<InputPlan, { kind: 'live' }>

/** Bytes of the arena that the readers of a plan take: each live capture its own buffer, files one after the other one. */
export function readBufferBytes(input: InputPlan): number {
  return input.kind === 'live' ? input.interfaces.length * READ_BUFFER_BYTES : READ_BUFFER_BYTES
}

/** A feed of one savefile; the buffer may be used again when that feed is done. */
export function openFileFeed(path: string, buffer: Buffer): Feed {
  const source = openFileSource(path)
  return { source, reader: new SavefileReader(source.name, buffer) }
}

export function allocateReadBuffer(arena: Arena): Buffer {
  return arena.allocate(READ_BUFFER_BYTES)
}

/** The captures of a live plan, with what started them. */
export interface LiveFeeds {
  readonly feeds: readonly (Feed & { readonly source: LiveSource })[]
  close(): Promise<void>
}

/**
 * Opens every interface, gives up root where the plan says so, and says that it listens. All or nothing: when one
 * interface cannot be opened, the others are closed and the OperatorError goes on.
 */
export async function openLiveFeeds(
  plan: Plan,
  input: LiveInput,
  io: Io,
  arena: Arena,
  messages: Messages,
): Promise<LiveFeeds> {
  const launcher = await startLauncher(plan, io)
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
    reader: new SavefileReader(source.name, allocateReadBuffer(arena)),
  }))
  return { feeds, close }
}

/** With -U the children's parent is a broker that keeps root, and this process has none from here on. */
async function startLauncher(plan: Plan, io: Io): Promise<CaptureLauncher> {
  const program: CaptureProgram = {
    execPath: io.execPath,
    childPath: join(io.programFolder, 'capture-child.js'),
    wrapper: capabilityWrapper(io.env.TCPFLOW_CAPTURE_LAUNCHER),
  }
  if (plan.dropToUser === undefined) return directLauncher(program)
  const { findUser, dropPrivileges } = await import('../capture/privileges.ts')
  const user = findUser(plan.dropToUser)
  const { startBroker } = await import('../capture/broker-launcher.ts')
  const launcher = startBroker(program, join(io.programFolder, 'capture-broker.js'))
  try {
    dropPrivileges(user)
  } catch (error) {
    await launcher.close()
    throw error
  }
  return launcher
}
