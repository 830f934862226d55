// Times whole processes side by side. Machines are noisy: what counts is the median of the ratios of neighbouring runs.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** One finished process. */
export interface Run {
  wallSeconds: number
  /** User and system time, sampled: a lower bound that is off by at most one sample. */
  cpuSeconds: number
  /** The user's part of it. */
  userSeconds: number
  peakMemoryMegabytes: number
  exitCode: number | null
}

/** A command line, with the folder to run it in and what to do before each run. */
export interface Command {
  argv: readonly string[]
  cwd?: string
  before?: () => void
  /** Descriptor for standard output; without one it is thrown away. */
  stdout?: number
}

const CLOCK_TICKS_PER_SECOND = 100

/** Runs a command and waits; peak memory and CPU come from /proc of that very process. */
export function runOnce(command: Command): Promise<Run> {
  command.before?.()
  const [program, ...args] = command.argv
  const start = process.hrtime.bigint()
  const child = spawn(program!, args, {
    stdio: ['ignore', command.stdout ?? 'ignore', 'ignore'],
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
  })
  let peakMemoryMegabytes = 0
  let cpuSeconds = 0
  let userSeconds = 0
  const sample = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      peakMemoryMegabytes = Math.max(peakMemoryMegabytes, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
      userSeconds = Number(stat[11]) / CLOCK_TICKS_PER_SECOND
      cpuSeconds = userSeconds + Number(stat[12]) / CLOCK_TICKS_PER_SECOND
    } catch {
      // gone already: the last sample stands
    }
  }, 10)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exitCode) => {
      clearInterval(sample)
      const wallSeconds = Number(process.hrtime.bigint() - start) / 1e9
      resolve({ wallSeconds, cpuSeconds, userSeconds, peakMemoryMegabytes, exitCode })
    })
  })
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export interface Comparison {
  ours: Run[]
  theirs: Run[]
  /** Median of theirs/ours, run by run: 5 means five times as fast. */
  speedup: number
}

/** The two in turn, ours then theirs, `rounds` times, so that a slow moment of the machine hits both. */
export async function compare(ours: Command, theirs: Command, rounds: number): Promise<Comparison> {
  const result: Comparison = { ours: [], theirs: [], speedup: 0 }
  for (let i = 0; i < rounds; i++) {
    result.ours.push(await checked(ours))
    result.theirs.push(await checked(theirs))
  }
  result.speedup = median(result.ours.map((run, i) => result.theirs[i]!.wallSeconds / run.wallSeconds))
  return result
}

async function checked(command: Command): Promise<Run> {
  const run = await runOnce(command)
  if (run.exitCode !== 0) throw new Error(`${command.argv.join(' ')} ended with ${run.exitCode}`)
  return run
}
