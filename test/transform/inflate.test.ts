import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { constants, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { Inflater } from '../../src/transform/inflate.ts'

function inflate(
  compressed: Buffer,
  pieceBytes = compressed.length,
): { out: Buffer; used: number; inflater: Inflater } {
  const parts: Buffer[] = []
  const inflater = new Inflater((buf, start, end) => parts.push(Buffer.from(buf.subarray(start, end))))
  let used = 0
  while (used < compressed.length && !inflater.done && !inflater.failed) {
    const end = Math.min(compressed.length, used + pieceBytes)
    const after = inflater.push(compressed, used, end)
    if (!inflater.done && !inflater.failed) assert.equal(after, end)
    used = after
  }
  return { out: Buffer.concat(parts), used, inflater }
}

/** Text-like bytes with matches near and far, from a seed. */
function material(bytes: number, seed: number, spread: number): Buffer {
  const out = Buffer.alloc(bytes)
  let state = seed
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    out[i] = i > 40000 && (state >>> 24) % 4 > 0 ? out[i - 32768 + ((state >>> 8) % 3)]! : (state >>> 16) % spread
  }
  return out
}

describe('Inflater', () => {
  const inputs: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['a sentence', Buffer.from('the quick brown fox, the quick brown fox')],
    ['zeros', Buffer.alloc(300_000)],
    ['text-like', material(200_000, 1, 40)],
    ['noise', material(100_000, 2, 256)],
  ]
  for (const [name, plain] of inputs) {
    for (const level of [0, 1, 9]) {
      for (const strategy of [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY]) {
        test(`${name}, level ${level}, strategy ${strategy}`, () => {
          const compressed = deflateRawSync(plain, { level, strategy })
          const withMore = Buffer.concat([compressed, Buffer.from('what follows')])
          for (const piece of [withMore.length, 1, 7, 4096]) {
            const { out, used, inflater } = inflate(withMore, piece)
            assert.equal(inflater.done, true)
            assert.equal(used, compressed.length)
            assert.ok(out.equals(plain))
          }
        })
      }
    }
  }

  test('codes longer than the table', () => {
    // Fibonacci frequencies make the longest codes there are
    const parts: Buffer[] = []
    for (let i = 0, a = 1, b = 1; i < 22; i++, [a, b] = [b, a + b]) parts.push(Buffer.alloc(a, i * 3))
    const plain = Buffer.concat(parts)
    const { out, inflater } = inflate(deflateRawSync(plain, { strategy: constants.Z_HUFFMAN_ONLY, memLevel: 9 }), 5)
    assert.ok(inflater.done)
    assert.ok(out.equals(plain))
  })

  test('everything up to a sync flush comes out at once', () => {
    const compressed = deflateRawSync(Buffer.from('data: 1\n\n'), { finishFlush: constants.Z_SYNC_FLUSH })
    const { out, inflater } = inflate(compressed)
    assert.equal(out.toString(), 'data: 1\n\n')
    assert.equal(inflater.done, false)
  })

  test('stop from within write ends a bomb', () => {
    const bomb = deflateRawSync(Buffer.alloc(50_000_000))
    let out = 0
    const inflater = new Inflater((_buf, start, end) => {
      out += end - start
      if (out > 100_000) inflater.stop()
    })
    inflater.push(bomb, 0, bomb.length)
    assert.ok(inflater.failed)
    assert.ok(out < 200_000)
  })

  test('reserved and impossible codes fail', () => {
    for (const hex of ['07', '0001000000', '03fffd', '0302', 'fdffffffffff']) {
      const { inflater } = inflate(Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(20, 0xff)]))
      assert.ok(inflater.failed, hex)
    }
  })

  test('random and damaged bytes: no throw, and the same however they are cut', () => {
    const sound = deflateRawSync(material(20_000, 3, 60))
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
          fc.tuple(fc.nat(sound.length - 1), fc.nat(255)).map(([at, value]) => {
            const damaged = Buffer.from(sound)
            damaged[at] = value
            return damaged
          }),
        ),
        fc.integer({ min: 1, max: 50 }),
        (bytes, piece) => {
          const whole = inflate(bytes)
          const cut = inflate(bytes, piece)
          assert.ok(whole.out.equals(cut.out))
          assert.equal(whole.inflater.done, cut.inflater.done)
          assert.equal(whole.inflater.failed, cut.inflater.failed)
        },
      ),
      { seed: 11, numRuns: 300 },
    )
  })
})
