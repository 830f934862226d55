// A request for what /proc shows of a container's process to those who may trace it.

import { type ProcessFacts, ReadProcessFacts } from '../../core/process-facts.ts'
import { hasCapability, heldRights } from '../capabilities.ts'
import type { RequestKind } from './kind.ts'

const MAXIMUM_PID = 2 ** 22
// Bounds, because a process can have any number of these and an answer is one line (MAXIMUM_LINE_CHARACTERS).
const MAXIMUM_MOUNT_CHARACTERS = 131_072
const MAXIMUM_INTERFACES = 1000
const MAXIMUM_SOCKETS = 20_000

export interface InspectRequest {
  readonly pid: number
}

export interface InspectAnswer extends ProcessFacts {
  /** The broker may enter network namespaces. */
  readonly mayEnter: boolean
}

export const inspectProcess = {
  type: 'inspect-process',
  // DAC_READ_SEARCH, because /proc/PID/fd is readable by the process's user only.
  capabilities: ['sys_ptrace', 'dac_read_search'],
  check(value): InspectRequest | string {
    if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return 'not a process'
    const { pid } = value as Record<string, unknown>
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1 || pid > MAXIMUM_PID) return 'not a process'
    return { pid }
  },
  answer({ pid }): InspectAnswer {
    const { networkNamespace, mounts, interfaces, sockets } = new ReadProcessFacts(pid)
    return {
      networkNamespace,
      mounts: mounts.slice(0, MAXIMUM_MOUNT_CHARACTERS),
      interfaces: interfaces.slice(0, MAXIMUM_INTERFACES),
      sockets: sockets.slice(0, MAXIMUM_SOCKETS),
      mayEnter: hasCapability(heldRights()?.effective ?? 0n, 'sys_admin'),
    }
  },
} as const satisfies RequestKind<InspectRequest>
