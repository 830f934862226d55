// The hash against a Map as its model, and the small parts beside it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Segment } from '../../src/core/segment.ts'
import { ConnectionIndex } from '../../src/flow/connection-index.ts'
import { GivenUpRanges } from '../../src/flow/given-up-ranges.ts'
import { SlotLists } from '../../src/flow/slot-lists.ts'

const end = fc.record({
  word0: fc.nat(1),
  word1: fc.nat(1),
  word2: fc.nat(1),
  word3: fc.integer({ min: -2, max: 1 }),
  port: fc.nat(2),
})
const key = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  place: fc.nat(1),
  source: end,
  destination: end,
})
type Key = typeof key extends fc.Arbitrary<infer T> ? T : never

function segmentOf({ family, place, source, destination }: Key, turned: boolean): Segment {
  const s = new Segment()
  const [from, to] = turned ? [destination, source] : [source, destination]
  s.family = family
  s.place = place
  if (family === 6) {
    Object.assign(s, { sourceWord0: from.word0, sourceWord1: from.word1, sourceWord2: from.word2 })
    Object.assign(s, { destinationWord0: to.word0, destinationWord1: to.word1, destinationWord2: to.word2 })
  }
  s.sourceWord3 = from.word3
  s.destinationWord3 = to.word3
  s.sourcePort = from.port
  s.destinationPort = to.port
  return s
}

/** The same for both directions, different for different connections. */
function nameOf({ family, place, source, destination }: Key): string {
  const text = (e: typeof source) => (family === 6 ? JSON.stringify(e) : `${e.word3}:${e.port}`)
  return `${family} ${place} ${[text(source), text(destination)].sort().join(' ')}`
}

test('finds what a Map finds, in both directions, through additions and removals', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.boolean(), fc.boolean()), { maxLength: 200 }), (steps) => {
      const index = new ConnectionIndex(40)
      const copy = new ConnectionIndex(40)
      const model = new Map<string, number>()
      const free = Array.from({ length: 40 }, (_, i) => i)
      for (const [k, turned, remove] of steps) {
        const s = segmentOf(k, turned)
        const found = index.find(s)
        const { reversed } = index
        assert.equal(found, model.get(nameOf(k)) ?? -1)
        index.find(segmentOf(k, !turned))
        const same = JSON.stringify(segmentOf(k, true)) === JSON.stringify(segmentOf(k, false))
        assert.equal(index.reversed, same ? reversed : !reversed)
        if (found < 0 && free.length > 0) {
          const slot = free.pop()!
          index.find(s)
          index.add(slot, s)
          model.set(nameOf(k), slot)
          assert.equal(copy.findFrom(index, slot), -1)
          copy.addFrom(slot, index, slot)
        } else if (found >= 0 && remove) {
          assert.equal(copy.findFrom(index, found), found)
          copy.remove(found)
          index.remove(found)
          model.delete(nameOf(k))
          free.push(found)
        }
      }
      for (const [k, turned] of steps) assert.equal(copy.find(segmentOf(k, turned)), model.get(nameOf(k)) ?? -1)
    }),
    { seed: 20245, numRuns: 300 },
  )
})

test('slot lists keep their order', () => {
  const lists = new SlotLists(5, 2)
  assert.equal(lists.first(0), -1)
  for (const slot of [3, 1, 4]) lists.append(0, slot)
  lists.append(1, 2)
  lists.moveToEnd(0, 3)
  lists.moveToEnd(0, 3)
  lists.remove(0, 4)
  assert.deepEqual([lists.first(0), lists.after(1), lists.after(3), lists.first(1), lists.after(2)], [1, 3, -1, 2, -1])
  assert.deepEqual([...lists.sizes], [2, 1])
})

test('given-up ranges: each byte is found once, for the latest ranges', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 60 }),
      fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 1, max: 20 })), { maxLength: 60 }),
      (gaps, late) => {
        const ranges = new GivenUpRanges()
        const missing = new Set<number>()
        let at = 0
        for (const [before, length] of gaps) {
          at += before
          ranges.add(at, at + length)
          for (let i = 0; i < length; i++) missing.add(at++)
        }
        // Few enough that splitting never has to forget one.
        for (const [start, length] of late.slice(0, 3)) {
          let from = start
          while (ranges.take(start, start + length)) {
            assert.ok(ranges.foundStart >= from && ranges.foundEnd <= start + length)
            from = ranges.foundEnd
            for (let i = ranges.foundStart; i < ranges.foundEnd; i++) assert.ok(missing.delete(i))
          }
          for (let i = start; i < start + length; i++) assert.ok(!missing.has(i))
        }
      },
    ),
    { seed: 20246, numRuns: 300 },
  )
})

test('given-up ranges are bounded, also when splitting', () => {
  const ranges = new GivenUpRanges()
  for (let i = 0; i < 1000; i++) ranges.add(i * 10, i * 10 + 5)
  assert.equal(ranges.take(0, 9000), false, 'the oldest are forgotten')
  assert.equal(ranges.take(9992, 9993), true)
  assert.equal(ranges.take(9990, 9992), true)
  assert.equal(ranges.take(9990, 9993), false)
  assert.equal(ranges.take(9000, 10_000), true)
  const fresh = new GivenUpRanges()
  for (let i = 0; i < 64; i++) fresh.add(i * 10, i * 10 + 5)
  assert.equal(fresh.take(2, 3), true)
  assert.equal(fresh.take(0, 2), false, 'the oldest gave way')
  assert.equal(fresh.take(3, 5), true)
})
