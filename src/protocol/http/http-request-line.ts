// A request's start line as text, and what exchanges show of it. Lines that come again are the same object.

import { ByteCache } from '../byte-cache.ts'
import { isAscii } from '../word-scan.ts'

const SP = 32
const TAB = 9
const CACHED_LINES = 1024
const CACHED_METHODS = 32
const MAXIMUM_REQUEST_CHARACTERS = 1024
const MAXIMUM_NAME_CHARACTERS = 256

/** Those of IANA's registry that are in use, and what caches and UPnP add. */
const KNOWN_METHODS = (
  'GET HEAD POST PUT DELETE OPTIONS PATCH CONNECT TRACE QUERY PROPFIND PROPPATCH REPORT SEARCH COPY MOVE MKCOL LOCK ' +
  'UNLOCK ACL BIND UNBIND REBIND CHECKIN CHECKOUT UNCHECKOUT LABEL LINK UNLINK MERGE MKACTIVITY MKCALENDAR ' +
  'MKREDIRECTREF MKWORKSPACE ORDERPATCH UPDATE UPDATEREDIRECTREF VERSION-CONTROL BASELINE-CONTROL PURGE BAN REFRESH ' +
  'M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE'
).split(' ')
const knownMethods = new Set(KNOWN_METHODS)
const LONGEST_KNOWN_METHOD = 17

/** Method and target. What exchanges call them is put together when it is first asked for. */
export class RequestLine {
  readonly method: string
  /** `METHOD target`, latin1; bounded by who reads it. */
  readonly #text: string
  readonly #isAscii: boolean
  #request: string
  #command: string
  #path: string

  constructor(method: string, text: string, isAscii: boolean) {
    this.method = method
    this.#text = text
    this.#isAscii = isAscii
    this.#request = ''
    this.#command = ''
    this.#path = ''
  }

  /** As sent, latin1. */
  get target(): string {
    return this.#text.slice(this.method.length + 1)
  }

  /** `GET /users/1?page=2`. */
  get request(): string {
    if (this.#request === '') {
      const text = this.#isAscii ? this.#text : readableText(this.#text)
      this.#request = bounded(text, MAXIMUM_REQUEST_CHARACTERS)
    }
    return this.#request
  }

  /** `GET /users/1`. */
  get command(): string {
    if (this.#command === '') {
      const command = this.#isAscii ? this.#text.slice(0, this.#pathEnd()) : `${this.method} ${this.#readablePath()}`
      this.#command = bounded(command, MAXIMUM_NAME_CHARACTERS)
    }
    return this.#command
  }

  /** The target without its query: `/users/1`. */
  get path(): string {
    if (this.#path === '') {
      const path = this.#isAscii ? this.#text.slice(this.method.length + 1, this.#pathEnd()) : this.#readablePath()
      this.#path = bounded(path, MAXIMUM_NAME_CHARACTERS)
    }
    return this.#path
  }

  #readablePath(): string {
    return readableText(this.#text.slice(this.method.length + 1, this.#pathEnd()))
  }

  #pathEnd(): number {
    const query = this.#text.indexOf('?', this.method.length)
    return query < 0 ? this.#text.length : query
  }
}

/**
 * For a line that may not begin at its first byte: whether it may be the rest of one (`ET`), or the end of a body with one
 * behind it (`fooGET`).
 */
export function mayBeginElsewhere(line: RequestLine): boolean {
  if (line.target.includes(' ')) return true
  const method = line.method.toUpperCase()
  if (knownMethods.has(method)) return false
  return KNOWN_METHODS.some((known) => known.endsWith(method) || method.endsWith(known))
}

/** Is `buf[start..end)` a method that is in use? */
export function isKnownMethod(buf: Buffer, start: number, end: number): boolean {
  return end - start <= LONGEST_KNOWN_METHOD && knownMethods.has(buf.toString('latin1', start, end))
}

/** May `buf[0..length)` be the beginning of a request with a known method? */
export function beginsWithKnownMethod(buf: Buffer, length: number): boolean {
  const text = buf.toString('latin1', 0, Math.min(length, LONGEST_KNOWN_METHOD + 1))
  const space = text.indexOf(' ')
  if (space >= 0) return knownMethods.has(text.slice(0, space))
  return KNOWN_METHODS.some((method) => method.startsWith(text))
}

const lines = new ByteCache<RequestLine>(CACHED_LINES)
const methods = new ByteCache<string>(CACHED_METHODS)

/** Of `METHOD target` at `buf[start..end)`, `space` being where the method ends. More blanks between them are not kept. */
export function requestLineOf(buf: Buffer, start: number, space: number, end: number): RequestLine {
  const known = lines.find(buf, start, end)
  if (known !== undefined) return known
  const bytes = buf.toString('latin1', start, end)
  const method = methodOf(buf, start, space, bytes)
  let target = space + 1
  while (target < end && (buf[target] === SP || buf[target] === TAB)) target++
  const text = target === space + 1 && buf[space] === SP ? bytes : `${method} ${bytes.slice(target - start)}`
  const line = new RequestLine(method, text, isAscii(buf, start, end))
  lines.keep(bytes, line)
  return line
}

/** `text` begins with the same method. */
function methodOf(buf: Buffer, start: number, end: number, text: string): string {
  const known = methods.find(buf, start, end)
  if (known !== undefined) return known
  const method = text.slice(0, end - start)
  methods.keep(method, method)
  return method
}

function bounded(text: string, characters: number): string {
  return text.length <= characters ? text : text.slice(0, characters)
}

/** Text of which each character is a byte, as UTF-8 if that is what the bytes are. */
function readableText(latin1: string): string {
  for (let i = 0; i < latin1.length; i++) {
    if (latin1.charCodeAt(i) < 0x80) continue
    const text = Buffer.from(latin1, 'latin1').toString('utf8')
    return text.includes('\ufffd') ? latin1 : text
  }
  return latin1
}
