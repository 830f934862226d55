// Pieces of a line put straight into an output buffer: for lines of which there are millions, strings cost several times
// as much. Each function puts at `at` and returns the position behind; there must be room.

const ZERO = 48
const LARGEST_SHORT = 0x7fffffff

export function putBytes(bytes: Uint8Array, out: Buffer, at: number): number {
  const { length } = bytes
  for (let i = 0; i < length; i++) out[at + i] = bytes[i]!
  return at + length
}

/** Text of printable ASCII; -1 where there is other text in it, and what was put then does not count. */
export function putAscii(text: string, out: Buffer, at: number): number {
  const { length } = text
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) return -1
    out[at + i] = code
  }
  return at + length
}

/** The last `places` digits of a whole number below 2³¹, with zeros before. */
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
  if (value > LARGEST_SHORT || !Number.isInteger(value)) return putAscii(String(value), out, at)
  let places = 1
  for (let limit = 10; value >= limit; limit *= 10) places++
  return putDigits(value, places, out, at)
}
