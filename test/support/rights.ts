// What the kernel says that processes may do: /proc/PID/status, of a run's processes by what they are.

import { readdirSync, readFileSync } from 'node:fs'
import { type HeldRights, parseRights } from '../../src/capture/capabilities.ts'

export const NET_RAW = 1n << 13n

export type Role = 'parser' | 'broker' | 'child'

/** Rights of the run whose first process is `pid`, of every thread of it: they must be the same. */
export function rightsOfRun(pid: number): Partial<Record<Role, HeldRights>> {
  const found: Partial<Record<Role, HeldRights>> = {}
  for (const each of [pid, ...descendants(pid)]) {
    const role = roleOf(each)
    if (role === undefined) continue
    if (found[role] !== undefined) throw new Error(`two processes are the ${role}`)
    found[role] = rightsOf(each)
  }
  return found
}

export function rightsOf(pid: number): HeldRights {
  const all = readdirSync(`/proc/${pid}/task`).map((thread) =>
    parseRights(readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1')),
  )
  const texts = new Set(all.map((rights) => Object.values(rights ?? {}).join()))
  if (texts.size !== 1 || all[0] === undefined) throw new Error(`threads of ${pid} differ: ${[...texts].join(' / ')}`)
  return all[0]
}

function roleOf(pid: number): Role | undefined {
  const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  if (command.includes('capture-child')) return 'child'
  if (command.includes('capture-broker')) return 'broker'
  return /tcpflow\.js\0/.test(command) ? 'parser' : undefined
}

function descendants(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  )
  return children.flatMap((child) => [child, ...descendants(child)])
}

/** For comparing: effective, permitted, bounding as names of bits. */
export function sets({ effective, permitted, inheritable, ambient, bounding, noNewPrivileges }: HeldRights) {
  return { effective, permitted, inheritable, ambient, bounding, noNewPrivileges }
}

/** A root process that holds exactly `bits` and can gain nothing. */
export function exactly(bits: bigint) {
  return { effective: bits, permitted: bits, inheritable: 0n, ambient: 0n, bounding: bits, noNewPrivileges: true }
}
