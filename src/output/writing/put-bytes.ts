// Writes pieces of a line straight into an output buffer: for millions of lines, strings cost several times as much.
// Each function writes at `at` and returns the position after it; there must be room.

import { WordView } from '../../core/word-view.ts'

const ZERO = 48
const WORD_BYTES = 4

const view = new WordView()

/** Text that is written again and again. */
export class Literal {
  readonly length: number
  /** Its bytes, four each, little-endian; what is missing in the last one is 0. */
  readonly words: Int32Array

  /** As UTF-8. */
  constructor(text: string) {
    const bytes = Buffer.from(text)
    const padded = Buffer.alloc(Math.ceil(bytes.length / WORD_BYTES) * WORD_BYTES)
    bytes.copy(padded)
    this.length = bytes.length
    this.words = new Int32Array(padded.length / WORD_BYTES)
    for (let i = 0; i < this.words.length; i++) this.words[i] = padded.readInt32LE(i * WORD_BYTES)
  }
}

/** Up to three bytes after it are overwritten, so there must be room for them too. */
export function putLiteral(literal: Literal, out: Buffer, at: number): number {
  const { words, length } = literal
  const target = view.of(out)
  for (let i = 0; i < words.length; i++) target.setInt32(at + i * WORD_BYTES, words[i]!, true)
  return at + length
}

/** Text of printable ASCII; -1 if it contains anything else, and then what was written does not count. */
export function putAscii(text: string, out: Buffer, at: number): number {
  const { length } = text
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) return -1
    out[at + i] = code
  }
  return at + length
}

/** The last `places` digits of a whole number below 2³¹, with leading zeros. */
export function putDigits(value: number, places: number, out: Buffer, at: number): number {
  let rest = value | 0
  for (let i = at + places - 1; i >= at; i--) {
    const next = (rest / 10) | 0
    out[i] = ZERO + rest - next * 10
    rest = next
  }
  return at + places
}

/** As String() has it; not negative. */
export function putNumber(value: number, out: Buffer, at: number): number {
  const whole = value | 0
  return whole === value ? putDigits(whole, placesOf(whole), out, at) : putAscii(String(value), out, at)
}

function placesOf(whole: number): number {
  if (whole < 10) return 1
  let places = 2
  for (let rest = (whole / 100) | 0; rest > 0; rest = (rest / 10) | 0) places++
  return places
}
