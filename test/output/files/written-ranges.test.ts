import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addRange, type WrittenRange } from '../../../src/output/files/written-ranges.ts'

test('ranges are those of a bitmap, whatever the order', () => {
  const run = fc.record({ offset: fc.nat(60), length: fc.integer({ min: 1, max: 12 }) })
  fc.assert(
    fc.property(fc.array(run, { maxLength: 25 }), (added) => {
      const ranges: WrittenRange[] = []
      const map = Array.from({ length: 80 }, () => false)
      for (const { offset, length } of added) {
        addRange(ranges, offset, length)
        map.fill(true, offset, offset + length)
      }
      const expected: WrittenRange[] = []
      map.forEach((written, at) => {
        if (written && !map[at - 1]) expected.push({ offset: at, length: 0 })
        if (written) expected.at(-1)!.length++
      })
      assert.deepEqual(ranges, expected)
    }),
    { seed: 3, numRuns: 2000 },
  )
})

test('their number is bounded', () => {
  const ranges: WrittenRange[] = []
  for (let i = 0; i < 5000; i++) addRange(ranges, i * 2, 1)
  assert.equal(ranges.length, 1000)
  addRange(ranges, 1, 1)
  assert.deepEqual(ranges[0], { offset: 0, length: 3 })
})
