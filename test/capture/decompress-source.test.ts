import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import zlib from 'node:zlib'
import { DecompressSource } from '../../src/capture/decompress-source.ts'
import { OperatorError } from '../../src/core/errors.ts'
import type { ByteSource } from '../../src/core/ports.ts'
import { memorySource } from '../savefile/read-all.ts'
import { heldBufferBytes } from '../support/heap.ts'

/** Of a decoder and all that it has given out and nobody has taken yet. */
const MOST_HELD_BYTES = 12 << 20

/** Compresses about to a half: random letters. */
const text = Buffer.alloc(400_000)
for (let i = 0, state = 1; i < text.length; i++) {
  state = Math.imul(state, 1664525) + 1013904223
  text[i] = 97 + ((state >>> 24) % 16)
}

const programs: Record<string, string[]> = {
  gzip: ['gzip', '-c'],
  xz: ['xz', '-c', '-0'],
  bzip2: ['bzip2', '-c', '-1'],
  zstd: ['zstd', '-c', '-q'],
}

function compress(format: string, data: Buffer): Buffer | undefined {
  if (format === 'gzip') return zlib.gzipSync(data)
  const [program = '', ...argv] = programs[format] ?? []
  if (spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined) {
    console.error(`NOT TESTED: ${format} captures, because there is no ${program} here`)
    return undefined
  }
  return execFileSync(program, argv, { input: data, maxBuffer: 1 << 26 })
}

interface Outcome {
  data: Buffer
  error: OperatorError | undefined
}

async function drain(source: ByteSource, size = 30_000): Promise<Outcome> {
  const parts: Buffer[] = []
  let error: OperatorError | undefined
  try {
    const into = Buffer.alloc(size)
    for (;;) {
      const bytes = await source.read(into, 0, size)
      if (bytes === 0) break
      parts.push(Buffer.from(into.subarray(0, bytes)))
    }
  } catch (thrown) {
    if (!(thrown instanceof OperatorError)) throw thrown
    error = thrown
  }
  await source.close()
  return { data: Buffer.concat(parts), error }
}

/** Reads compressed bytes as a file (which can be opened again) or as a pipe (which cannot). */
function unpack(bytes: Buffer, kind: 'file' | 'pipe', chunkSize: () => number = () => 65536): Promise<Outcome> {
  const open = () => memorySource(bytes, chunkSize)
  return drain(new DecompressSource(open(), kind === 'file' ? open : undefined))
}

for (const format of Object.keys(programs)) {
  const packed = compress(format, text)
  describe(format, { skip: packed === undefined }, () => {
    if (packed === undefined) return

    test('whole, in chunks of any size', async () => {
      for (const chunk of [100, 4096, packed.length]) {
        const { data, error } = await unpack(packed, 'pipe', () => chunk)
        assert.equal(error, undefined)
        assert.ok(data.equals(text))
      }
    })

    test('whole, byte by byte', async () => {
      const { data, error } = await unpack(compress(format, text.subarray(0, 2000))!, 'pipe', () => 1)
      assert.equal(error, undefined)
      assert.ok(data.equals(text.subarray(0, 2000)))
    })

    test('two files in one, as cat makes them', async () => {
      for (const [first, second] of [
        [text, text.subarray(0, 1000)],
        [text.subarray(0, 10), text],
      ] as const) {
        const joined = Buffer.concat([compress(format, first)!, compress(format, second)!])
        for (const chunk of [999, 32_768, joined.length]) {
          const { data, error } = await unpack(joined, 'pipe', () => chunk)
          assert.equal(error, undefined)
          assert.ok(
            data.equals(Buffer.concat([first, second])),
            `${first.length} and ${second.length}, chunks of ${chunk}`,
          )
        }
      }
    })

    test('cut off: everything up to there, then an error that says where', async () => {
      for (const length of [10, 1000, Math.floor(packed.length / 2), packed.length - 1]) {
        for (const kind of ['file', 'pipe'] as const) {
          const { data, error } = await unpack(packed.subarray(0, length), kind)
          assert.ok(data.equals(text.subarray(0, data.length)))
          assert.equal(error?.message, `memory ends in the middle of its ${format} data, at byte ${length}`)
          // Formats that come in blocks give whole blocks only; the largest here is 128 KiB.
          const atLeast = text.length * (length / packed.length) - 140_000
          assert.ok(data.length >= atLeast, `${data.length} bytes of ${text.length} from ${length} of ${packed.length}`)
        }
      }
    })

    test('damaged in the middle: an error that says about where, and nothing made up before it', async () => {
      const broken = Buffer.from(packed)
      const at = Math.floor(packed.length / 2)
      broken.fill(0xff, at, at + 400)
      const { data, error } = await unpack(broken, 'file')
      if (format === 'zstd' && !('createZstdDecompress' in zlib)) {
        // The library for older Nodes checks no checksums: it may notice or not.
        assert.ok(data.length <= text.length)
        return
      }
      assert.match(
        error?.message ?? '',
        new RegExp(`^the ${format} data of memory is damaged (at|near) byte \\d+: \\S`),
      )
      const where = Number(/byte (\d+)/.exec(error?.message ?? '')?.[1])
      assert.ok(where <= packed.length)
      const same = commonLength(data, text)
      const blocks = format === 'bzip2' || format === 'zstd' ? 140_000 : 0
      assert.ok(same >= text.length / 2 - 3000 - blocks, `only ${same} bytes are right`)
    })

    test('mutated: data or an error, but nothing worse', async () => {
      const small = compress(format, text.subarray(0, 3000))!
      for (let round = 0, state = 7; round < 60; round++) {
        const mutated = Buffer.from(small)
        for (let count = 0; count < 3; count++) {
          state = Math.imul(state, 1664525) + 1013904223
          mutated[10 + ((state >>> 8) % (mutated.length - 10))]! ^= (state >>> 3) & 255
        }
        const { data } = await unpack(mutated, round % 2 === 0 ? 'file' : 'pipe')
        assert.ok(data.length < 1 << 24)
      }
    })

    test('thousands of empty files before one hold nothing, and cost no window each', async () => {
      const empty = compress(format, Buffer.alloc(0))!
      const many = Buffer.concat([...Array.from({ length: 3000 }, () => empty), compress(format, text)!])
      const before = heldBufferBytes()
      const source = new DecompressSource(memorySource(many), undefined)
      const first = Buffer.alloc(100)
      assert.equal(await source.read(first, 0, 100), 100)
      assert.ok(first.equals(text.subarray(0, 100)))
      assert.ok(heldBufferBytes() - before < MOST_HELD_BYTES)
      await source.close()
      assert.ok((await unpack(many, 'pipe')).data.equals(text))
    })

    test('closing in the middle, and using the decoder again after it', async () => {
      const source = new DecompressSource(memorySource(packed), undefined)
      assert.ok((await source.read(Buffer.alloc(10), 0, 10)) > 0)
      source.stop()
      assert.equal(await source.read(Buffer.alloc(10), 0, 10), 0)
      await source.close()
      await source.close()
      assert.ok((await unpack(packed, 'file')).data.equals(text))
    })
  })
}

