import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentMap } from '../../src/diagnosis/recent-map.ts'

test('the latest are kept, and no more than twice as many in all', () => {
  const gone: string[] = []
  const map = new RecentMap<number, string>(3, (value) => gone.push(value))
  for (let i = 0; i < 6; i++) map.set(i, `v${i}`)
  for (let i = 0; i < 6; i++) assert.equal(map.get(i), `v${i}`)
  map.set(6, 'v6')
  assert.deepEqual(gone, ['v0', 'v1', 'v2'])
  assert.deepEqual([map.get(0), map.get(2), map.get(3), map.get(6)], [undefined, undefined, 'v3', 'v6'])
})

test('a key that is set again is new, and told as forgotten once', () => {
  const gone: string[] = []
  const map = new RecentMap<number, string>(2, (value) => gone.push(value))
  for (const key of [1, 2, 3]) map.set(key, `a${key}`)
  map.set(1, 'b1')
  assert.equal(map.get(1), 'b1')
  for (const key of [4, 5]) map.set(key, `a${key}`)
  assert.equal(map.get(1), 'b1')
  assert.deepEqual(gone, ['a2'])
  for (const key of [6, 7, 8]) map.set(key, `a${key}`)
  assert.equal(map.get(1), undefined)
  assert.deepEqual(
    gone,
    ['a2', 'a3', 'b1', 'a4', 'a5'].filter((each) => gone.includes(each)),
  )
  assert.equal(new Set(gone).size, gone.length)
})
