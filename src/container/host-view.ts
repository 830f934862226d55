// What this machine shows of containers without asking the engine: processes, network namespaces, interfaces, bridges.
// An engine's process ids and interface names mean something only on its own machine, so each is checked before it is used.

import { createSocket } from 'node:dgram'
import { existsSync } from 'node:fs'
import { hostname, networkInterfaces, release, totalmem } from 'node:os'
import { delimiter, join } from 'node:path'
import { readBytes, readLink, readNames, readText } from '../core/kernel-files.ts'
import type { ListeningSocket } from '../core/ports.ts'
import { type InsideInterface, type ProcessFactsSource, ReadProcessFacts } from '../core/process-facts.ts'
import type { EngineMachine } from './engine.ts'
import { hasRoute, listeningPorts, listeningSockets } from './kernel-tables.ts'

export type { InsideInterface }

/** The answer is undefined, [] or false if this machine does not show it. */
export interface HostView {
  /** Looks at processes, and at their parents. What is asked of them is as it was then. */
  look(pids: readonly number[]): Promise<void>
  /** The process is visible here and belongs to this container. */
  belongsTo(pid: number, containerId: string): boolean
  /** The process that started this one: for a container's first process, a part of its engine. */
  parentOf(pid: number): number | undefined
  /** Whether a process is in our own network namespace; undefined when that cannot be told. */
  isInOurNetwork(pid: number): boolean | undefined
  /** The inode of a process's network namespace; without a pid, of our own. */
  namespaceOf(pid?: number): string | undefined
  interfacesInside(pid: number): InsideInterface[]
  /** The host's end of a container's veth pair, which must be a port of this bridge. */
  vethOf(inside: InsideInterface, bridge: string): string | undefined
  /** The same by the bridge's forwarding table, for a container whose process is not visible. */
  vethByForwarding(bridge: string, macAddress: string): string | undefined
  /** The bridge exists here and is the engine's: it has these subnets. */
  hasBridge(bridge: string, subnets: readonly string[]): boolean
  /** Sends a container something that it answers, so that the bridge learns where it is. */
  rouse(address: string): Promise<void>
  /** Why nsenter cannot be used on the process; undefined when it can. */
  whyNotEnter(pid: number): string | undefined
  /** Ports on which the processes listen. */
  listeningPorts(pids: readonly number[]): number[]
  /** Sockets that listen in the network namespace of the first of these, and which of them holds each, if one does. */
  listeningSockets(pids: readonly number[]): ListeningSocket[]
  /** Addresses of the host that the engine runs on, as far as they are known here. */
  hostAddresses(): string[]
}

/** What may be believed of this machine for an engine: everything if the engine runs in this machine's own network. */
export function viewFor(machine: EngineMachine, view: HostView): HostView {
  return !machine.rootless && isThisMachine(machine) ? view : new ElsewhereView(view)
}

function isThisMachine({ hostname: name, kernelVersion, memoryBytes }: EngineMachine): boolean {
  const sameMemory = Math.abs(memoryBytes - totalmem()) <= totalmem() * MEMORY_TOLERANCE
  return name === hostname() && kernelVersion === release() && sameMemory
}

/**
 * The view for an engine with a network of its own: on another machine, in a virtual machine, or rootless. Bridges and
 * addresses of the same names here are not the engine's. A process counts all the same if it is visible here and is the
 * container's: a rootless engine's processes are.
 */
class ElsewhereView implements HostView {
  readonly #view: HostView

  constructor(view: HostView) {
    this.#view = view
  }

  look(pids: readonly number[]): Promise<void> {
    return this.#view.look(pids)
  }

  belongsTo(pid: number, containerId: string): boolean {
    return this.#view.belongsTo(pid, containerId)
  }

  parentOf(pid: number): number | undefined {
    return this.#view.parentOf(pid)
  }

  /** The host's network is the engine's, so a process is in ours only if that is certain. */
  isInOurNetwork(pid: number): boolean {
    return this.#view.isInOurNetwork(pid) === true
  }

  namespaceOf(pid?: number): string | undefined {
    return this.#view.namespaceOf(pid)
  }

