// Further engines beside the machine's own: a second dockerd here, one that is as good as on another machine, and a
// rootless one of a user made for it. Each has its data, sockets and processes for itself, and nothing is left of it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from './engine-ways.ts'
import type { Cleanup } from './netns.ts'

export interface SecondEngine {
  /** Its Unix socket. */
  readonly socket: string
  /** Its own command with its options. */
  readonly command: readonly string[]
  docker(...args: string[]): string
}

export interface RootlessEngine extends SecondEngine {
  /** Put in front of a command, runs it as the user whose engine it is. */
  readonly wrapper: readonly string[]
  /** The user's own. */
  readonly home: string
}

const START_MILLIS = 60_000
const STOP_MILLIS = 20_000
const ROOTLESS_SCRIPTS = ['/usr/share/docker.io/contrib/dockerd-rootless.sh', '/usr/bin/dockerd-rootless.sh']

let made = 0

/** Why there can be no rootless engine here; undefined when there can. */
export function whyNoRootlessEngine(): string | undefined {
  if (process.geteuid?.() !== 0) return 'making a user needs root'
  if (!ROOTLESS_SCRIPTS.some((path) => existsSync(path))) return 'there is no dockerd-rootless.sh (docker.io)'
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun here'
  const missing = ['rootlesskit', 'slirp4netns', 'newuidmap', 'useradd', 'setpriv', 'iptables'].filter(
    (name) => spawnSync('sh', ['-c', 'command -v "$0"', name]).status !== 0,
  )
  return missing.length === 0 ? undefined : `${missing.join(', ')} not installed`
}

/** On a file system that overlayfs can stand on. */
function folderFor(what: string): string {
  const folder = mkdtempSync(`/var/tmp/tcpflow-${what}-`)
  chmodSync(folder, 0o755)
  return folder
}

/**
 * On this machine and in its network, with a bridge of its own; its firewall is left alone. Listens on `port` of loopback,
 * too.
 */
export async function secondEngine(t: Cleanup, port: number): Promise<SecondEngine & { readonly bridge: string }> {
  const bridge = `tfd${process.pid % 1_000_000}b${made++}`
  run('ip', 'link', 'add', bridge, 'type', 'bridge')
  run('ip', 'addr', 'add', `10.216.${process.pid % 250}.1/24`, 'dev', bridge)
  run('ip', 'link', 'set', bridge, 'up')
  const folder = folderFor('dockerd')
  const flags = ['--bridge', bridge, '--iptables=false', '--ip-masq=false', '-H', `tcp://127.0.0.1:${port}`]
  const dockerd = ['dockerd', ...ownPlaces(folder), ...flags]
  // What it mounts goes with its mount namespace.
  const engine = await startEngine(t, folder, ['unshare', '--mount', ...dockerd], () => {
    spawnSync('ip', ['link', 'del', bridge])
  })
  return { ...engine, bridge }
}

/**
 * As good as on another machine: with a host name, processes, interfaces and mounts of its own. Its docker0 has the name
 * and the addresses of the one here.
 */
export async function engineElsewhere(t: Cleanup, hostname: string): Promise<SecondEngine> {
  const folder = folderFor('elsewhere')
  const script = 'hostname "$0"; ip link set lo up; exec dockerd "$@"'
  const namespaces = ['--mount', '--uts', '--net', '--pid', '--fork', '--mount-proc', '--kill-child=KILL']
  const command = ['unshare', ...namespaces, 'sh', '-c', script, hostname, ...ownPlaces(folder)]
  // unshare itself is deaf to the others.
  return await startEngine(t, folder, command, () => {}, undefined, 'SIGKILL')
}

/** As Debian's package has it, by a user who is nobody else and who is removed with it. */
export async function rootlessEngine(t: Cleanup): Promise<RootlessEngine> {
  const home = folderFor('rootless')
  const user = `tfrl${process.pid % 1_000_000}u${made++}`
  run('useradd', '-M', '-d', home, '-s', '/bin/sh', user)
  const userId = Number(run('id', '-u', user))
  const runtime = join(home, 'run')
  mkdirSync(runtime)
  for (const folder of [home, runtime]) chownSync(folder, userId, userId)
  chmodSync(runtime, 0o700)
  const wrapper = ['setpriv', '--reuid', user, '--regid', user, '--init-groups', 'env', '-i']
  wrapper.push(`HOME=${home}`, `XDG_RUNTIME_DIR=${runtime}`, `PATH=${process.env.PATH}:/usr/sbin:/sbin`)
  const dockerd = ROOTLESS_SCRIPTS.find((path) => existsSync(path))!
  const socket = join(runtime, 'docker.sock')
  // Where /dev/net/tun is root's alone, its users get one of their own; nobody else sees that.
  const script = `mknod -m 666 "$0" c 10 200 && mount --bind "$0" /dev/net/tun && exec "$@"`
  const command = ['unshare', '--mount', 'sh', '-c', script, join(home, 'tun'), ...wrapper, 'sh', dockerd]
  const engine = await startEngine(
    t,
    home,
    [...command, '-H', `unix://${socket}`],
    () => {
      endProcessesOf(user)
      spawnSync('userdel', [user])
    },
    socket,
  )
  return { ...engine, wrapper, home }
}

function ownPlaces(folder: string): string[] {
  const places = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')]
  return [...places, '--pidfile', join(folder, 'pid'), '-H', `unix://${join(folder, 's')}`]
}

async function startEngine(
  t: Cleanup,
  folder: string,
  command: readonly string[],
  afterwards: () => void,
  socket = join(folder, 's'),
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<SecondEngine> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000)
    })
  }
  const own = ['docker', '-H', `unix://${socket}`]
  t.after(async () => {
    const ids = spawnSync(own[0]!, [...own.slice(1), 'ps', '-aq'], { encoding: 'utf8' }).stdout.trim()
    if (ids !== '') spawnSync(own[0]!, [...own.slice(1), 'rm', '-f', ...ids.split('\n')])
    await end(child, signal)
    afterwards()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  })
  for (const deadline = Date.now() + START_MILLIS; ; await sleep(100)) {
    if (spawnSync(own[0]!, [...own.slice(1), 'version']).status === 0) break
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${command.join(' ')}: ${said}`)
  }
  return { socket, command: own, docker: (...args) => run(own[0]!, ...own.slice(1), ...args) }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.on('close', resolve))
  child.kill(signal)
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MILLIS)
  await ended
  clearTimeout(late)
}

/** Of a user that was made here, and has none but those. */
function endProcessesOf(user: string): void {
  const listed = spawnSync('ps', ['-u', user, '-o', 'pid='], { encoding: 'utf8' }).stdout
  for (const pid of listed.trim().split(/\s+/)) if (pid !== '') spawnSync('kill', ['-9', pid])
}

/** The image of one engine in another, as `docker save` and `docker load` hand it on. */
export function copyImage(image: string, { command }: SecondEngine): void {
  const script = 'image=$0; docker save "$image" | "$@" load -q'
  const { status, stderr } = spawnSync('sh', ['-c', script, image, ...command], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the image cannot be copied: ${stderr}`)
}
