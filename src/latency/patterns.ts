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

const SLASH = 0x2f
const QUESTION = 0x3f

/** One for all: a route is put together in one go. */
const route = new KnownText(KNOWN_ROUTES)

/**
 * Of an HTTP command, `GET /users/1/orders/…`: path segments that are numbers, UUIDs, long hex or tokens become `:id`. By
 * hand and not by patterns: it is asked for every request.
 */
export function routeOf(command: string): string {
  const space = command.indexOf(' ')
  if (space < 0) return command
  route.begin()
  let copied = 0
  let start = space + 1
  let segments = 0
  let end = start
  for (; end <= command.length; end++) {
    const code = end === command.length ? QUESTION : command.charCodeAt(end)
    if (code !== SLASH && code !== QUESTION) continue
    if (++segments > MAXIMUM_SEGMENTS) {
      route.put(command, copied, start - 1)
      route.put('/…', 0, 2)
      return bounded(route.finish())
    }
    if (isIdentifier(command, start, end)) {
      route.put(command, copied, start)
      route.put(':id', 0, 3)
      copied = end
    }
    if (code === QUESTION) break
    start = end + 1
  }
  route.put(command, copied, end)
  return bounded(route.finish())
}

/** Of a key, `user:123:name`: parts between `:`, `.`, `/`, `|` that vary become `*`. */
export function keyPatternOf(key: string): string {
  if (key === '') return '(no key)'
  return bounded(
    key
      .split(/([:./|])/)
      .map((part) => (isIdentifier(part, 0, part.length) ? '*' : part.replace(MIXED_NUMBER, '$1*')))
      .join(''),
  )
}

/** Whether `text[start..end)` is a number, a UUID, long hex with a digit in it, or a token. */
function isIdentifier(text: string, start: number, end: number): boolean {
  const length = end - start
  let digits = 0
  let hexLetters = 0
  let letters = 0
  let joints = 0
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i)
    const lower = code | 0x20
    if (code >= 0x30 && code <= 0x39) digits++
    else if (lower >= 0x61 && lower <= 0x66) hexLetters++
    else if (lower > 0x66 && lower <= 0x7a) letters++
    else if (code === 0x2d || code === 0x5f) joints++
    else return false
  }
  if (digits === 0) return false
  if (digits === length) return true
  if (letters + joints === 0) return length >= LEAST_HEX_LENGTH
  return letters + hexLetters > 0 && length >= LEAST_TOKEN_LENGTH
}

function bounded(text: string): string {
  return text.length <= MAXIMUM_CHARACTERS ? text : `${text.slice(0, MAXIMUM_CHARACTERS - 1)}…`
}
