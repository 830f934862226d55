// The process that parses what strangers sent holds no rights. Node cannot drop its own capabilities. So before anything is
// opened, the program replaces itself (execve) by a copy that starts without them. The broker, started just before, keeps those
// that the plan needs. The copy begins from the start and finds in its environment what it was granted.
//
// Node has execve from 22.15 on. Without it, without setpriv, or where capture files are read outside of our image (nothing
// privileged goes on there, and the start would take twice as long), the rights stay as they were; -U gives them up anyway.

import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { RequestType } from '../capture/broker-requests.ts'
import {
  type Capability,
  type HeldRights,
  hasCapability,
  heldRights,
  narrowingWrapper,
} from '../capture/capabilities.ts'
import { isNetfilterName } from '../capture/capture-request.ts'
import type { Io } from '../core/io.ts'
import type { Plan } from '../plan.ts'

/** What a plan may have to ask the broker for; `held` says what it could do at all. */
export function requestTypesOf({ input, diagnose }: Plan, held: HeldRights | undefined): RequestType[] {
  if (input.kind !== 'live') return []
  const types: RequestType[] = ['open-interface']
  if (input.interfaces.some(isNetfilterName)) types.push('open-netfilter-queue')
  if (input.containers === undefined) return types
  types.push('inspect-process')
  const { via } = input.containers
  const mayEnter = held === undefined || hasCapability(held.permitted, 'sys_admin')
  if (mayEnter && (via === undefined || via === 'netns' || diagnose !== undefined)) types.push('enter-namespace')
  return types
}

/**
 * Takes this process's place without its rights, and does not return; or returns where that was done before, or cannot be.
 * `startBroker`: with the rights of now. Nothing may have been opened or printed that would be twice.
 */
export async function confine(plan: Plan, io: Io, startBroker: () => Promise<unknown>): Promise<void> {
  if (io.granted !== undefined || io.replaceProgram === undefined) return
  const isLive = plan.input.kind === 'live'
  const inImage = existsSync(io.env.TCPFLOW_CAPTURE_LAUNCHER ?? '')
  if (!isLive && !inImage) return
  const wrapper = parserWrapper(plan, io, inImage)
  if (wrapper.length === 0) return
  const broker = isLive ? await startBroker() : undefined
  io.replaceProgram(wrapper, { broker })
}

function parserWrapper(plan: Plan, io: Io, inImage: boolean): string[] {
  const held = heldRights()
  if (held === undefined) return []
  if (held.permitted === 0n) {
    // The launcher's file capability is then out of reach for the parser: the broker has it.
    return inImage && !held.noNewPrivileges ? ['setpriv', '--no-new-privs'] : []
  }
  const keep: Capability[] = plan.dropToUser === undefined ? [] : ['setuid', 'setgid']
  if (listensBelow1024(plan)) keep.push('net_bind_service')
  const wrapper = narrowingWrapper(keep, held)
  if (wrapper.length === 0 || canReach(wrapper, plan, io)) return wrapper
  return narrowingWrapper([...keep, 'dac_override'], held)
}

function listensBelow1024({ latency }: Plan): boolean {
  return [latency?.stats, latency?.metrics].some(
    (listen) => listen !== undefined && listen.port > 0 && listen.port < 1024,
  )
}

/** Whether files can be read and written behind `wrapper`: root needs DAC_OVERRIDE only in other users' folders. */
function canReach(wrapper: readonly string[], plan: Plan, io: Io): boolean {
  const tests = pathTests(plan, io)
  if (tests.length === 0) return true
  const [command, ...args] = [...wrapper, 'test', ...tests.flatMap((test, i) => (i === 0 ? test : ['-a', ...test]))]
  return spawnSync(command!, args).status === 0
}

/** Arguments of test(1), one for each thing that the parser will do with a file. */
function pathTests({ input, files, save, scripts, dropToUser }: Plan, io: Io): string[][] {
  const written = dropToUser === undefined ? [files?.outputFolder, files?.reportPath, save?.path] : []
  const read = [...scripts, ...(input.kind === 'files' ? [...input.paths, ...input.finishPaths] : [])]
  const isFile = (path: string | undefined): path is string => path !== undefined && path !== '-' && path !== ''
  return [
    ...written.filter(isFile).flatMap((path) => writeTests(resolve(io.cwd, path))),
    ...read.filter(isFile).map((path) => ['-r', resolve(io.cwd, path)]),
    ...(input.kind === 'live' && input.containers !== undefined
      ? engineTests(input.containers.dockerHost, io.env)
      : []),
  ]
}

/** The sockets where an engine may be, and the folders of settings that say where it is. */
function engineTests(dockerHost: string | undefined, env: Io['env']): string[][] {
  const named = /^unix:\/\/(\/.*)$/.exec(dockerHost ?? env.DOCKER_HOST ?? '')?.[1]
  const sockets = named === undefined ? ['/var/run/docker.sock', '/run/podman/podman.sock'] : [named]
  const folders = [env.HOME, env.XDG_RUNTIME_DIR, env.DOCKER_CONFIG, env.DOCKER_CERT_PATH]
  const isThere = (path: string | undefined): path is string => path?.startsWith('/') === true && existsSync(path)
  return [
    ...sockets.filter(isThere).map((path) => ['-w', path]),
    ...folders.filter(isThere).map((path) => ['-x', path]),
  ]
}

function writeTests(path: string): string[][] {
  const folder = nearestFolder(path)
  const tests = [
    ['-w', folder],
    ['-x', folder],
  ]
  return folder !== path && existsSync(path) ? [...tests, ['-w', path]] : tests
}

function nearestFolder(path: string): string {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  return isFolder || dirname(path) === path ? path : nearestFolder(dirname(path))
}
