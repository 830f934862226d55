import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brotliCompressSync, constants, crc32, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { HeldMemory } from '../../src/protocol/held-bytes.ts'
import { HttpMessage, type HttpMessageEnd } from '../../src/protocol/http/http-message.ts'
import { DecodedBody } from '../../src/transform/decoded-body.ts'
import { UnpackBudget } from '../../src/transform/unpack-budget.ts'

interface Options {
  codings: string[]
  piece?: number
  how?: HttpMessageEnd
  contentType?: string
  memory?: HeldMemory
  /** A gap after so many bytes. */
  gapAt?: number
  budget?: UnpackBudget
}

/** What a body comes out as: data and remarks joined, and after each push how much of it there was. */
function decode(
  sent: Buffer,
  options: Options,
): { text: Buffer; remarks: string[]; growth: number[]; failed: boolean } {
  const message = new HttpMessage(false)
  message.codings = options.codings
  message.contentType = options.contentType ?? ''
  const parts: Buffer[] = []
  const remarks: string[] = []
  const growth: number[] = []
  let length = 0
  const memory = options.memory ?? new HeldMemory(1e8)
  const before = memory.usedBytes
  const output = {
    bodyData: (buf: Buffer, start: number, end: number) => {
      assert.ok(end > start)
      parts.push(Buffer.from(buf.subarray(start, end)))
      length += end - start
    },
    bodyRemark: (reason: string) => remarks.push(reason),
  }
  const body = new DecodedBody(message, output, memory, true, options.budget ?? new UnpackBudget())
  const piece = options.piece ?? sent.length
  for (let at = 0; at < sent.length; at += piece) {
    const lent = Buffer.from(sent.subarray(at, at + piece))
    if (options.gapAt !== undefined && at >= options.gapAt && at - piece < options.gapAt) body.gap()
    body.push(lent, 0, lent.length)
    lent.fill(0x58)
    growth.push(length)
  }
  body.end(options.how ?? 'complete')
  assert.equal(memory.usedBytes, before, 'everything is given back')
  return { text: Buffer.concat(parts), remarks, growth, failed: body.failed }
}

const text = Buffer.from(Array.from({ length: 60 }, (_, i) => `line ${i % 7} of a text that repeats itself\n`).join(''))
/** Hardly compressible. */
const noise = Buffer.alloc(50_000)
for (let i = 0, x = 1; i < noise.length; i++) {
  x = (Math.imul(x, 1103515245) + 12345) >>> 0
  noise[i] = (x >>> 16) % 100
}
// made by zstd 1.5: `text` at level 19 with checksum; "hi"; 300,000 zeros
const ZSTD_TEXT = Buffer.from(
  'KLUv/WSsBw0CALICChCg7QDBt8IipareahogqvEjxxQyBEDL8KrwaefXZ3of/WZRa6iZWgEIAKYbrB9AcwHJAlIC8gKSBUQUCeoJ1VL1zA==',
  'base64',
)
const ZSTD_HI = Buffer.from('KLUv/QRYEQAAaGn6OCbq', 'base64')
const ZSTD_ZEROS = Buffer.from('KLUv/QRYVAAAEAAAAQD7/znAAgIAEAADnwQALSjeJg==', 'base64')
const SKIPPABLE = Buffer.from('502a4d1803000000616263', 'hex')

function named(): Buffer {
  const plain = gzipSync(text)
  const fields = Buffer.from('\x03\x00abcname\0comment\0', 'latin1')
  const header = Buffer.concat([plain.subarray(0, 10), fields, Buffer.alloc(2)])
  header[3] = 4 | 8 | 16 | 2
  header.writeUInt16LE(crc32(header.subarray(0, -2)) & 0xffff, header.length - 2)
  return Buffer.concat([header, plain.subarray(10)])
}

const sound: [string, string[], Buffer, Buffer][] = [
  ['gzip', ['gzip'], gzipSync(text), text],
  ['gzip with every header field', ['x-gzip'], named(), text],
  [
    'two gzip members, zeros behind',
    ['gzip'],
    Buffer.concat([gzipSync('a'), gzipSync(text), Buffer.alloc(9)]),
    Buffer.concat([Buffer.from('a'), text]),
  ],
  [
    'gzip members larger than the window',
    ['gzip'],
    Buffer.concat([gzipSync(noise), gzipSync(''), gzipSync(noise, { level: 0 })]),
    Buffer.concat([noise, noise]),
  ],
  ['an empty gzip body', ['gzip'], gzipSync(''), Buffer.alloc(0)],
  ['deflate', ['deflate'], deflateSync(text), text],
  ['deflate without its wrapper', ['deflate'], deflateRawSync(text), text],
  ['deflate with more behind it', ['deflate'], Buffer.concat([deflateSync(text), Buffer.from('\r\n')]), text],
  ['brotli', ['br'], brotliCompressSync(text), text],
  ['zstd', ['zstd'], ZSTD_TEXT, text],
  ['zstd, short frames and one to skip', ['zstd'], Buffer.concat([ZSTD_HI, SKIPPABLE, ZSTD_HI]), Buffer.from('hihi')],
  ['zstd, many times its size', ['zstd'], ZSTD_ZEROS, Buffer.alloc(300_000)],
  ['gzip in brotli', ['gzip', 'br'], brotliCompressSync(gzipSync(text)), text],
  ['deflate in gzip', ['deflate', 'gzip'], gzipSync(deflateSync(text)), text],
  ['no coding', [], text, text],
]

