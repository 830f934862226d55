// npm run fuzz [-- [SECONDS] [--seed N] [--only TARGET] | --replay FILE]: fuzzes until it is told to stop or something
// fails. A thread does the work; this one watches for what hangs or grows, and keeps what failed.

import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { readFailure, writeFailure } from './failures.ts'
import { inputsUpTo, replay, targets } from './registry.ts'
import { type FuzzMessage, type FuzzWork, PROGRESS } from './worker.ts'

const REPORT_MILLIS = 5000
/** An input takes milliseconds: what takes this long hangs. */
const HANG_MILLIS = 15_000
/** Memory in use may be so much more than after every target's first turn. */
const GROWTH_BYTES = 96 * 1024 * 1024
const WORKER_HEAP_MEGABYTES = 1024

/** A thread does not take over `--import tsx`. */
const WORKER_PROGRAM = `
import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(({ register }) => {
  register()
  return import(${JSON.stringify(new URL('./worker.ts', import.meta.url))})
})`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, only: { type: 'string' }, replay: { type: 'string' } },
})

async function replayFile(path: string): Promise<void> {
  const { target, inputs } = readFailure(path)
  console.log(`${target.name}: ${inputs.length} input${inputs.length === 1 ? '' : 's'}`)
  const error = await replay(target, inputs)
  console.log(error ?? 'does not fail')
  process.exitCode = error === undefined ? 0 : 1
}

function fuzzOn(): void {
  const seconds = Number(positionals[0] ?? Number.POSITIVE_INFINITY)
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  const chosen = [...targets.keys()].filter((i) => values.only === undefined || targets[i]!.name === values.only)
  if (!(seconds > 0) || !Number.isInteger(seed) || chosen.length === 0) {
    console.error(`fuzz [SECONDS] [--seed N] [--only ${targets.map(({ name }) => name).join('|')}] [--replay FILE]`)
    process.exit(2)
  }
  console.log(`seed ${seed}: ${chosen.map((i) => targets[i]!.name).join(', ')}`)
  new FuzzWatch(seed, chosen, seconds)
}

class FuzzWatch {
  readonly #seed: number
  readonly #progress: Float64Array
  readonly #worker: Worker
  readonly #startMillis = performance.now()
  readonly #endMillis: number
  #memoryBytes = 0
  #firstMemoryBytes = 0
  #reportedExecutions = 0
  #reportedMillis = this.#startMillis
  /** What ran when last looked, and since when. */
  #running = ''
  #runningMillis = this.#startMillis

  constructor(seed: number, chosen: readonly number[], seconds: number) {
    this.#seed = seed
    this.#endMillis = this.#startMillis + seconds * 1000
    const progress = new SharedArrayBuffer(PROGRESS.elements * 8)
    this.#progress = new Float64Array(progress)
    const workerData: FuzzWork = { seed, chosen, progress }
    this.#worker = new Worker(WORKER_PROGRAM, {
      eval: true,
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MEGABYTES },
    })
    this.#worker.on('message', (message: FuzzMessage) => this.#onMessage(message))
    this.#worker.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') throw error
      this.#failInMidInput(`out of memory: more than ${WORKER_HEAP_MEGABYTES} MB`)
    })
    setInterval(() => this.#look(), 500)
    process.on('SIGINT', () => this.#end(0))
  }

  #onMessage(message: FuzzMessage): void {
    if (message.kind === 'failure') {
      this.#keep(message.target, message.inputs, message.error)
      return
    }
    this.#memoryBytes = message.bytes
    this.#firstMemoryBytes ||= message.bytes
    if (message.bytes > this.#firstMemoryBytes + GROWTH_BYTES) {
      console.error(`memory in use has grown from ${megabytes(this.#firstMemoryBytes)} to ${megabytes(message.bytes)}`)
      this.#end(1)
    }
  }

  #look(): void {
    const now = performance.now()
    const running = `${this.#progress[PROGRESS.target]} ${this.#progress[PROGRESS.input]}`
    if (running !== this.#running) {
      this.#running = running
      this.#runningMillis = now
    } else if (now - this.#runningMillis > HANG_MILLIS) {
      this.#failInMidInput(`hangs: one input has taken more than ${HANG_MILLIS / 1000} s`)
    }
    if (now - this.#reportedMillis > REPORT_MILLIS) this.#report(now)
    if (now > this.#endMillis) this.#end(0)
  }

  #report(now: number): void {
    const executions = this.#progress[PROGRESS.executions]!
    const rate = ((executions - this.#reportedExecutions) * 1000) / (now - this.#reportedMillis)
    const memory = `${megabytes(this.#memoryBytes)} in use, ${megabytes(process.memoryUsage.rss())} resident`
    console.log(`seed ${this.#seed}: ${executions} executions, ${rate.toFixed(0)} a second, ${memory}`)
    this.#reportedExecutions = executions
    this.#reportedMillis = now
  }

  /** The thread cannot say what it was about, but it can be made again. */
  #failInMidInput(what: string): void {
    const target = targets[this.#progress[PROGRESS.target]!]!
    this.#keep(target.name, inputsUpTo(target, this.#seed, this.#progress[PROGRESS.input]!), what)
  }

  #keep(targetName: string, inputs: readonly Uint8Array[], what: string): void {
    const path = writeFailure(targetName, inputs)
    console.error(`\n${targetName} (seed ${this.#seed}): ${what}\n\nagain: npm run fuzz -- --replay ${path}`)
    this.#end(1)
  }

  #end(exitCode: number): void {
    const executions = this.#progress[PROGRESS.executions]!
    const seconds = (performance.now() - this.#startMillis) / 1000
    console.log(`${executions} executions in ${seconds.toFixed(0)} s, ${exitCode === 0 ? 'none' : 'one'} failed`)
    process.exit(exitCode)
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`
}

if (values.replay !== undefined) await replayFile(values.replay)
else fuzzOn()
