import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ZstdFrames } from '../../src/capture/zstd-frames.ts'
import { seedCompressed } from '../fuzz/seed-compressed.ts'

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd]

function isWhole(bytes: Uint8Array, pieceBytes = bytes.length + 1): boolean {
  const frames = new ZstdFrames()
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    const piece = bytes.subarray(start, start + pieceBytes)
    for (let at = 0; at < piece.length; ) at += frames.push(piece.subarray(at))
  }
  return frames.whole
}

/** Frames and where they end. */
const cases: readonly [name: string, bytes: readonly number[]][] = [
  ['a raw block, single segment, one byte of size', [...MAGIC, 0x20, 3, 0x19, 0, 0, 65, 66, 67]],
  ['a window, no size, a checksum', [...MAGIC, 0x04, 0x50, 0x09, 0, 0, 65, 1, 2, 3, 4]],
  ['a run, its block being one byte', [...MAGIC, 0x20, 9, 0x4b, 0, 0, 65]],
  ['two bytes of size, a dictionary, two blocks', [...MAGIC, 0x61, 7, 0, 1, 0x08, 0, 0, 65, 0x09, 0, 0, 66]],
  ['eight bytes of size, four of dictionary', [...MAGIC, 0xe3, 1, 2, 3, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0x09, 0, 0, 65]],
  ['a skippable frame', [0x5f, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7]],
]

for (const [name, bytes] of cases) {
  test(`${name}: whole at its end and nowhere before`, () => {
    const frame = Uint8Array.from(bytes)
    for (const pieceBytes of [1, 2, 5, 100]) {
      assert.ok(isWhole(frame, pieceBytes))
      for (let end = 1; end < frame.length; end++) assert.ok(!isWhole(frame.subarray(0, end), pieceBytes), `${end}`)
      const twice = Uint8Array.from([...bytes, ...bytes])
      assert.ok(isWhole(twice, pieceBytes))
      assert.equal(new ZstdFrames().push(twice), frame.length)
      assert.ok(!isWhole(twice.subarray(0, -1), pieceBytes))
    }
  })
}

test('what zstd makes', () => {
  for (const bytes of seedCompressed().slice(-2)) {
    assert.ok(isWhole(bytes))
    assert.ok(!isWhole(bytes.subarray(0, -1)))
  }
})

test('what are no frames is for the decoder to judge', () => {
  assert.ok(isWhole(Buffer.from('GET / HTTP/1.1')))
  assert.ok(isWhole(Uint8Array.from([...MAGIC, 0x20, 1, 0x0f, 0, 0])))
})
