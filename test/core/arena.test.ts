// The arena: buffers that never overlap, and copying between them by address.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arena } from '../../src/core/arena.ts'

test('buffers lie apart, aligned, in one memory', () => {
  const arena = new Arena(65536)
  const a = arena.allocate(100)
  const b = arena.allocate(100)
  assert.equal(arena.addressOf(a) % 16, 0)
  assert.ok(arena.addressOf(b) >= arena.addressOf(a) + 100)
  assert.equal(arena.addressOf(Buffer.alloc(4)), -1)
})

test('an arena that is used up says so', () => {
  const arena = new Arena(65536)
  assert.throws(() => arena.allocate(65536), RangeError)
  assert.doesNotThrow(() => arena.allocate(60000))
})

test('copies by address, also onto itself', () => {
  const arena = new Arena(65536)
  const a = arena.allocate(64)
  const b = arena.allocate(64)
  a.write('conversation')
  arena.copy(arena.addressOf(a) + 3, 9, arena.addressOf(b) + 1)
  assert.equal(b.toString('latin1', 0, 11), '\0versation\0')
  arena.copy(arena.addressOf(a), 12, arena.addressOf(a) + 2)
  assert.equal(a.toString('latin1', 0, 14), 'coconversation')
})
