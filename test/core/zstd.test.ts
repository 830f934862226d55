// Our zstd decoder against the zstd program, on data of every kind; and against data that was made to hurt.

import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import { ZstdStream } from '../../src/core/zstd/zstd-stream.ts'
import { heldBufferBytes } from '../support/heap.ts'
import { run, skipped, whyNot } from '../support/program.ts'

const WINDOW_BYTES = 128 << 20
const obstacle = whyNot('zstd')

interface Outcome {
  readonly data: Buffer
  readonly failure: string
  readonly atFrameEnd: boolean
  readonly largestStep: number
}

function decode(packed: Uint8Array, chunk = packed.length): Outcome {
  const stream = new ZstdStream(WINDOW_BYTES)
  const parts: Buffer[] = []
  let largestStep = 0
  for (let start = 0; start < packed.length && stream.failure === ''; start += chunk) {
    const end = Math.min(packed.length, start + chunk)
    for (let at = start; at < end && stream.failure === ''; ) {
      at = stream.push(packed, at, end)
      const { output, outputStart, outputEnd } = stream
      largestStep = Math.max(largestStep, outputEnd - outputStart)
      parts.push(Buffer.from(output.subarray(outputStart, outputEnd)))
    }
  }
  return { data: Buffer.concat(parts), failure: stream.failure, atFrameEnd: stream.atFrameEnd, largestStep }
}

function noise(bytes: number, seed = 1): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(bytes))
}

/** Words of a small vocabulary, some numbers: much as logs are. */
function text(bytes: number): Buffer {
  const random = noise(bytes)
  const lines: string[] = []
  for (let at = 0, length = 0; length < bytes; at += 4) {
    const line = `GET /path/${random[at]! % 40}/item?id=${random.readUInt16LE(at + 1)} ${random[at + 3]! % 5 === 0 ? 'ERROR' : 'ok'}\n`
    lines.push(line)
    length += line.length
  }
  return Buffer.from(lines.join('')).subarray(0, bytes)
}

const samples: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'a byte': Buffer.from('x'),
  'a line': Buffer.from('hello, hello, hello, world\n'),
  'a few hundred bytes': text(700),
  text: text(700_000),
  noise: noise(300_000),
  zeros: Buffer.alloc(1_000_000),
  'few symbols': Buffer.from(noise(200_000).map((byte) => 65 + (byte % 3))),
  'skewed symbols': Buffer.from(noise(200_000).map((byte) => Math.clz32(byte + 1))),
  'all mixed': Buffer.concat([text(200_000), noise(150_000), Buffer.alloc(300_000), text(200_000), noise(10)]),
  'far matches': Buffer.concat([noise(3_000_000), text(1000), noise(3_000_000).subarray(5)]),
}

describe('what the zstd program packs', () => {
  for (const [name, sample] of Object.entries(samples)) {
    test(name, (t: TestContext) => {
      if (skipped(t, obstacle)) return
      const levels = ['--fast=5', '-1', '-3', '-9', '--no-check', sample.length > 5e6 ? '--long=27' : '-19']
      for (const level of levels) {
        const packed = run('zstd', ['-q', '-c', level], sample)
        for (const chunk of [packed.length || 1, 1000, 7]) {
          if (packed.length / chunk > 30_000) continue
          const { data, failure, atFrameEnd, largestStep } = decode(packed, chunk)
          assert.equal(failure, '', `${level}, chunks of ${chunk}`)
          assert.ok(atFrameEnd)
          assert.ok(data.equals(sample), `${level}, chunks of ${chunk}: ${data.length} bytes`)
          assert.ok(largestStep <= 128 * 1024)
        }
      }
    })
  }

  test('frames one after the other, skippable ones between, cut off anywhere', (t) => {
    if (skipped(t, obstacle)) return
    const skippable = Buffer.from('502a4d1805000000', 'hex')
    const pack = (bytes: Buffer) => run('zstd', ['-q', '-c'], bytes)
    const packed = Buffer.concat([
      ...[pack(text(5000)), skippable, Buffer.from('12345'), pack(Buffer.alloc(0))],
      ...[pack(noise(300)), pack(text(200_000))],
    ])
    const whole = decode(packed)
    assert.ok(whole.data.equals(Buffer.concat([text(5000), noise(300), text(200_000)])))
    for (let length = 0; length < packed.length; length += 97) {
      const cut = decode(packed.subarray(0, length))
      assert.equal(cut.failure, '')
      assert.ok(whole.data.subarray(0, cut.data.length).equals(cut.data))
    }
  })

  test('mutated: the same, other data, or a failure; never more than it may become', (t) => {
    if (skipped(t, obstacle)) return
    const sample = text(30_000)
    for (const level of ['-1', '-19']) {
      const packed = run('zstd', ['-q', '-c', level], sample)
      const random = noise(40_000, 9)
      for (let round = 0; round < 2000; round++) {
        const mutated = Buffer.from(packed)
        for (let i = 0; i < 1 + (round % 4); i++) {
          mutated[random.readUInt16LE(round * 16 + i * 4) % mutated.length] = random[round * 16 + i * 4 + 2]!
        }
        const { data } = decode(mutated)
        assert.ok(data.length <= mutated.length * 128 * 1024)
      }
    }
  })
})

