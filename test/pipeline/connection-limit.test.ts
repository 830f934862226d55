// How many connections are tracked, by the memory that there is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionLimit } from '../../src/pipeline/connection-limit.ts'

const MEGABYTE = 1024 * 1024

test('as many as fit into half of the heap, up to the usual number', () => {
  assert.equal(connectionLimit(4096 * MEGABYTE), 65_536)
  assert.equal(connectionLimit(2048 * MEGABYTE), 65_536)
  assert.equal(connectionLimit(256 * MEGABYTE), 21_845)
  assert.equal(connectionLimit(MEGABYTE), 1024)
})
