import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { GZIP_WRAPPER, RAW_DEFLATE, ZLIB_WRAPPER, ZlibStream } from '../../src/transform/zlib-stream.ts'

function inflate(
  compressed: Buffer,
  wrapper: number,
  pieceBytes = compressed.length,
): { out: Buffer; used: number; stream: ZlibStream } {
  const parts: Buffer[] = []
  const stream = new ZlibStream(wrapper, (buf, start, end) => parts.push(Buffer.from(buf.subarray(start, end))))
  let used = 0
  while (used < compressed.length && !stream.done && stream.failure === '') {
    const end = Math.min(compressed.length, used + pieceBytes)
    const after = stream.push(compressed, used, end)
    if (!stream.done && stream.failure === '') assert.equal(after, end)
    used = after
  }
  return { out: Buffer.concat(parts), used, stream }
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

describe('ZlibStream', () => {
  const inputs: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['a sentence', Buffer.from('the quick brown fox, the quick brown fox')],
    ['as much as goes out at once', Buffer.alloc(32768, 'ab')],
    ['zeros', Buffer.alloc(300_000)],
    ['text-like', material(200_000, 1, 40)],
  ]
  const wrappers: [string, number, typeof deflateSync][] = [
    ['raw', RAW_DEFLATE, deflateRawSync],
    ['zlib', ZLIB_WRAPPER, deflateSync],
    ['gzip', GZIP_WRAPPER, gzipSync],
  ]
  for (const [name, plain] of inputs) {
    for (const [wrapperName, wrapper, compress] of wrappers) {
      test(`${name}, ${wrapperName}: comes out whole, and what follows is not touched`, () => {
        for (const level of [0, 6]) {
          const compressed = compress(plain, { level })
          const withMore = Buffer.concat([compressed, Buffer.from('what follows')])
          // byte by byte where that is not long
          for (const piece of [withMore.length, withMore.length < 100_000 ? 1 : 61, 4096]) {
            const { out, used, stream } = inflate(withMore, wrapper, piece)
            assert.equal(stream.done, true)
            assert.equal(used, compressed.length)
            assert.ok(out.equals(plain))
          }
        }
      })
    }
  }

  test('everything up to a sync flush comes out at once', () => {
    const compressed = deflateRawSync(Buffer.from('data: 1\n\n'), { finishFlush: constants.Z_SYNC_FLUSH })
    for (const piece of [compressed.length, 1]) {
      const { out, stream } = inflate(compressed, RAW_DEFLATE, piece)
      assert.equal(out.toString(), 'data: 1\n\n')
      assert.equal(stream.done, false)
    }
  })

  test('stop from within write ends a bomb', () => {
    const bomb = deflateRawSync(Buffer.alloc(50_000_000))
    let out = 0
    const stream = new ZlibStream(RAW_DEFLATE, (_buf, start, end) => {
      out += end - start
      if (out > 100_000) stream.stop()
    })
    stream.push(bomb, 0, bomb.length)
    assert.notEqual(stream.failure, '')
    assert.ok(out < 200_000)
  })

  test('a stream used again remembers nothing', () => {
    const first = gzipSync(material(100_000, 4, 40))
    const second = gzipSync('second')
    const parts: string[] = []
    const stream = new ZlibStream(GZIP_WRAPPER, (buf, start, end) => parts.push(buf.toString('latin1', start, end)))
    stream.push(first, 0, first.length)
    stream.reset()
    stream.push(second, 0, second.length)
    assert.equal(stream.done, true)
    assert.equal(parts.at(-1), 'second')
  })

  test('random and damaged bytes: no throw, and the same however they are cut', () => {
    const sound = gzipSync(material(60_000, 3, 60))
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 400 }).map((bytes) => [RAW_DEFLATE, Buffer.from(bytes)] as const),
          fc.tuple(fc.nat(sound.length - 1), fc.nat(255)).map(([at, value]) => {
            const damaged = Buffer.from(sound)
            damaged[at] = value
            return [GZIP_WRAPPER, damaged] as const
          }),
        ),
        fc.integer({ min: 1, max: 50 }),
        ([wrapper, bytes], piece) => {
          const whole = inflate(bytes, wrapper)
          const cut = inflate(bytes, wrapper, piece)
          assert.ok(whole.out.equals(cut.out))
          assert.equal(whole.stream.done, cut.stream.done)
          assert.equal(whole.stream.failure, cut.stream.failure)
        },
      ),
      { seed: 11, numRuns: 300 },
    )
  })
})
