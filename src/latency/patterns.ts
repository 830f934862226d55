// What requests of one sort have in common: `GET /users/1` and `GET /users/2` are `GET /users/:id`, `user:1` is `user:*`.

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const NUMBER = /^\d+$/
/** Digests, object ids, tokens: letters alone may be a word (`facade`). */
const LONG_HEX = /^(?=.*\d)[0-9a-f]{12,}$/i
/** Session ids and the like: long, and letters and digits mixed. */
const TOKEN = /^(?=.*\d)(?=.*[A-Za-z])[\w-]{24,}$/
/** A part of a key is one of these, or has a number at its end (`shard12`). */
const MIXED_NUMBER = /^([A-Za-z_-]+)\d+$/

const MAXIMUM_SEGMENTS = 12
const MAXIMUM_CHARACTERS = 128

/** Of an HTTP command, `GET /users/1/orders/…`: path segments that are numbers, UUIDs, long hex or tokens become `:id`. */
export function routeOf(command: string): string {
  const space = command.indexOf(' ')
  if (space < 0) return command
  const query = command.indexOf('?', space)
  const path = query < 0 ? command : command.slice(0, query)
  const segments = path.slice(space + 1).split('/')
  const shown = segments.slice(0, MAXIMUM_SEGMENTS).map((segment) => (isIdentifier(segment) ? ':id' : segment))
  const route = `${path.slice(0, space)} ${shown.join('/')}${segments.length > MAXIMUM_SEGMENTS ? '/…' : ''}`
  return bounded(route)
}

/** Of a key, `user:123:name`: parts between `:`, `.`, `/`, `|` that vary become `*`. */
export function keyPatternOf(key: string): string {
  if (key === '') return '(no key)'
  return bounded(
    key
      .split(/([:./|])/)
      .map((part) => (isIdentifier(part) ? '*' : part.replace(MIXED_NUMBER, '$1*')))
      .join(''),
  )
}

function isIdentifier(part: string): boolean {
  return NUMBER.test(part) || UUID.test(part) || LONG_HEX.test(part) || TOKEN.test(part)
}

function bounded(text: string): string {
  return text.length <= MAXIMUM_CHARACTERS ? text : `${text.slice(0, MAXIMUM_CHARACTERS - 1)}…`
}