function startsWith(whole: Buffer, start: Buffer): boolean {
  return whole.subarray(0, start.length).equals(start)
}

describe('bodies decoded', () => {
  for (const [name, codings, sent, expected] of sound) {
    test(name, () => {
      for (const piece of [sent.length, 1, 3, 17]) {
        const { text: out, remarks } = decode(sent, { codings, piece })
        assert.deepEqual(remarks, [])
        assert.ok(out.equals(expected), `pieces of ${piece}`)
      }
    })
  }

  test('gzip comes out as it comes in', () => {
    const flush = { finishFlush: constants.Z_SYNC_FLUSH }
    const first = gzipSync('data: 1\n\n', flush)
    const { growth } = decode(Buffer.concat([first, first.subarray(10)]), {
      codings: ['gzip'],
      piece: first.length,
      how: 'truncated',
    })
    assert.deepEqual(growth, [9, 18])
  })

  test('brotli comes out as it comes in where somebody waits for events', () => {
    const event = brotliCompressSync('data: 1\n\n', { finishFlush: constants.BROTLI_OPERATION_FLUSH })
    const sent = Buffer.concat([event, Buffer.from([3])]) // an empty last block
    const waited = decode(sent, { codings: ['br'], piece: event.length, contentType: 'text/event-stream' })
    assert.deepEqual(waited.growth, [9, 9])
    assert.equal(waited.text.toString(), 'data: 1\n\n')
    assert.deepEqual(decode(sent, { codings: ['br'], piece: event.length }).growth, [0, 0])
  })
})

