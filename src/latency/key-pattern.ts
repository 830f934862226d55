// What keys of one sort have in common: `user:1` and `user:2` are `user:*`.

import { isIdentifierText } from '../core/identifiers.ts'

/** A part of a key is an identifier, or has a number at its end (`shard12`). */
const MIXED_NUMBER = /^([A-Za-z_-]+)\d+$/
const MAXIMUM_CHARACTERS = 128

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

function bounded(text: string): string {
  return text.length <= MAXIMUM_CHARACTERS ? text : `${text.slice(0, MAXIMUM_CHARACTERS - 1)}…`
}
