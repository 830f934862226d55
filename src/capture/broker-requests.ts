// The requests that the broker knows, one file for each kind. To add one, write its file and its line here.

import { readlinkSync } from 'node:fs'
import { enterNamespace, openInterface, openNetfilterQueue } from './broker-requests/capture.ts'
import { openContainerFile } from './broker-requests/container-file.ts'
import { inspectProcess } from './broker-requests/inspect-process.ts'
import type { RequestKind } from './broker-requests/kind.ts'
import { type Capability, hasCapability, heldRights } from './capabilities.ts'

const REQUEST_KINDS = [openInterface, openNetfilterQueue, enterNamespace, inspectProcess, openContainerFile] as const

export type RequestType = (typeof REQUEST_KINDS)[number]['type']

/** undefined: there is no such kind. */
export function requestKind(type: unknown): RequestKind | undefined {
  return REQUEST_KINDS.find((kind) => kind.type === type) as RequestKind | undefined
}

/** The capabilities that a broker needs, of those in `held`; 'all' for everything that it has. */
export function capabilitiesOf(types: readonly RequestType[], held = heldRights()): Capability[] | 'all' {
  const needed = [...new Set(types.flatMap((type) => requestKind(type)?.capabilities ?? []))]
  // Without SYS_PTRACE one may look only at processes that hold no more than oneself (ptrace(2)): Docker's --pid host.
  const looksWithout =
    needed.includes('sys_ptrace') && held !== undefined && !hasCapability(held.permitted, 'sys_ptrace')
  return looksWithout && seesHostProcesses() ? 'all' : needed
}

function seesHostProcesses(): boolean {
  try {
    return readlinkSync('/proc/self/ns/pid') === FIRST_PID_NAMESPACE
  } catch {
    return false
  }
}

/** PROC_PID_INIT_INO of linux/proc_ns.h. */
const FIRST_PID_NAMESPACE = `pid:[${0xef_ff_ff_fc}]`