  interfacesInside(pid: number): InsideInterface[] {
    return this.#view.interfacesInside(pid)
  }

  vethOf(): undefined {
    return undefined
  }

  vethByForwarding(): undefined {
    return undefined
  }

  hasBridge(): boolean {
    return false
  }

  /** That address is another machine's here. */
  async rouse(): Promise<void> {}

  whyNotEnter(pid: number): string | undefined {
    return this.#view.whyNotEnter(pid)
  }

  listeningPorts(pids: readonly number[]): number[] {
    return this.#view.listeningPorts(pids)
  }

  listeningSockets(pids: readonly number[]): ListeningSocket[] {
    return this.#view.listeningSockets(pids)
  }

  hostAddresses(): string[] {
    return []
  }
}

/** The engine and Node ask the kernel in different ways. The answers differ by what the kernel keeps for itself. */
const MEMORY_TOLERANCE = 0.02
const FORWARDING_ENTRY_BYTES = 16
const CAP_SYS_ADMIN = 21n
const ROUSE_PORT = 9
const MAXIMUM_PROGRAM_CHARACTERS = 32
const ROUSE_WAIT_MILLIS = 120

/** Facts read on the spot. */
class OwnFacts implements ProcessFactsSource {
  readonly #proc: string

  constructor(proc: string) {
    this.#proc = proc
  }

  of(pid: number): ReadProcessFacts {
    return new ReadProcessFacts(pid, this.#proc)
  }

  async look(): Promise<void> {}

  mayEnterNamespaces(): boolean {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText(`${this.#proc}/self/status`))?.[1] ?? '0'
    return (BigInt(`0x${effective}`) & (1n << CAP_SYS_ADMIN)) !== 0n
  }
}

export class LinuxHostView implements HostView {
  readonly #proc: string
  readonly #net: string

  readonly #processes: ProcessFactsSource

  /** `processes`: default with the rights of this process. Other folders than /proc and /sys/class/net are for tests. */
  constructor(proc = '/proc', net = '/sys/class/net', processes: ProcessFactsSource = new OwnFacts(proc)) {
    this.#proc = proc
    this.#net = net
    this.#processes = processes
  }

  async look(pids: readonly number[]): Promise<void> {
    await this.#processes.look(pids.flatMap((pid) => [pid, this.parentOf(pid) ?? 0]))
  }

  belongsTo(pid: number, containerId: string): boolean {
    if (pid <= 0 || containerId.length < 12) return false
    // Engines put a container's id into the name of its cgroup, or of the files that they mount into it.
    return (
      readText(`${this.#proc}/${pid}/cgroup`).includes(containerId) ||
      this.#processes.of(pid).mounts.includes(containerId)
    )
  }

  namespaceOf(pid?: number): string | undefined {
    const link = pid === undefined ? readLink(`${this.#proc}/self/ns/net`) : this.#processes.of(pid).networkNamespace
    return /^net:\[(\d+)\]$/.exec(link)?.[1]
  }

  parentOf(pid: number): number | undefined {
    const parent = Number(/^PPid:\s*(\d+)$/m.exec(readText(`${this.#proc}/${pid}/status`))?.[1] ?? 0)
    return parent > 0 ? parent : undefined
  }

  isInOurNetwork(pid: number): boolean | undefined {
    const theirs = this.namespaceOf(pid)
    return theirs === undefined ? undefined : theirs === this.namespaceOf()
  }

