// A request's start line as text, and what exchanges show of it. Lines that come again are the same object.

import { ByteCache } from './byte-cache.ts'

const CACHED_LINES = 1024
const MAXIMUM_REQUEST_CHARACTERS = 1024
const MAXIMUM_NAME_CHARACTERS = 256

/** Method and target. What exchanges call them is put together when it is first asked for. */
export class RequestLine {
  readonly method: string
  /** As sent, latin1; bounded by who reads it. */
  readonly target: string
  #request: string
  #command: string
  #path: string

  constructor(method: string, target: string) {
    this.method = method
    this.target = target
    this.#request = ''
    this.#command = ''
    this.#path = ''
  }

  /** `GET /users/1?page=2`. */
  get request(): string {
    if (this.#request === '') {
      this.#request = readableText(`${this.method} ${this.target}`).slice(0, MAXIMUM_REQUEST_CHARACTERS)
    }
    return this.#request
  }

  /** `GET /users/1`. */
  get command(): string {
    if (this.#command === '') this.#command = `${this.method} ${this.#wholePath()}`.slice(0, MAXIMUM_NAME_CHARACTERS)
    return this.#command
  }

  /** The target without its query: `/users/1`. */
  get path(): string {
    if (this.#path === '') this.#path = this.#wholePath().slice(0, MAXIMUM_NAME_CHARACTERS)
    return this.#path
  }

  #wholePath(): string {
    const query = this.target.indexOf('?')
    return readableText(query < 0 ? this.target : this.target.slice(0, query))
  }
}

const lines = new ByteCache<RequestLine>(CACHED_LINES)

/** Of `METHOD target` at `buf[start..end)`, `space` being where the method ends. */
export function requestLineOf(buf: Buffer, start: number, space: number, end: number): RequestLine {
  const known = lines.find(buf, start, end)
  if (known !== undefined) return known
  const line = new RequestLine(buf.toString('latin1', start, space), buf.toString('latin1', space + 1, end))
  lines.keep(buf, start, end, line)
  return line
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
