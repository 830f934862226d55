import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ByteSource } from '../../src/core/ports.ts'
import { InputWindow } from '../../src/savefile/input-window.ts'
import { memorySource } from './read-all.ts'

/** A source that can be read ahead: the bytes appear in the buffer only when the event loop turns. */
function aheadSource(data: Buffer, chunkSize: () => number): ByteSource & { outstanding: number } {
  const memory = memorySource(data, chunkSize)
  const source = {
    ...memory,
    outstanding: 0,
    read(into: Buffer, start: number, end: number): number | Promise<number> {
      assert.equal(source.outstanding, 0, 'one read at a time')
      return memory.read(into, start, end)
    },
    readAhead(into: Buffer, start: number, end: number): Promise<number> {
      assert.equal(source.outstanding, 0, 'one read at a time')
      source.outstanding++
      into.fill(0xee, start, end)
      return new Promise((resolve) =>
        setImmediate(() => {
          source.outstanding--
          resolve(memory.read(into, start, end))
        }),
      )
    },
  }
  return source
}

/** A source, or bytes that come by themselves in such pieces. */
type Fillable = ByteSource | { data: Buffer; pieceBytes: () => number; at: number }

async function fill(window: InputWindow, source: Fillable): Promise<void> {
  if ('read' in source) {
    await window.fill(source)
    return
  }
  const { data, at, pieceBytes } = source
  window.clearLanding()
  const { landing } = window
  landing.fill(0xee)
  const bytes = data.copy(landing, 0, at, Math.min(at + pieceBytes(), at + landing.length))
  source.at += bytes
  window.landed(bytes)
}

/** Takes records of these lengths out of a window as a format does; `skip` leaves every third unread. */
async function takeRecords(window: InputWindow, source: Fillable, lengths: readonly number[]): Promise<Buffer[]> {
  const records: Buffer[] = []
  let offset = 0
  for (const [i, length] of lengths.entries()) {
    if (!window.ended) assert.equal(window.offset, offset)
    offset += length
    if (i % 3 === 2) {
      window.skip(length)
      while (window.skipping && !window.ended) await fill(window, source)
      continue
    }
    window.need = length
    while (window.end - window.start < length && !window.ended) await fill(window, source)
    const end = Math.min(window.end, window.start + length)
    records.push(Buffer.from(window.buf.subarray(window.start, end)))
    window.start = end
  }
  return records
}

test('reading ahead, and bytes that come by themselves, give what reading gives, whatever is cut in two', async () => {
  const length = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 40 }) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 300 }) },
    { weight: 1, arbitrary: fc.integer({ min: 300, max: 3000 }) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(length, { maxLength: 60 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 0, max: 50 }),
      async (lengths, chunks, short) => {
        const total = Math.max(0, lengths.reduce((sum, n) => sum + n, 0) - short)
        const data = Buffer.from(Uint8Array.from({ length: total }, (_, i) => (i * 7 + (i >> 8)) & 127))
        let turn = 0
        const source = aheadSource(data, () => chunks[turn++ % chunks.length]!)
        const actual = await takeRecords(new InputWindow(Buffer.alloc(512, 0xa5)), source, lengths)
        const expected = await takeRecords(new InputWindow(Buffer.alloc(512)), memorySource(data), lengths)
        assert.deepEqual(actual, expected)
        const delivered = { data, at: 0, pieceBytes: () => chunks[turn++ % chunks.length]! }
        assert.deepEqual(await takeRecords(new InputWindow(Buffer.alloc(512, 0xa5)), delivered, lengths), expected)
      },
    ),
    { seed: 1998, numRuns: 300 },
  )
})

test('a file is read ahead, not only where it could be', async () => {
  const data = Buffer.alloc(10_000, 'x')
  const source = aheadSource(data, () => 10_000)
  let ahead = 0
  const counting = {
    ...source,
    readAhead: (into: Buffer, start: number, end: number) => {
      ahead++
      return source.readAhead!(into, start, end)
    },
  }
  const records = await takeRecords(new InputWindow(Buffer.alloc(4096)), counting, Array(100).fill(100))
  assert.equal(records.length, 67)
  // all but the first 2048 bytes, in pieces of 1920
  assert.ok(ahead >= 5, `${ahead} times`)
})

test('an error of reading ahead comes when the bytes are wanted', async () => {
  const memory = memorySource(Buffer.alloc(100, 1), () => 50)
  const source = { ...memory, readAhead: () => Promise.reject(new Error('damaged disk')) }
  const window = new InputWindow(Buffer.alloc(1024))
  assert.equal(window.fill(source), 50)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(window.end - window.start, 50)
  await assert.rejects(async () => window.fill(source), /damaged disk/)
})
