// Linux capabilities (capabilities(7)): what this process holds, and the command that starts another one with fewer. Node can
// neither drop a capability nor set no_new_privs for itself, so a process is narrowed when it is started: by setpriv(1) of
// util-linux, and where the right to shrink the bounding set is missing (Docker's --cap-drop ALL) by capsh(1) of libcap.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** Number of each, linux/capability.h. */
const NUMBERS = {
  dac_override: 1,
  dac_read_search: 2,
  setgid: 6,
  setuid: 7,
  setpcap: 8,
  net_bind_service: 10,
  net_admin: 12,
  net_raw: 13,
  sys_ptrace: 19,
  sys_admin: 21,
} as const

export type Capability = keyof typeof NUMBERS

/** The sets of a process, as bits. */
export interface HeldRights {
  readonly userId: number
  readonly inheritable: bigint
  readonly permitted: bigint
  readonly effective: bigint
  readonly bounding: bigint
  readonly ambient: bigint
  readonly noNewPrivileges: boolean
}

/** Of this process; undefined where there is no procfs. */
export function heldRights(): HeldRights | undefined {
  try {
    return parseRights(readFileSync('/proc/self/status', 'latin1'))
  } catch {
    return undefined
  }
}

/** Out of the text of /proc/PID/status; undefined when it is none. */
export function parseRights(status: string): HeldRights | undefined {
  const set = (name: string): bigint =>
    BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`)
  const userId = /^Uid:\s*\d+\s+(\d+)/m.exec(status)?.[1]
  if (userId === undefined || !/^CapEff:/m.test(status)) return undefined
  return {
    userId: Number(userId),
    inheritable: set('CapInh'),
    permitted: set('CapPrm'),
    effective: set('CapEff'),
    bounding: set('CapBnd'),
    ambient: set('CapAmb'),
    noNewPrivileges: /^NoNewPrivs:\s*1$/m.test(status),
  }
}

export function bitsOf(capabilities: readonly Capability[]): bigint {
  return capabilities.reduce((bits, name) => bits | (1n << BigInt(NUMBERS[name])), 0n)
}

export function hasCapability(set: bigint, capability: Capability): boolean {
  return (set & bitsOf([capability])) !== 0n
}

/**
 * What to put in front of a command so that it runs with no capability but those of `keep` that this process holds, and can
 * gain none (no_new_privs). [] where there is nothing to take away, or no way to do it: no setpriv, or capabilities that
 * come from Node's own file (setcap), which a command in front of it would lose.
 */
export function narrowingWrapper(keep: readonly Capability[] | 'all', held = heldRights()): string[] {
  if (held === undefined || !hasSetpriv()) return []
  if (keep === 'all') return held.noNewPrivileges ? [] : ['setpriv', '--no-new-privs']
  const isRoot = held.userId === 0
  const kept = keep.filter((name) => hasCapability(isRoot ? held.permitted & held.bounding : held.ambient, name))
  const bits = bitsOf(kept)
  const wanted = ['-all', ...kept.map((name) => `+${name}`)].join(',')
  if (!isRoot) {
    if (held.ambient === 0n || held.ambient === bits) return []
    return ['setpriv', `--ambient-caps=${wanted}`, `--inh-caps=${wanted}`, '--no-new-privs']
  }
  if (held.permitted === bits && held.inheritable === 0n && held.noNewPrivileges) return []
  if (hasCapability(held.effective, 'setpcap')) {
    return ['setpriv', `--bounding-set=${wanted}`, '--inh-caps=-all', '--no-new-privs']
  }
  const last = ['setpriv', '--no-new-privs']
  if (held.permitted === bits || !existsSync(CAPSH)) return held.noNewPrivileges ? [] : last
  // A capability that root gives up does not come back with the next exec, because of no_new_privs.
  const names = kept.map((name) => `cap_${name}`).join(',')
  return [...last, CAPSH, `--caps=${names === '' ? '' : `${names}=ep`}`, '--shell=/usr/bin/env', '--']
}

const CAPSH = '/usr/sbin/capsh'
let setprivWorks: boolean | undefined

/** The one of util-linux; BusyBox has another of this name. */
function hasSetpriv(): boolean {
  setprivWorks ??= spawnSync('setpriv', ['--no-new-privs', '--inh-caps=-all', 'true']).status === 0
  return setprivWorks
}
