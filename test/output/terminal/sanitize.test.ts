import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { Arena } from '../../../src/core/arena.ts'
import { KERNEL_SLACK, loadSanitizeKernel, Sanitizer } from '../../../src/output/terminal/sanitize.ts'
import { escapeHidden, isHiddenCharacter, sanitizeLine } from '../../../src/output/terminal/sanitize-text.ts'

const ARENA_BYTES = 1 << 20
const INPUT_BYTES = 1 << 17

interface Options {
  asciiOnly: boolean
}

const arena = new Arena(ARENA_BYTES)
const kernel = loadSanitizeKernel(arena)
const input = arena.allocate(INPUT_BYTES + KERNEL_SLACK)
const output = arena.allocate(INPUT_BYTES + 2 * KERNEL_SLACK)

function sanitizerOf(options: Options): Sanitizer {
  return sanitizers[Number(options.asciiOnly)]!
}
const sanitizers = [false, true].map((asciiOnly) => new Sanitizer(arena, kernel, { asciiOnly }))

/** Hidden by Unicode's own property, not by our list. */
const HIDDEN = /[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028-\u202e\ufff9-\ufffb]/u

/** The rules once more, plainly: one byte or character after the other. */
function reference(bytes: Buffer, options: Options): Buffer {
  const out: number[] = []
  for (let i = 0; i < bytes.length; ) {
    const byte = bytes[i]!
    let length = 1
    let passes = byte === 9 || byte === 10 || (byte >= 32 && byte < 127) || (byte === 13 && bytes[i + 1] === 10)
    if (byte >= 128 && !options.asciiOnly) {
      for (const n of [2, 3, 4]) {
        const slice = bytes.subarray(i, i + n)
        if (slice.length === n && isUtf8(slice) && [...slice.toString()].length === 1) {
          length = n
          passes = !HIDDEN.test(slice.toString())
        }
      }
    }
    for (let k = 0; k < length; k++) out.push(passes ? bytes[i + k]! : 46)
    i += length
  }
  return Buffer.from(out)
}

/** Runs `bytes` through a sanitiser in pieces that end at `cuts`, from the arena or from a buffer outside it. */
function sanitize(bytes: Buffer, cuts: readonly number[], options: Options, inArena = true): Buffer {
  const sanitizer = sanitizerOf(options)
  const pending = new Int32Array(2)
  const source = inArena ? input : Buffer.alloc(bytes.length + 5, 0xe2)
  // what lies around the input must not matter
  const offset = 5
  input.fill(0xbf, 0, Math.min(input.length, offset + bytes.length + KERNEL_SLACK))
  bytes.copy(source, offset)
  let position = 0
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    position = sanitizer.sanitize(pending, 1, source, offset + from, offset + cut, output, position)
    from = cut
  }
  position = sanitizer.finish(pending, 1, output, position)
  return Buffer.from(output.subarray(0, position))
}

const everyOption: Options[] = [{ asciiOnly: false }, { asciiOnly: true }]

