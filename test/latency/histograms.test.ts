// Our way to a value's place in the histogram against the library's own.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import float64Histogram from 'hdr-histogram-js/dist/Float64Histogram.js'
import { makeHistogram } from '../../src/latency/histograms.ts'

const HOUR_MICROS = 3_600_000_000
const PERCENTS = [0, 1, 50, 90, 99, 99.9, 100]

const micros = fc.oneof(
  fc.nat(5000),
  fc.nat(HOUR_MICROS),
  fc.tuple(fc.nat(31), fc.constantFrom(-1, 0, 1)).map(([power, off]) => Math.max(0, 2 ** power + off)),
)

test('values are counted where the library counts them', () => {
  fc.assert(
    fc.property(fc.array(micros, { minLength: 1, maxLength: 50 }), (values) => {
      const ours = makeHistogram()
      const theirs = new float64Histogram.default(1, 4096, 3)
      theirs.autoResize = true
      const sum = makeHistogram()
      for (const value of values) {
        ours.recordValue(value)
        theirs.recordValue(value)
      }
      sum.add(ours)
      const wanted = PERCENTS.map((percent) => theirs.getValueAtPercentile(percent))
      assert.deepEqual(
        PERCENTS.map((percent) => ours.getValueAtPercentile(percent)),
        wanted,
      )
      assert.deepEqual(
        PERCENTS.map((percent) => sum.getValueAtPercentile(percent)),
        wanted,
      )
    }),
    { seed: 416 },
  )
})
