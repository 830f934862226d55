// Which characters never reach a terminal, and the same rule for our own strings (names, messages).

/**
 * First and last code point of every range that is hidden, besides ill-formed UTF-8: what moves the cursor or changes the
 * terminal (C0 but TAB and LF, DEL, C1), what changes the order of text (bidirectional controls, U+2028 and U+2029), and
 * what cannot be seen (Unicode's Default_Ignorable_Code_Point: soft hyphen, zero-width characters and joiners, fillers,
 * variation selectors, tags; and U+FFF9–FFFB). Private use, unassigned characters and noncharacters pass: terminals show
 * a box. In order. The tables of sanitize.wat are made from this list: test/support/build-wasm.ts, after a change.
 */
export const HIDDEN_RANGES: readonly (readonly [number, number])[] = [
  [0x00, 0x08],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff],
]

const CLASS = HIDDEN_RANGES.map(([first, last]) => `\\u{${first.toString(16)}}-\\u{${last.toString(16)}}`).join('')
/** Lone surrogates cannot be written as UTF-8: they count as hidden. TAB and LF are let through by the first, not the second. */
const HIDDEN = new RegExp(`[${CLASS}\\u{d800}-\\u{dfff}]`, 'gu')
const LF = 10
const HIDDEN_OR_LINE = new RegExp(`[${CLASS}\\u{d800}-\\u{dfff}\\t\\n]`, 'gu')

export function isHiddenCharacter(codePoint: number): boolean {
  for (const [first, last] of HIDDEN_RANGES) {
    if (codePoint < first) return false
    if (codePoint <= last) return true
  }
  return false
}

/** Text of one line: every hidden character, TAB and LF becomes `.`, so that nothing in a name or message acts. */
export function sanitizeLine(text: string): string {
  return isPlainAscii(text) ? text : text.replace(HIDDEN_OR_LINE, '.')
}

/** Text of any number of lines: TAB, LF and CR LF stay, every other hidden character becomes `.`. */
export function sanitizeText(text: string): string {
  return text.replace(HIDDEN, (character, at: number) =>
    character === '\r' && text.charCodeAt(at + 1) === LF ? character : '.',
  )
}

/** True when all characters are printable ASCII: names of flows are, and a loop costs a tenth of the pattern. */
function isPlainAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) return false
  }
  return true
}

/** Hidden characters of text that lies inside a JSON string already, as \u escapes. */
export function escapeHidden(text: string): string {
  return text.replace(HIDDEN, asEscapes)
}

function asEscapes(character: string): string {
  let escaped = ''
  for (let i = 0; i < character.length; i++) {
    escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
  }
  return escaped
}