describe('what was made to hurt', () => {
  /** A frame that asks for a window of 128 MiB. */
  const frame = (...blocks: Buffer[]) => Buffer.concat([Buffer.from('28b52ffd0088', 'hex'), ...blocks])
  const block = (kind: number, size: number, content: Buffer, last = false) => {
    const head = (size << 3) | (kind << 1) | (last ? 1 : 0)
    return Buffer.concat([Buffer.from([head & 255, (head >> 8) & 255, head >> 16]), content])
  }
  const nothing = block(0, 0, Buffer.alloc(0), true)

  test('thousands of empty frames, and of frames of a byte, hold no window', () => {
    const before = heldBufferBytes()
    const stream = new ZstdStream(WINDOW_BYTES)
    const packed = Buffer.concat(Array.from({ length: 5000 }, () => frame(nothing)))
    assert.equal(stream.push(packed, 0, packed.length), packed.length)
    assert.equal(stream.frames, 5000)
    assert.ok(stream.heldBytes < 1000)
    const one = frame(block(0, 1, Buffer.from('x'), true))
    for (let i = 0; i < 5000; i++) for (let at = 0; at < one.length; ) at = stream.push(one, at, one.length)
    assert.equal(stream.frames, 10_000)
    assert.ok(stream.heldBytes < 1 << 20)
    assert.ok(heldBufferBytes() - before < 2 << 20)
  })

  test('a window grows with what comes out of it, not with what a frame asks for', () => {
    const stream = new ZstdStream(WINDOW_BYTES)
    const packed = frame(...Array.from({ length: 80 }, () => block(1, 128 * 1024, Buffer.from('y'))), nothing)
    let out = 0
    for (let at = 0; at < packed.length; ) {
      at = stream.push(packed, at, packed.length)
      out += stream.outputEnd - stream.outputStart
      assert.ok(stream.heldBytes < 2 * out + (1 << 20))
    }
    assert.equal(out, 80 * 128 * 1024)
  })

  test('a few bytes that say that 98,047 sequences of 131,074 bytes follow are damage at once', () => {
    // literals: one, repeated; sequences: 255 255 255; a single code each: the longest match
    const body = Buffer.from([0x09, 0x41, 255, 255, 255, 0x54, 0, 0, 52, ...new Array<number>(40).fill(1)])
    const { data, failure } = decode(frame(block(2, body.length, body, true)))
    assert.equal(failure, 'damaged')
    assert.ok(data.length <= 128 * 1024)
  })

  test('windows beyond the bound, dictionaries and reserved bits are refused', () => {
    assert.equal(decode(Buffer.from('28b52ffd0090010000', 'hex')).failure, 'window')
    assert.equal(decode(Buffer.from('28b52ffd010001010000', 'hex')).failure, 'damaged')
    assert.equal(decode(Buffer.from('28b52ffd0800010000', 'hex')).failure, 'damaged')
    assert.equal(decode(Buffer.from('not zstd')).failure, 'damaged')
  })
})
