// What HTTP requests of one sort have in common: `GET /users/1` and `GET /users/2` are `GET /users/:id`.

import type { ExchangeGrouping } from '../../core/exchange-grouping.ts'
import { DIGIT, isIdentifier, kindOf } from '../../core/identifiers.ts'
import { KnownText } from '../known-text.ts'

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

export const httpGrouping: ExchangeGrouping = {
  commandOf: methodOf,
  routeOf,
  keyPatternOf: (path) => routeOf(` ${path}`).slice(1),
}

function methodOf(command: string): string {
  const space = command.indexOf(' ')
  return space < 0 ? command : command.slice(0, space)
}
