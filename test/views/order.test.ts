// The order in which views are attached is said by the views themselves.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inOrder } from '../../src/views/order.ts'
import { VIEWS } from '../../src/views/registry.ts'
import type { View } from '../../src/views/view.ts'

function view(name: string, before: readonly string[] = []): View {
  return { name, before, wants: () => true, attach: async () => ({}) }
}

function names(views: readonly View[]): string[] {
  return views.map(({ name }) => name)
}

test('the order of the list, but for those that want to be before others', () => {
  assert.deepEqual(names(inOrder([view('a'), view('b'), view('c')])), ['a', 'b', 'c'])
  assert.deepEqual(names(inOrder([view('a'), view('b', ['a']), view('c')])), ['b', 'a', 'c'])
  assert.deepEqual(names(inOrder([view('a'), view('b', ['a']), view('c', ['b'])])), ['c', 'b', 'a'])
  assert.deepEqual(names(inOrder([view('a', ['nobody']), view('b')])), ['a', 'b'])
})

test('two that want to be before each other are a mistake', () => {
  assert.throws(() => inOrder([view('a', ['b']), view('b', ['a'])]), /a, b/)
})

test('the registry: one name each, and every name that a view comes before exists', () => {
  const all = names(VIEWS)
  assert.equal(new Set(all).size, all.length)
  for (const { name, before = [] } of VIEWS) {
    for (const other of before) assert.ok(all.includes(other), `${name} comes before ${other}, which is no view`)
  }
})

test('a script is begun before any output is opened', () => {
  const [first] = names(inOrder(VIEWS))
  assert.equal(first, 'scripts')
})