function commonLength(one: Buffer, other: Buffer): number {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return length
}

test('zeros behind a gzip file are padding, anything else is damage behind all of the data', async () => {
  for (const [behind, message] of [
    [Buffer.alloc(1000), undefined],
    [Buffer.alloc(100_000), undefined],
    [Buffer.alloc(100_000, 'y'), /^the gzip data of memory is damaged at byte \d+: incorrect header check$/],
  ] as const) {
    const { data, error } = await unpack(Buffer.concat([zlib.gzipSync(text), behind]), 'file')
    assert.ok(data.equals(text))
    if (message === undefined) assert.equal(error, undefined)
    else assert.match(error?.message ?? '', message)
  }
})

test('the last whole bytes before a damaged gzip are not lost in a file', async () => {
  const packed = zlib.gzipSync(text)
  packed[packed.length - 8]! ^= 1 // the checksum
  const { data, error } = await unpack(packed, 'file')
  assert.ok(data.equals(text))
  assert.match(error?.message ?? '', /^the gzip data of memory is damaged at byte \d+: incorrect data check$/)
})

test('a bomb unpacks without being held in memory', async () => {
  const zeros = Buffer.alloc(32 << 20)
  for (const format of Object.keys(programs)) {
    const packed = compress(format, zeros)
    if (packed === undefined) continue
    const into = Buffer.alloc(1 << 16)
    const before = heldBufferBytes()
    const source = new DecompressSource(memorySource(packed), undefined)
    let most = 0
    let total = 0
    for (let turn = 0; ; turn++) {
      const bytes = await source.read(into, 0, into.length)
      if (bytes === 0) break
      total += bytes
      if (turn % 16 === 0) most = Math.max(most, heldBufferBytes() - before)
    }
    assert.equal(total, zeros.length)
    // Windows of up to 8 MiB, and what one step of a decoder gives out.
    assert.ok(most < MOST_HELD_BYTES, `${format}: ${most >> 10} KiB`)
    await source.close()
  }
})

test('an input/output error of the source stays what it is', async () => {
  const packed = zlib.gzipSync(text)
  const memory = memorySource(packed, () => 1000)
  let turn = 0
  const failing: ByteSource = {
    ...memory,
    read: (into, start, end) => {
      if (turn++ > 3) throw new OperatorError('cannot read it: EIO')
      return memory.read(into, start, end)
    },
  }
  const { error } = await drain(new DecompressSource(failing, undefined))
  assert.equal(error?.message, 'cannot read it: EIO')
})