/** Bytes in which the interesting ones are dense. */
const hardByte = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0x80, 0x8b, 0x8f, 0x90, 0x9c, 0x9f, 0xa0, 0xad, 0xaf, 0xb8, 0xbb, 0xbf) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(0xc1, 0xc2, 0xcd, 0xd8, 0xe0, 0xe1, 0xe2, 0xe3, 0xed, 0xef, 0xf0, 0xf3, 0xf4),
  },
  { weight: 2, arbitrary: fc.constantFrom(0x0a, 0x0d, 0x09, 0x1b, 0x41, 0x7f, 0xf5, 0xff) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
)
const codePoint = fc.oneof(
  fc.integer({ min: 0, max: 0x7f }),
  fc.integer({ min: 0x80, max: 0x7ff }),
  fc.integer({ min: 0x800, max: 0xd7ff }),
  fc.integer({ min: 0x2000, max: 0x2070 }),
  fc.integer({ min: 0xe000, max: 0xffff }),
  fc.integer({ min: 0x10000, max: 0x10ffff }),
)
const text = fc.array(codePoint, { maxLength: 200 }).map((points) => Buffer.from(String.fromCodePoint(...points)))
const payload = fc.oneof(
  fc.array(hardByte, { maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  text,
  // mostly ASCII with something in between, so that both paths of the kernel meet
  fc
    .tuple(fc.integer({ min: 0, max: 150 }), text, fc.integer({ min: 0, max: 150 }), fc.array(hardByte))
    .map(([before, middle, after, bytes]) =>
      Buffer.concat([Buffer.alloc(before, 'GET /\r\n'), middle, Buffer.alloc(after, 'x'), Buffer.from(bytes)]),
    ),
)

test('agrees with the plain rules, whole and cut anywhere, in the arena and outside', () => {
  fc.assert(
    fc.property(
      payload,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true })),
      fc.boolean(),
      (bytes, where, inArena) => {
        const cuts = where.map((w) => Math.floor(w * bytes.length)).sort((a, b) => a - b)
        for (const options of everyOption) {
          const expected = reference(bytes, options)
          assert.deepEqual(sanitize(bytes, [], options, inArena), expected)
          assert.deepEqual(sanitize(bytes, cuts, options, inArena), expected)
        }
      },
    ),
    { seed: 20200308, numRuns: 600 },
  )
})

test('agrees with the plain rules byte by byte', () => {
  fc.assert(
    fc.property(payload, (bytes) => {
      const cuts = Array.from({ length: bytes.length }, (_, i) => i)
      for (const options of everyOption) assert.deepEqual(sanitize(bytes, cuts, options), reference(bytes, options))
    }),
    { seed: 42, numRuns: 150 },
  )
})

test('every character, at every place of a block', () => {
  const options = { asciiOnly: false }
  // a stride that is no multiple of 16 moves each character through all places
  for (let plane = 0; plane <= 0x10; plane++) {
    const points: number[] = []
    for (let p = plane << 16; p < (plane + 1) << 16; p++) if (p < 0xd800 || p > 0xdfff) points.push(p)
    for (let from = 0; from < points.length; from += 8192) {
      const slice = points.slice(from, from + 8192)
      const bytes = Buffer.from(slice.map((p) => `${String.fromCodePoint(p)}_`).join(''))
      const expected = slice
        .map((p) => {
          const character = String.fromCodePoint(p)
          const passes = p === 9 || p === 10 || !HIDDEN.test(character)
          return `${passes ? character : '.'.repeat(Buffer.byteLength(character))}_`
        })
        .join('')
      const actual = sanitize(bytes, [], options).toString()
      assert.ok(actual === expected, `code points from U+${slice[0]!.toString(16)} on`)
    }
  }
})

test('every character decides alone what becomes of it, in the midst of text', () => {
  // long enough for the path of well-formed text on both sides
  const around = Buffer.from('Zürich, 東京, naïve: '.repeat(12))
  const bytes = Buffer.alloc(2 * around.length + 4)
  around.copy(bytes)
  for (let p = 0x80; p <= 0x10ffff; p++) {
    // all that the kernel looks at more closely, and a sample of the rest
    const near = p < 0x3000 || (p >= 0xf800 && p < 0x10000) || (p >= 0x1b000 && p < 0x1f700) || p >> 12 === 0xe0
    if ((p >= 0xd800 && p <= 0xdfff) || (!near && p % 61 !== 0 && p !== 0x3164)) continue
    const length = bytes.write(String.fromCodePoint(p), around.length)
    around.copy(bytes, around.length + length)
    const end = 2 * around.length + length
    const expected = Buffer.from(bytes.subarray(0, end))
    if (isHiddenCharacter(p)) expected.fill('.', around.length, around.length + length)
    if (!sanitize(bytes.subarray(0, end), [], { asciiOnly: false }).equals(expected)) assert.fail(`U+${p.toString(16)}`)
  }
})

