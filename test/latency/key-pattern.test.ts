// What keys of one sort have in common.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyPatternOf } from '../../src/latency/key-pattern.ts'

test('keys', () => {
  const cases: [string, string][] = [
    ['user:123', 'user:*'],
    ['user:123:name', 'user:*:name'],
    ['session:3f2504e0-4f89-11d3-9a0c-0305e82c3301', 'session:*'],
    ['cache.page.17', 'cache.page.*'],
    ['shard12:x', 'shard*:x'],
    ['key:__rand_int__', 'key:__rand_int__'],
    ['123', '*'],
    ['', '(no key)'],
  ]
  for (const [key, pattern] of cases) assert.equal(keyPatternOf(key), pattern)
})
