// The thread that fuzzes for main.ts: every target gets the same time, in turns, until it is ended from outside.

import { parentPort, workerData } from 'node:worker_threads'
import { usedMemoryBytes } from '../support/heap.ts'
import { ROUND, runRound, targets } from './registry.ts'

export interface FuzzWork {
  readonly seed: number
  /** Indices into `targets`. */
  readonly chosen: readonly number[]
  /** What is being run, for the watchdog: see PROGRESS. */
  readonly progress: SharedArrayBuffer
}

/** Elements of the Float64Array `progress`. */
export const PROGRESS = { target: 0, input: 1, executions: 2, elements: 3 }

export type FuzzMessage =
  | { readonly kind: 'memory'; readonly bytes: number }
  | { readonly kind: 'failure'; readonly target: string; readonly inputs: Uint8Array[]; readonly error: string }

const TURN_MILLIS = 500

async function fuzz(work: FuzzWork, tell: (message: FuzzMessage) => void): Promise<void> {
  const progress = new Float64Array(work.progress)
  const rounds = new Array<number>(targets.length).fill(0)
  for (;;) {
    for (const which of work.chosen) {
      const target = targets[which]!
      progress[PROGRESS.target] = which
      const turnEnd = performance.now() + TURN_MILLIS
      do {
        const failure = await runRound(target, work.seed, rounds[which]!++, (index) => {
          progress[PROGRESS.input] = index
        })
        progress[PROGRESS.executions] = progress[PROGRESS.executions]! + ROUND
        if (failure !== undefined) {
          const { error } = failure
          const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
          tell({ kind: 'failure', target: target.name, inputs: [...failure.inputs], error: text })
          return
        }
      } while (performance.now() < turnEnd)
    }
    tell({ kind: 'memory', bytes: await usedMemoryBytes() })
  }
}

if (parentPort !== null) {
  const port = parentPort
  await fuzz(workerData as FuzzWork, (message) => port.postMessage(message))
}
