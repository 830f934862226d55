// What a host is called where people read it, and as a part of a path. The names are text from elsewhere.

import type { Endpoint } from '../../core/endpoint.ts'
import type { Names } from '../../core/ports.ts'
import { sanitizeLine } from '../terminal/sanitize-text.ts'

const MAXIMUM_NAME_CHARACTERS = 64

/** Bounded, and harmless on a terminal. */
export function shownText(text: string): string {
  return sanitizeLine(text.slice(0, MAXIMUM_NAME_CHARACTERS))
}

/** `web (172.17.0.2:80)`, or `172.17.0.2:80` where nobody knows a name. */
export function nameAndAddress(names: Names | undefined, place: number, endpoint: Endpoint): string {
  const name = shownText(names?.hostOf(place, endpoint)?.name ?? '')
  return name === '' ? endpoint.toString() : `${name} (${endpoint})`
}

/**
 * Text as a part of a path: letters, digits, `_`, `.` and `-`, at most 64 of them, and `_` for everything else. Neither
 * hidden nor taken for an option: it begins with no dot and no dash. '' for ''.
 */
export function pathPart(text: string): string {
  return text
    .slice(0, MAXIMUM_NAME_CHARACTERS)
    .replace(/[^A-Za-z0-9_.-]/g, '_')
    .replace(/^[.-]/, '_')
}
