import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findControl, findLineFeed, hashOf, isAscii } from '../../src/protocol/word-scan.ts'

/** Mostly bytes that lie at the edges of what is looked for. */
const bytes = fc.uint8Array({ maxLength: 40 }).chain((any) =>
  fc
    .array(fc.constantFrom(0x00, 0x09, 0x0a, 0x0b, 0x1f, 0x20, 0x21, 0x7f, 0x80, 0x8a, 0xa0, 0xff, 0x41), {
      maxLength: 40,
    })
    .map((edges) => Buffer.from([...edges, ...any])),
)
/** A buffer, and a part of it. */
const parts = bytes.chain((buf) =>
  fc
    .tuple(fc.nat(buf.length), fc.nat(buf.length))
    .map(([a, b]) => ({ buf, start: Math.min(a, b), end: Math.max(a, b) })),
)

function firstAt(buf: Buffer, start: number, end: number, is: (byte: number) => boolean): number {
  for (let i = start; i < end; i++) if (is(buf[i]!)) return i
  return end
}

test('words find what a look at each byte finds', () => {
  fc.assert(
    fc.property(parts, ({ buf, start, end }) => {
      assert.equal(
        findLineFeed(buf, start, end),
        firstAt(buf, start, end, (byte) => byte === 10),
      )
      assert.equal(
        findControl(buf, start, end),
        firstAt(buf, start, end, (byte) => byte < 0x20),
      )
      assert.equal(isAscii(buf, start, end), firstAt(buf, start, end, (byte) => byte > 0x7f) === end)
    }),
    { seed: 411, numRuns: 2000 },
  )
})

test('the hash is that of the bytes, wherever they lie', () => {
  fc.assert(
    fc.property(parts, fc.nat(9), ({ buf, start, end }, shift) => {
      const elsewhere = Buffer.alloc(shift + end - start, 0x55)
      buf.copy(elsewhere, shift, start, end)
      assert.equal(hashOf(elsewhere, shift, elsewhere.length), hashOf(buf, start, end))
    }),
    { seed: 412 },
  )
  const places = new Set(
    Array.from({ length: 1000 }, (_, i) => hashOf(Buffer.from(`/users/${1000 + i}`), 0, 11) & 1023),
  )
  assert.ok(places.size > 550, `${places.size} of 1000 have a place of their own`)
})

test('a view of the memory behind one buffer is not used for another', () => {
  const pool = Buffer.from('first\nsecond line\n')
  const first = pool.subarray(0, 6)
  const second = pool.subarray(6)
  assert.deepEqual([findLineFeed(first, 0, 6), findLineFeed(second, 0, 12), findLineFeed(first, 0, 6)], [5, 11, 5])
})
