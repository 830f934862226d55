// Decimal numbers in the lines of text protocols, which may be cut anywhere: read byte by byte, in the forms that servers
// and their clients take. What a server refuses is no number here either, or lengths would be seen where there are none.

const PLUS = 0x2b
const MINUS = 0x2d
const ZERO = 0x30

/**
 * Redis' string2ll, and hiredis': a minus perhaps; no zero before other digits, no `-0`. Lengths in RESP, both ways.
 */
export const CANONICAL = 0
/** The same with a plus allowed, too: integers in replies, by RESP's specification. */
export const CANONICAL_OR_PLUS = 1
/** C's strtol and strtoul: either sign, zeros before other digits. */
export const AS_C = 2

/** What does not fit 64 bits is no number. */
const TOO_LARGE = 2 ** 64

/** One for many numbers, one after the other. */
export class LineNumber {
  /** Without its sign; exact to 2^53. */
  magnitude = 0
  #form = CANONICAL
  /** The byte; 0 for none. */
  #sign = 0
  #digits = 0
  /** Valid when there is a digit. */
  #beginsWithZero = false

  begin(form: number): void {
    this.magnitude = 0
    this.#form = form
    this.#sign = 0
    this.#digits = 0
  }

  /** Reads on in `buf[start..end)`: the index of the first byte that the number cannot go on with, or `end`. */
  read(buf: Buffer, start: number, end: number): number {
    const first = this.#digits === 0 ? this.#beginAt(buf, start, end) : start
    let pos = first
    let { magnitude } = this
    while (pos < end) {
      const digit = buf[pos]! - ZERO
      if (digit < 0 || digit > 9) break
      magnitude = magnitude * 10 + digit
      pos++
    }
    this.magnitude = magnitude
    this.#digits += pos - first
    return pos
  }

  get negative(): boolean {
    return this.#sign === MINUS
  }

  /** Where its digits begin. */
  #beginAt(buf: Buffer, start: number, end: number): number {
    if (start === end) return start
    const byte = buf[start]!
    this.#beginsWithZero = byte === ZERO
    if (byte >= ZERO || this.#sign !== 0 || !this.#isSign(byte)) return start
    this.#sign = byte
    this.#beginsWithZero = start + 1 < end && buf[start + 1] === ZERO
    return start + 1
  }

  /** Nothing of it was read. */
  get empty(): boolean {
    return this.#digits === 0 && this.#sign === 0
  }

  /** What was read is a number of its form. */
  get sound(): boolean {
    if (this.#digits === 0 || this.magnitude >= TOO_LARGE) return false
    // a zero stands alone, without a minus
    return !this.#beginsWithZero || this.#form === AS_C || (this.#digits === 1 && !this.negative)
  }

  get value(): number {
    return this.negative ? -this.magnitude : this.magnitude
  }

  #isSign(byte: number): boolean {
    return byte === MINUS || (byte === PLUS && this.#form !== CANONICAL)
  }
}
