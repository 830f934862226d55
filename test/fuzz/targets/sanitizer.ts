// Any bytes, cut anywhere, through the sanitising kernel, against a plain reading of its rules.
// Input: a byte of options (bit 0 ASCII only, bit 1 outside the arena), one that says how to cut, the bytes.

import assert from 'node:assert/strict'
import { Arena } from '../../../src/core/arena.ts'
import { KERNEL_SLACK, loadSanitizeKernel, Sanitizer } from '../../../src/output/terminal/sanitize.ts'
import type { Random } from '../random.ts'
import type { FuzzTarget } from '../target.ts'

const MAXIMUM_BYTES = 4096
const ASCII_ONLY = 1
const OUTSIDE = 2

export const sanitizer: FuzzTarget = {
  name: 'sanitizer',
  generate: (random) => Buffer.concat([random.bytes(2), text(random)]),
  start() {
    const room = new SanitizerRoom()
    return (input) => room.check(input)
  },
}

/** Bytes in which beginnings, middles and ends of characters are dense, with runs of plain text between. */
function text(random: Random): Buffer {
  const parts: Buffer[] = []
  for (let count = random.below(30); count > 0; count--) {
    switch (random.below(4)) {
      case 0:
        parts.push(Buffer.alloc(random.below(40), 'GET /\r\n'))
        break
      case 1:
        parts.push(Buffer.from(String.fromCodePoint(random.oneIn(2) ? random.below(0x2100) : random.below(0x110000))))
        break
      case 2:
        parts.push(
          Buffer.from([random.pick([0xe2, 0xf0, 0xf4, 0xed, 0xe0, 0xc2, 0xef, 0xf3]), 0x80 + random.below(64)]),
        )
        break
      default:
        parts.push(random.bytes(random.below(6)))
    }
  }
  return Buffer.concat(parts)
}

class SanitizerRoom {
  readonly #arena = new Arena(1 << 20)
  readonly #source = this.#arena.allocate(MAXIMUM_BYTES + 2 * KERNEL_SLACK)
  readonly #output = this.#arena.allocate(MAXIMUM_BYTES + 4 * KERNEL_SLACK)
  readonly #pending = new Int32Array(1)
  readonly #sanitizers: readonly Sanitizer[]

  constructor() {
    const kernel = loadSanitizeKernel(this.#arena)
    this.#sanitizers = [0, ASCII_ONLY].map(
      (bits) => new Sanitizer(this.#arena, kernel, { asciiOnly: bits === ASCII_ONLY }),
    )
  }

  check(input: Buffer): void {
    const options = input[0] ?? 0
    const cut = input[1] ?? 0
    const bytes = input.subarray(2, 2 + MAXIMUM_BYTES)
    const source = (options & OUTSIDE) !== 0 ? Buffer.alloc(bytes.length + 3) : this.#source
    source.fill(0xbf)
    bytes.copy(source, 3)
    const actual = this.#sanitize(this.#sanitizers[options & ASCII_ONLY]!, source, bytes.length, cut)
    const wanted = expected(bytes, (options & ASCII_ONLY) !== 0)
    if (!actual.equals(wanted)) assert.deepEqual(actual.toString('hex'), wanted.toString('hex'))
  }

  #sanitize(sanitizing: Sanitizer, source: Buffer, length: number, cut: number): Buffer {
    const out = this.#output
    const size = cut < 128 ? length : 1 + (cut & 31)
    let position = 0
    for (let at = 0; at < length; at += size) {
      const end = 3 + Math.min(length, at + size)
      position = sanitizing.sanitize(this.#pending, 0, source, 3 + at, end, out, position)
    }
    position = sanitizing.finish(this.#pending, 0, out, position)
    if (this.#pending[0] !== 0) assert.fail('something is pending at the end')
    return out.subarray(0, position)
  }
}

/** Unicode's own properties, not our list of ranges. */
const HIDDEN = /[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028-\u202e\ufff9-\ufffb]/u

function expected(bytes: Buffer, asciiOnly: boolean): Buffer {
  let out = ''
  for (let at = 0; at < bytes.length; ) {
    const character = characterAt(bytes, at)
    const length = Buffer.byteLength(character) || 1
    const isLine = character === '\t' || character === '\n' || (character === '\r' && bytes[at + 1] === 10)
    const passes = isLine || (character !== '' && !HIDDEN.test(character) && !(asciiOnly && length > 1))
    out += passes ? character : '.'.repeat(length)
    at += length
  }
  return Buffer.from(out)
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The well-formed character that begins there, or ''. */
function characterAt(bytes: Buffer, at: number): string {
  const lead = bytes[at]!
  const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  try {
    const character = decoder.decode(bytes.subarray(at, at + length))
    return Buffer.byteLength(character) === length ? character : ''
  } catch {
    return ''
  }
}