  interfacesInside(pid: number): InsideInterface[] {
    return [...this.#processes.of(pid).interfaces]
  }

  vethOf(inside: InsideInterface, bridge: string): string | undefined {
    for (const name of this.#portsOf(bridge)) {
      const folder = `${this.#net}/${name}`
      if (Number(readText(`${folder}/ifindex`)) !== inside.linkIndex) continue
      // An index is unique only within its namespace, so both ends must name each other.
      return Number(readText(`${folder}/iflink`)) === inside.index ? name : undefined
    }
    return undefined
  }

  vethByForwarding(bridge: string, macAddress: string): string | undefined {
    const port = this.#forwardingPort(bridge, macAddress)
    if (port === undefined) return undefined
    return this.#portsOf(bridge).find((name) => Number(readText(`${this.#net}/${name}/brport/port_no`)) === port)
  }

  /** struct __fdb_entry of linux/if_bridge.h: address, port number, is local, ageing timer, upper part of the number. */
  #forwardingPort(bridge: string, macAddress: string): number | undefined {
    const table = readBytes(`${this.#net}/${bridge}/brforward`)
    const wanted = Buffer.from(macAddress.replaceAll(':', ''), 'hex')
    if (wanted.length !== 6) return undefined
    for (let at = 0; at + FORWARDING_ENTRY_BYTES <= table.length; at += FORWARDING_ENTRY_BYTES) {
      const isLocal = table[at + 7] !== 0
      if (!isLocal && table.subarray(at, at + 6).equals(wanted)) return table[at + 6]! | (table[at + 12]! << 8)
    }
    return undefined
  }

  #portsOf(bridge: string): string[] {
    return isInterfaceName(bridge) ? readNames(`${this.#net}/${bridge}/brif`) : []
  }

  hasBridge(bridge: string, subnets: readonly string[]): boolean {
    if (!isInterfaceName(bridge) || !existsSync(`${this.#net}/${bridge}/bridge`)) return false
    // The name br-ID has the network's id in it. Other names, such as docker0, are the same on every machine.
    if (/^br-[0-9a-f]{12}$/.test(bridge)) return true
    const routes = readText(`${this.#proc}/net/route`)
    return subnets.some((subnet) => hasRoute(routes, bridge, subnet))
  }

  rouse(address: string): Promise<void> {
    return new Promise((resolve) => {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
      socket.on('error', () => {})
      socket.send(Buffer.of(0), ROUSE_PORT, address, () => {
        setTimeout(() => {
          socket.close()
          resolve()
        }, ROUSE_WAIT_MILLIS)
      })
    })
  }

  whyNotEnter(pid: number): string | undefined {
    if (this.namespaceOf(pid) === undefined) {
      return 'its process is not visible here (in a container, tcpflow needs --pid host, and SYS_PTRACE for privileged containers)'
    }
    if (!this.#processes.mayEnterNamespaces()) {
      return 'entering a network namespace needs CAP_SYS_ADMIN (sudo; in a container: --cap-add SYS_ADMIN)'
    }
    return findProgram('nsenter') === undefined
      ? 'there is no nsenter here (Debian: apt install util-linux)'
      : undefined
  }

  listeningPorts(pids: readonly number[]): number[] {
    const sockets = pids.flatMap((pid) => this.#processes.of(pid).sockets)
    return listeningPorts(this.#proc, pids, new Set(sockets))
  }

  listeningSockets(pids: readonly number[]): ListeningSocket[] {
    const [first] = pids
    if (first === undefined) return []
    const tables = ['tcp', 'tcp6'].map((name) => readText(`${this.#proc}/${first}/net/${name}`))
    return tables.flatMap(listeningSockets).map(({ address, port, inode }) => {
      const holder = pids.find((pid) => this.#processes.of(pid).sockets.includes(inode))
      const process = holder === undefined ? '' : this.#programOf(holder)
      return { address, port, process }
    })
  }

  /** The name of what was started; a thread may have another (comm). */
  #programOf(pid: number): string {
    const [started = ''] = readText(`${this.#proc}/${pid}/cmdline`).split(/[\0 ]/)
    const name = started.slice(started.lastIndexOf('/') + 1).replace(/:$/, '')
    return name === '' ? readText(`${this.#proc}/${pid}/comm`).trim() : name.slice(0, MAXIMUM_PROGRAM_CHARACTERS)
  }

  hostAddresses(): string[] {
    return Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address))
  }
}

/** Whether the kernel would accept the name; it cannot be a path then. */
function isInterfaceName(name: string): boolean {
  return /^[^\s/]{1,15}$/.test(name) && name !== '.' && name !== '..'
}

export function findProgram(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return [...folders, '/usr/bin', '/bin', '/usr/sbin'].map((f) => join(f, name)).find((path) => existsSync(path))
}