test('agrees with the plain rules where text and other bytes take turns', () => {
  const stretch = fc.oneof(
    payload,
    fc.integer({ min: 0, max: 400 }).map((length) => Buffer.alloc(length, 'Zürich – 東京, naïve ')),
    fc.integer({ min: 0, max: 400 }).map((length) => Buffer.alloc(length, 'Host: shop.example\r\n')),
  )
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 8 }), (stretches) => {
      const bytes = Buffer.concat(stretches)
      assert.deepEqual(sanitize(bytes, [], { asciiOnly: false }), reference(bytes, { asciiOnly: false }))
    }),
    { seed: 1996, numRuns: 400 },
  )
})

test('every pair of bytes, and every ill-formed beginning of three', () => {
  const options = { asciiOnly: false }
  const third = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]
  for (let lead = 0xc0; lead < 0x100; lead++) {
    const parts: number[] = []
    for (let second = 0; second < 256; second++) {
      for (const b of third) parts.push(lead, second, b, 0xbf, 0x20)
    }
    const bytes = Buffer.from(parts)
    assert.ok(sanitize(bytes, [], options).equals(reference(bytes, options)), `lead ${lead.toString(16)}`)
  }
})

test('long input from outside the arena goes through in pieces without cutting a character', () => {
  const options = { asciiOnly: false }
  for (const pad of [0, 1, 2, 3]) {
    const bytes = Buffer.concat([Buffer.alloc(pad, 'x'), Buffer.alloc(100_000, '\r\nü日😀')])
    assert.ok(
      sanitize(bytes.subarray(0, 99_000), [], options, false).equals(reference(bytes.subarray(0, 99_000), options)),
    )
  }
})

test('flows keep their unfinished characters apart', () => {
  const sanitizer = sanitizerOf({ asciiOnly: false })
  const pending = new Int32Array(2)
  const euro = Buffer.from('€')
  let position = sanitizer.sanitize(pending, 0, euro, 0, 2, output, 0)
  assert.equal(position, 0)
  position = sanitizer.sanitize(pending, 1, Buffer.from('a\r'), 0, 2, output, position)
  position = sanitizer.sanitize(pending, 0, euro, 2, 3, output, position)
  position = sanitizer.sanitize(pending, 1, Buffer.from('\nb'), 0, 2, output, position)
  assert.equal(output.toString('utf8', 0, position), 'a€\r\nb')
  assert.deepEqual([...pending], [0, 0])
})

test('nothing that acts on a terminal comes out, whatever goes in', () => {
  fc.assert(
    fc.property(payload, fc.boolean(), (bytes, asciiOnly) => {
      const seen = sanitize(bytes, [], { asciiOnly })
      assert.doesNotMatch(seen.toString('utf8'), /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]|\r(?!\n)/)
      assert.ok(isUtf8(seen))
    }),
    { seed: 7, numRuns: 500 },
  )
})

test('the list of hidden characters is that of Unicode and the terminal', () => {
  for (let p = 0; p <= 0x10ffff; p++) {
    if (p === 9 || p === 10 || (p >= 0xd800 && p <= 0xdfff)) continue
    if (isHiddenCharacter(p) !== HIDDEN.test(String.fromCodePoint(p))) assert.fail(`U+${p.toString(16)}`)
  }
})

test('lines of our own are sanitised too', () => {
  assert.equal(sanitizeLine('a\x1b[31mb\r\n\u202ec\ud800d é'), 'a.[31mb...c.d é')
  assert.equal(escapeHidden('"\x7f\u202e\u{e0041}é"'), '"\\u007f\\u202e\\udb40\\udc41é"')
  assert.equal(JSON.parse(escapeHidden('"\x7f\u202e\u{e0041}é"')), '\x7f\u202e\u{e0041}é')
})
