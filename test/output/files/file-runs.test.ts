import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addRun, type Run } from '../../../src/output/files/file-runs.ts'

test('runs are those of a bitmap, whatever the order', () => {
  const run = fc.record({ offset: fc.nat(60), length: fc.integer({ min: 1, max: 12 }) })
  fc.assert(
    fc.property(fc.array(run, { maxLength: 25 }), (added) => {
      const runs: Run[] = []
      const map = Array.from({ length: 80 }, () => false)
      for (const { offset, length } of added) {
        addRun(runs, offset, length)
        map.fill(true, offset, offset + length)
      }
      const expected: Run[] = []
      map.forEach((written, at) => {
        if (written && !map[at - 1]) expected.push({ offset: at, length: 0 })
        if (written) expected.at(-1)!.length++
      })
      assert.deepEqual(runs, expected)
    }),
    { seed: 3, numRuns: 2000 },
  )
})

test('their number is bounded', () => {
  const runs: Run[] = []
  for (let i = 0; i < 5000; i++) addRun(runs, i * 2, 1)
  assert.equal(runs.length, 1000)
  addRun(runs, 1, 1)
  assert.deepEqual(runs[0], { offset: 0, length: 3 })
})
