import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sequenceAdd, sequenceDistance } from '../../src/core/sequence.ts'
import { compareTime, elapsedMicros, Timestamp } from '../../src/core/timestamp.ts'

test('elapsed time keeps nanoseconds and may be negative', () => {
  const a = new Timestamp(1_700_000_000, 999_999_500)
  const b = new Timestamp(1_700_000_001, 250)
  assert.equal(elapsedMicros(a, b), 0.75)
  assert.equal(elapsedMicros(b, a), -0.75)
  assert.ok(compareTime(a, b) < 0)
  assert.equal(compareTime(a, a.clone()), 0)
})

test('sequence numbers wrap', () => {
  assert.equal(sequenceDistance(sequenceAdd(0xfffffff0 | 0, 32), 0xfffffff0 | 0), 32)
  assert.equal(sequenceDistance(0xfffffff0 | 0, 16), -32)
  assert.equal(sequenceAdd(0x7fffffff, 1), -0x80000000)
})
