// The fuzz targets with fixed seeds, and that the fuzzing itself can find something. `npm run fuzz` goes on for ever.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { usedMemoryBytes } from '../support/heap.ts'
import { readFailure, writeFailure } from './failures.ts'
import { inputOf, ROUND, replay, runRound, targets } from './registry.ts'
import type { FuzzTarget } from './target.ts'

const SEED = 20_260_101
/** Rounds of about a second and a half together for each target. */
const ROUNDS: Readonly<Record<string, number>> = {
  frames: 36,
  savefiles: 6,
  compressed: 2,
  segments: 28,
  http: 5,
  sanitizer: 36,
  sinks: 12,
  bpf: 28,
  diagnosis: 6,
}
/** Between a quarter of the way and the end: code that is compiled meanwhile takes a few. */
const MAXIMUM_GROWTH_BYTES = 24 * 1024 * 1024
/** For one target, where a second or two is usual. */
const HANG_MILLIS = 120_000

for (const target of targets) {
  const rounds = ROUNDS[target.name] ?? 8
  test(`${target.name}: ${rounds * ROUND} inputs, no throw, hang or growth`, { timeout: HANG_MILLIS }, async () => {
    let early = 0
    for (let round = 0; round < rounds; round++) {
      const failure = await runRound(target, SEED, round)
      if (failure !== undefined) {
        const path = writeFailure(target.name, failure.inputs)
        console.error(`again: npm run fuzz -- --replay ${path}`)
        throw failure.error
      }
      if (round === rounds >> 2) early = await usedMemoryBytes()
    }
    const growth = (await usedMemoryBytes()) - early
    assert.ok(growth < MAXIMUM_GROWTH_BYTES, `memory in use has grown by ${growth} bytes`)
  })
}

/** Fails at the second input that begins with a 7, since its runner began. */
const brittle: FuzzTarget = {
  name: 'frames',
  generate: (random) => Buffer.from([random.below(10)]),
  start() {
    let sevens = 0
    return ([first]) => {
      if (first === 7 && ++sevens === 2) throw new RangeError('two sevens')
    }
  },
}

test('what fails is found, kept and found again', async (t) => {
  const failure = await runRound(brittle, SEED, 3)
  assert.ok(failure?.error instanceof RangeError)
  const sevens = (inputs: readonly Buffer[]) => inputs.filter(([first]) => first === 7).length
  assert.equal(sevens(failure.inputs), 2)
  const path = writeFailure(brittle.name, failure.inputs)
  t.after(() => rmSync(path))
  const { target, inputs } = readFailure(path)
  assert.equal(target, targets[0])
  assert.deepEqual(inputs, failure.inputs)
  assert.match(String(await replay(brittle, inputs)), /two sevens/)
  assert.equal(await replay(brittle, inputs.slice(1 + inputs.findIndex(([first]) => first === 7))), undefined)
})

test('inputs depend on seed, target and number only', () => {
  for (const target of targets) {
    assert.deepEqual(inputOf(target, 1, 5), inputOf(target, 1, 5), target.name)
    assert.notDeepEqual(inputOf(target, 1, 5), inputOf(target, 2, 5), target.name)
  }
})
