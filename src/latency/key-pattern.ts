// The pattern of a key: `user:1` and `user:2` are both `user:*`.

import { isIdentifierText } from '../core/identifiers.ts'

/** A part of a key varies if it is an identifier (identifiers.ts), or a word with a number at its end (`shard12`). */
const MIXED_NUMBER = /^([A-Za-z_-]+)\d+$/
const MAXIMUM_CHARACTERS = 128

/** Replaces the parts of a key that vary by `*`: `user:123:name` becomes `user:*:name`. Parts end at `:`, `.`, `/` and `|`. */
export function keyPatternOf(key: string): string {
  if (key === '') return '(no key)'
  return bounded(
    key
      .split(/([:./|])/)
      .map((part) => (isIdentifierText(part) ? '*' : part.replace(MIXED_NUMBER, '$1*')))
      .join(''),
  )
}

function bounded(text: string): string {
  return text.length <= MAXIMUM_CHARACTERS ? text : `${text.slice(0, MAXIMUM_CHARACTERS - 1)}…`
}
