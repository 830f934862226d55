// Decides whether a part of a path or key varies from request to request: a number, a UUID, a digest, a token.

/** Digests and object ids need a digit: letters alone may be a word (`facade`). */
const LEAST_HEX_LENGTH = 12
/** UUIDs, session ids and the like: long, and letters and digits mixed. */
const LEAST_TOKEN_LENGTH = 24

// What sorts of characters there are in a part.
export const DIGIT = 1
const HEX_LETTER = 2
const LETTER = 4
/** `-` and `_` within tokens. */
const JOINT = 8
const OTHER = 16

/** By code; all others are OTHER. */
const KINDS = new Uint8Array(128).map((_, code) => {
  const character = String.fromCharCode(code)
  if (/\d/.test(character)) return DIGIT
  if (/[a-f]/i.test(character)) return HEX_LETTER
  if (/[a-z]/i.test(character)) return LETTER
  return /[-_]/.test(character) ? JOINT : OTHER
})

export function kindOf(code: number): number {
  return code < KINDS.length ? KINDS[code]! : OTHER
}

/** Whether a part of these kinds of characters, so many of them digits, is a number, a UUID, long hex with a digit in it, or a token. */
export function isIdentifier(kinds: number, digits: number, length: number): boolean {
  if (digits === 0 || kinds >= OTHER) return false
  if (kinds === DIGIT) return true
  if ((kinds & (LETTER | JOINT)) === 0) return length >= LEAST_HEX_LENGTH
  return (kinds & (LETTER | HEX_LETTER)) !== 0 && length >= LEAST_TOKEN_LENGTH
}

export function isIdentifierText(text: string): boolean {
  let kinds = 0
  let digits = 0
  for (let i = 0; i < text.length; i++) {
    const kind = kindOf(text.charCodeAt(i))
    kinds |= kind
    if (kind === DIGIT) digits++
  }
  return isIdentifier(kinds, digits, text.length)
}
