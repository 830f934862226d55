// Processor time of a running process and of all that it started, from /proc.

import { readdirSync, readFileSync } from 'node:fs'

const CLOCK_TICKS_PER_SECOND = 100

/** Of one process, all of its threads. */
export interface ProcessTime {
  readonly pid: number
  readonly arguments: readonly string[]
  readonly userSeconds: number
  readonly systemSeconds: number
  readonly peakMegabytes: number
}

/** The process `root` and its descendants that are running now, in the order of their start. */
export function processTimes(root: number): ProcessTime[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const fields = statFields(pid)
    if (fields !== undefined) parents.set(pid, Number(fields[1]))
  }
  const found = [root]
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child)
  return found.flatMap((pid) => timeOf(pid) ?? [])
}

function timeOf(pid: number): ProcessTime | undefined {
  const fields = statFields(pid)
  if (fields === undefined) return undefined
  try {
    return {
      pid,
      arguments: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'),
      userSeconds: Number(fields[11]) / CLOCK_TICKS_PER_SECOND,
      systemSeconds: Number(fields[12]) / CLOCK_TICKS_PER_SECOND,
      peakMegabytes: Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
    }
  } catch {
    return undefined
  }
}

/** What stands behind the name: state, parent … */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
