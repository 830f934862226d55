// What requests of one sort have in common: `GET /users/1` and `GET /users/2` are `GET /users/:id`, `user:1` is `user:*`.

import { KnownText } from './known-text.ts'

/** Digests, object ids: letters alone may be a word (`facade`). */
const LEAST_HEX_LENGTH = 12
/** UUIDs, session ids and the like: long, and letters and digits mixed. */
const LEAST_TOKEN_LENGTH = 24
/** A part of a key is one of these, or has a number at its end (`shard12`). */
const MIXED_NUMBER = /^([A-Za-z_-]+)\d+$/

const MAXIMUM_SEGMENTS = 12
/** Different routes that are known at a time. */
const KNOWN_ROUTES = 1024
const MAXIMUM_CHARACTERS = 128

const PLACEHOLDER = ':id'
const BLANK = 0x20
const SLASH = 0x2f
const QUESTION = 0x3f

/** One for all: a route is put together in one go. */
const route = new KnownText(KNOWN_ROUTES)

/**
 * Of an HTTP command, `GET /users/1/orders/…`: path segments that are numbers, UUIDs, long hex or tokens become `:id`. By
 * hand and not by patterns, and each character is looked at once: it is asked for every request.
 */
export function routeOf(command: string): string {
  const units = route.begin(command.length + MAXIMUM_SEGMENTS * PLACEHOLDER.length)
  let length = 0
  while (length < command.length && command.charCodeAt(length) !== BLANK) units[length] = command.charCodeAt(length++)
  if (length === command.length) return command
  units[length++] = BLANK
  let segments = 0
  for (let i = length; ; i++) {
    const start = length
    let kinds = 0
    let digits = 0
    let code = QUESTION
    for (; i < command.length; i++) {
      code = command.charCodeAt(i)
      if (code === SLASH || code === QUESTION) break
      const kind = kindOf(code)
      kinds |= kind
      if (kind === DIGIT) digits++
      units[length++] = code
    }
    if (++segments > MAXIMUM_SEGMENTS) {
      length = put('/…', units, start - 1)
      break
    }
    if (isIdentifier(kinds, digits, length - start)) length = put(PLACEHOLDER, units, start)
    if (i >= command.length || code === QUESTION) break
    units[length++] = SLASH
  }
  if (length > MAXIMUM_CHARACTERS) length = put('…', units, MAXIMUM_CHARACTERS - 1)
  return route.finish(length)
}

/** Returns the index behind it. */
function put(text: string, units: Uint16Array, at: number): number {
  for (let i = 0; i < text.length; i++) units[at + i] = text.charCodeAt(i)
  return at + text.length
}

/** Of a key, `user:123:name`: parts between `:`, `.`, `/`, `|` that vary become `*`. */
export function keyPatternOf(key: string): string {
  if (key === '') return '(no key)'
  return bounded(
    key
      .split(/([:./|])/)
      .map((part) => (isIdentifierText(part) ? '*' : part.replace(MIXED_NUMBER, '$1*')))
      .join(''),
  )
}

// What sorts of characters there are in a part.
const DIGIT = 1
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

function kindOf(code: number): number {
  return code < KINDS.length ? KINDS[code]! : OTHER
}

/** Whether a part of these kinds of characters, so many of them digits, is a number, a UUID, long hex with a digit in it, or a token. */
function isIdentifier(kinds: number, digits: number, length: number): boolean {
  if (digits === 0 || kinds >= OTHER) return false
  if (kinds === DIGIT) return true
  if ((kinds & (LETTER | JOINT)) === 0) return length >= LEAST_HEX_LENGTH
  return (kinds & (LETTER | HEX_LETTER)) !== 0 && length >= LEAST_TOKEN_LENGTH
}

function isIdentifierText(text: string): boolean {
  let kinds = 0
  let digits = 0
  for (let i = 0; i < text.length; i++) {
    const kind = kindOf(text.charCodeAt(i))
    kinds |= kind
    if (kind === DIGIT) digits++
  }
  return isIdentifier(kinds, digits, text.length)
}

function bounded(text: string): string {
  return text.length <= MAXIMUM_CHARACTERS ? text : `${text.slice(0, MAXIMUM_CHARACTERS - 1)}…`
}