describe('bodies that are not what they say', () => {
  test('not compressed at all: shown as sent', () => {
    for (const coding of ['gzip', 'br', 'zstd', 'compress']) {
      for (const piece of [text.length, 1]) {
        const { text: out, remarks, failed } = decode(text, { codings: [coding], piece })
        assert.ok(out.equals(text), coding)
        assert.equal(remarks.length, 1)
        assert.match(remarks[0]!, new RegExp(`^${coding} body .*: shown as it was sent$`))
        assert.equal(failed, true)
      }
    }
  })

  test('damaged in the middle: what comes before is shown, the rest left out', () => {
    const sent = gzipSync(noise)
    sent.fill(0xff, 20_000, 20_100)
    const { text: out, remarks } = decode(sent, { codings: ['gzip'], piece: 1000 })
    assert.ok(out.length > 5_000 && out.length < 50_000, `${out.length}`)
    assert.equal(remarks.length, 1)
    assert.equal(remarks[0], 'gzip body is damaged: the rest is left out')
  })

  test('a wrong checksum or length', () => {
    for (const [coding, body, fromEnd] of [
      ['gzip', gzipSync(text), 6],
      ['gzip', gzipSync(text), 1],
      ['deflate', deflateSync(text), 2],
    ] as const) {
      const sent = Buffer.from(body)
      sent[sent.length - fromEnd]! ^= 1
      for (const piece of [sent.length, 1]) {
        const { text: out, remarks } = decode(sent, { codings: [coding], piece })
        assert.ok(out.equals(text))
        assert.deepEqual(remarks, [`${coding} body does not match its checksum: the rest is left out`])
      }
    }
  })

  test('other bytes behind a gzip member', () => {
    const sent = Buffer.concat([gzipSync(text), Buffer.from('\r\nmore')])
    for (const piece of [sent.length, 1]) {
      const { text: out, remarks } = decode(sent, { codings: ['gzip'], piece })
      assert.ok(out.equals(text))
      assert.deepEqual(remarks, ['gzip body has other bytes behind it: the rest is left out'])
    }
  })

  for (const [name, coding, sent] of [
    ['gzip', 'gzip', gzipSync(text)],
    ['deflate', 'deflate', deflateSync(text)],
    ['brotli', 'br', brotliCompressSync(noise)],
  ] as const) {
    test(`${name} cut short: shown as far as it goes, said only where HTTP says that this is all`, () => {
      const cut = sent.subarray(0, sent.length - 12)
      const complete = decode(cut, { codings: [coding] })
      assert.ok(complete.text.length > 100 && startsWith(coding === 'br' ? noise : text, complete.text))
      assert.deepEqual(complete.remarks, [`${coding} body ends early`])
      assert.deepEqual(decode(cut, { codings: [coding], how: 'truncated' }).remarks, [])
    })
  }

  test('a gap', () => {
    const sent = gzipSync(text, { level: 0 })
    const { text: out, remarks } = decode(sent, { codings: ['gzip'], piece: 100, gapAt: 1000 })
    assert.ok(text.subarray(0, out.length).equals(out) && out.length > 900 && out.length < 1000)
    assert.deepEqual(remarks, ['gzip body has bytes missing: the rest is left out'])
    assert.deepEqual(decode(text, { codings: [], piece: 100, gapAt: 1000 }).remarks, [])
  })

  test('bombs are stopped', () => {
    const memory = new HeldMemory(1e8)
    for (const [coding, bomb] of [
      ['gzip', gzipSync(Buffer.alloc(60_000_000))],
      ['br', brotliCompressSync(Buffer.alloc(30_000_000), { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })],
      ['zstd', Buffer.concat(Array.from({ length: 200 }, () => ZSTD_ZEROS))],
    ] as const) {
      const { text: out, remarks } = decode(bomb, { codings: [coding], memory })
      assert.ok(out.length < 25_000_000)
      assert.equal(remarks.length, 1)
      assert.match(remarks[0]!, /grows to over 100 times its size|is too large/)
    }
  })

  test('zstd frames that want much memory are refused, also later ones', () => {
    const greedy = Buffer.from(ZSTD_ZEROS)
    greedy[5] = 0xff
    assert.equal(
      decode(greedy, { codings: ['zstd'] }).remarks[0],
      'zstd body wants too much memory: shown as it was sent',
    )
    const second = decode(Buffer.concat([ZSTD_HI, greedy]), { codings: ['zstd'] })
    assert.equal(second.text.toString(), 'hi')
    assert.equal(second.remarks[0], 'zstd body wants too much memory: the rest is left out')
  })

  test('too many at once are shown as sent', () => {
    const { text: out, remarks } = decode(gzipSync(text), { codings: ['gzip'], memory: new HeldMemory(-1) })
    assert.ok(out.equals(gzipSync(text)))
    assert.equal(remarks.length, 1)
  })

  test('mutated bodies: no throw, the same however they are cut', () => {
    const bodies = sound.filter(([, codings]) => codings.length > 0)
    fc.assert(
      fc.property(
        fc.constantFrom(...bodies),
        fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 40 }),
        ([, codings, sent], changes, piece) => {
          const mutated = Buffer.from(sent)
          for (const [at, value] of changes) mutated[at % mutated.length] = value
          const whole = decode(mutated, { codings })
          const cut = decode(mutated, { codings, piece })
          // a format that fails within a block may have shown more or less of it, but never something else
          const shorter = Math.min(whole.text.length, cut.text.length)
          if (whole.failed === cut.failed && !whole.failed) assert.ok(whole.text.equals(cut.text))
          else if (codings[0] !== 'zstd')
            assert.ok(whole.text.subarray(0, shorter).equals(cut.text.subarray(0, shorter)))
          assert.equal(whole.failed, cut.failed)
        },
      ),
      { seed: 3, numRuns: 800 },
    )
  })
})

describe('the bound of the whole run', () => {
  const packed = gzipSync(Buffer.alloc(1 << 20))

  test('many small bombs come to no more than it, and it is told once', () => {
    let told = 0
    const maximum = 10 << 20
    const budget = new UnpackBudget(maximum, () => told++)
    let out = 0
    let remarked = 0
    for (let body = 0; body < 200; body++) {
      const { text: unpacked, remarks, failed } = decode(packed, { codings: ['gzip'], budget, piece: 100 })
      out += unpacked.length
      assert.equal(failed, remarks.length > 0)
      if (failed) remarked++
    }
    assert.ok(out <= maximum + 21 * 200 * packed.length, `${out} bytes`)
    assert.ok(out > maximum)
    assert.ok(remarked > 100)
    assert.equal(told, 1)
  })

  test('a body that cannot begin is shown as it was sent; ordinary ones go on for ever', () => {
    const budget = new UnpackBudget(0)
    const bomb = decode(packed, { codings: ['gzip'], budget })
    assert.deepEqual(bomb.text, packed)
    assert.match(bomb.remarks[0]!, /^gzip body is more than may be unpacked in one run: shown as it was sent$/)
    const ordinary = gzipSync(noise)
    for (let body = 0; body < 50; body++) {
      const { text: unpacked, remarks } = decode(ordinary, { codings: ['gzip'], budget })
      assert.deepEqual(remarks, [])
      assert.ok(unpacked.equals(noise))
    }
  })
})
