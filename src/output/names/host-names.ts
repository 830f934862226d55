// Names of hosts, as people read them and as parts of a path. They are text from outside.

import type { Endpoint } from '../../core/endpoint.ts'
import type { Names } from '../../core/ports.ts'
import { sanitizeLine } from '../terminal/sanitize-text.ts'

const MAXIMUM_NAME_CHARACTERS = 64

/** Limited in length, and harmless on a terminal. */
export function shownText(text: string): string {
  return sanitizeLine(text.slice(0, MAXIMUM_NAME_CHARACTERS))
}

/** `web (172.17.0.2:80)`, or `172.17.0.2:80` if no name is known. */
export function nameAndAddress(names: Names | undefined, place: number, endpoint: Endpoint): string {
  const name = shownText(names?.hostOf(place, endpoint)?.name ?? '')
  return name === '' ? endpoint.toString() : `${name} (${endpoint})`
}

/**
 * Text as a part of a path: letters, digits, `_`, `.` and `-`, at most 64 characters, and `_` for everything else. It
 * begins with no dot and no dash, so that it is not hidden or taken for an option. '' for ''.
 */
export function pathPart(text: string): string {
  return text
    .slice(0, MAXIMUM_NAME_CHARACTERS)
    .replace(/[^A-Za-z0-9_.-]/g, '_')
    .replace(/^[.-]/, '_')
}
