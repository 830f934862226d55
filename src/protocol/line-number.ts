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

/** Digits after zeros that are left out: no more fit 64 bits. */
const MOST_DIGITS = 20

/** One for many numbers, one after the other. */
export class LineNumber {
  /** Without its sign; exact to 2^53. */
  magnitude = 0
  negative = false
  #form = CANONICAL
  #signed = false
  /** All that were read, and those after zeros. */
  #digits = 0
  #significant = 0

  begin(form: number): void {
    this.magnitude = 0
    this.negative = false
    this.#form = form
    this.#signed = false
    this.#digits = 0
    this.#significant = 0
  }

  /** Reads on in `buf[start..end)`: the index of the first byte that the number cannot go on with, or `end`. */
  read(buf: Buffer, start: number, end: number): number {
    let pos = start
    if (this.empty && pos < end && this.#isSign(buf[pos]!)) {
      this.#signed = true
      this.negative = buf[pos++] === MINUS
    }
    let { magnitude } = this
    let digits = this.#digits
    let significant = this.#significant
    while (pos < end) {
      const digit = buf[pos]! - ZERO
      if (!(digit >= 0 && digit <= 9) || significant === MOST_DIGITS) break
      magnitude = magnitude * 10 + digit
      digits++
      if (magnitude > 0) significant++
      pos++
    }
    this.magnitude = magnitude
    this.#digits = digits
    this.#significant = significant
    return pos
  }

  /** Nothing of it was read. */
  get empty(): boolean {
    return this.#digits === 0 && !this.#signed
  }

  /** What was read is a number of its form. */
  get sound(): boolean {
    const digits = this.#digits
    if (digits === 0) return false
    if (this.#form === AS_C) return true
    // a zero stands alone, without a minus
    return this.#significant === digits || (digits === 1 && !this.negative)
  }

  get value(): number {
    return this.negative ? -this.magnitude : this.magnitude
  }

  #isSign(byte: number): boolean {
    return byte === MINUS || (byte === PLUS && this.#form !== CANONICAL)
  }
}
