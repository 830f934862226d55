// Every fuzz target, and how it is run: one input after another, in rounds that begin with a fresh runner.

import { randomFor } from './random.ts'
import type { FuzzRunner, FuzzTarget } from './target.ts'
import { bpf } from './targets/bpf.ts'
import { compressed } from './targets/compressed.ts'
import { diagnosis } from './targets/diagnosis.ts'
import { frames } from './targets/frames.ts'
import { http } from './targets/http.ts'
import { sanitizer } from './targets/sanitizer.ts'
import { savefiles } from './targets/savefiles.ts'
import { segments } from './targets/segments.ts'
import { sinks } from './targets/sinks.ts'

export const targets: readonly FuzzTarget[] = [
  frames,
  savefiles,
  compressed,
  segments,
  http,
  sanitizer,
  sinks,
  bpf,
  diagnosis,
]

/** Inputs that one runner takes: enough for state to build up, few enough to keep and to try again. */
export const ROUND = 256

/** The input of that number; a round is the inputs from a multiple of ROUND on. */
export function inputOf(target: FuzzTarget, seed: number, index: number): Buffer {
  return target.generate(randomFor(seed, target.name, index))
}

/** Inputs that together, run one after the other by a fresh runner, make `target` fail, and how. */
export interface FuzzFailure {
  readonly target: FuzzTarget
  readonly inputs: readonly Buffer[]
  readonly error: unknown
}

/** Runs a whole round; `onInput` is told the number of each input before it runs. */
export async function runRound(
  target: FuzzTarget,
  seed: number,
  round: number,
  onInput: (index: number) => void = () => {},
): Promise<FuzzFailure | undefined> {
  const run = target.start()
  for (let index = round * ROUND; index < (round + 1) * ROUND; index++) {
    onInput(index)
    const error = await failureOf(run, inputOf(target, seed, index))
    if (error !== undefined) return { target, inputs: await smallestSequence(target, seed, index), error }
  }
  return undefined
}

/** Alone if that fails, else everything that its runner had before. */
async function smallestSequence(target: FuzzTarget, seed: number, index: number): Promise<Buffer[]> {
  const last = inputOf(target, seed, index)
  if ((await failureOf(target.start(), last)) !== undefined) return [last]
  return inputsUpTo(target, seed, index)
}

/** All inputs of a round up to that one. */
export function inputsUpTo(target: FuzzTarget, seed: number, index: number): Buffer[] {
  const first = index - (index % ROUND)
  return Array.from({ length: index - first + 1 }, (_, i) => inputOf(target, seed, first + i))
}

/** Runs recorded inputs again. */
export async function replay(target: FuzzTarget, inputs: readonly Buffer[]): Promise<unknown> {
  const run = target.start()
  for (const input of inputs) {
    const error = await failureOf(run, input)
    if (error !== undefined) return error
  }
  return undefined
}

async function failureOf(run: FuzzRunner, input: Buffer): Promise<unknown> {
  try {
    await run(input)
    return undefined
  } catch (error) {
    return error ?? new Error('threw nothing')
  }
}
