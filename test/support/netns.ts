// Network namespaces for tests with real traffic: two hosts joined by a virtual cable, apart from the machine's own network.
// They are removed after the test, and at the latest when the test process ends.

import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'

/** A test's context, for the clean-up. */
export interface Cleanup {
  after(fn: () => unknown): void
}

export interface Host {
  /** Name of the namespace, unique on the machine. */
  readonly namespace: string
  /** The end of the cable here: `eth0`. There is `lo` too. */
  readonly interfaceName: string
  readonly ipv4: string
  readonly ipv6: string
  /** Put in front of a command, runs it there (with the namespace's own sysfs). */
  readonly wrapper: readonly string[]
  /** Runs a command there to its end; throws when it fails. Returns what it printed. */
  run(command: string, ...args: string[]): string
  /** Starts a command there; it is killed with the namespace if it has not ended by then. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess
}

export interface HostPair {
  readonly client: Host
  readonly server: Host
  /** Pulls the cable for good: both ends vanish. */
  removeCable(): void
  /** Called automatically after the test. */
  remove(): void
}

/** Why there can be no namespaces here; undefined when there can. For `t.skip`, and aloud. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux'
  if (process.geteuid?.() !== 0) return 'network namespaces need root'
  if (spawnSync('ip', ['-V']).status !== 0) return 'ip (iproute2) is not installed'
  const probe = `tf${process.pid}probe`
  if (spawnSync('ip', ['netns', 'add', probe]).status !== 0) return 'this machine allows no network namespaces'
  spawnSync('ip', ['netns', 'del', probe])
  return undefined
}

let made = 0

/** Two hosts, 10.9.0.1 (client) and 10.9.0.2 (server), with IPv6 fd09::1 and fd09::2. */
export function makeHostPair(t: Cleanup): HostPair {
  const prefix = `tf${process.pid}n${++made}`
  const client = makeHost(`${prefix}a`, 1)
  const server = makeHost(`${prefix}b`, 2)
  const running = [client.running, server.running]
  let removed = false
  const remove = (): void => {
    if (removed) return
    removed = true
    process.off('exit', remove)
    for (const child of running.flat()) child.kill('SIGKILL')
    spawnSync('ip', ['netns', 'del', client.host.namespace])
    spawnSync('ip', ['netns', 'del', server.host.namespace])
  }
  process.on('exit', remove)
  t.after(remove)
  ip('netns', 'add', client.host.namespace)
  ip('netns', 'add', server.host.namespace)
  ip(
    ...['link', 'add', 'eth0', 'netns', client.host.namespace, 'type', 'veth'],
    ...['peer', 'name', 'eth0', 'netns', server.host.namespace],
  )
  for (const { host } of [client, server]) configure(host)
  return {
    client: client.host,
    server: server.host,
    removeCable: () => ip('-n', client.host.namespace, 'link', 'del', 'eth0'),
    remove,
  }
}

function makeHost(namespace: string, number: number): { host: Host; running: ChildProcess[] } {
  const wrapper = ['ip', 'netns', 'exec', namespace]
  const running: ChildProcess[] = []
  const host: Host = {
    namespace,
    interfaceName: 'eth0',
    ipv4: `10.9.0.${number}`,
    ipv6: `fd09::${number}`,
    wrapper,
    run: (command, ...args) => must(...wrapper, command, ...args),
    spawn(command, args, options = { stdio: 'ignore' }) {
      const child = spawn('ip', ['netns', 'exec', namespace, command, ...args], options)
      running.push(child)
      return child
    },
  }
  return { host, running }
}

function configure({ namespace, interfaceName, ipv4, ipv6 }: Host): void {
  ip('-n', namespace, 'link', 'set', 'lo', 'up')
  ip('-n', namespace, 'addr', 'add', `${ipv4}/24`, 'dev', interfaceName)
  // no duplicate address detection, because that takes a second
  ip('-n', namespace, 'addr', 'add', `${ipv6}/64`, 'dev', interfaceName, 'nodad')
  ip('-n', namespace, 'link', 'set', interfaceName, 'up')
}

function ip(...args: string[]): void {
  must('ip', ...args)
}

function must(...argv: string[]): string {
  const [command, ...args] = argv
  const { status, stdout, stderr, error } = spawnSync(command!, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${error?.message ?? stderr}`)
  return stdout
}
