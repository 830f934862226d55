// Reading of HTTP/1.x heads: what looks like a start line, and the few header fields that framing and decoding need
// (RFC 9112 §§2–6, RFC 9110 §8).

import { ByteCache } from '../byte-cache.ts'
import { findControl, findLineFeed } from '../word-scan.ts'
import type { HttpMessage } from './http-message.ts'
import { requestLineOf } from './http-request-line.ts'

/** No start line may be longer; also bounds what is held back while one is incomplete. */
export const MAXIMUM_START_LINE_BYTES = 16384

const LF = 10
const CR = 13
const SP = 32

/** Answers of `matchStartLine`; a positive one is the line's length. */
export const NO_MATCH = 0
export const MORE_NEEDED = -1

const RESPONSE_START = 'HTTP/1.'
const RESPONSE_START_BYTES = Buffer.from(RESPONSE_START)
/** By so many bytes a response is known. */
export const RESPONSE_BYTES = 13
const LONGEST_METHOD = 32
/** Of a request's target, kept in its message. */
const MAXIMUM_TARGET_BYTES = 1024
/** Longer ones are no media type that anyone asks for, and are not worth a place in the cache. */
const MAXIMUM_CACHED_TYPE_BYTES = 128

/**
 * Is there an HTTP/1.x start line at `buf[start..end)`? Gives its length with the line's end, NO_MATCH, or MORE_NEEDED
 * when what is there could still become one. `checked` bytes from `start` were found plausible by an earlier call.
 */
export function matchStartLine(buf: Buffer, start: number, end: number, checked: number): number {
  const response = matchStatusLine(buf, start, end, checked)
  if (response === NO_MATCH) return matchRequestLine(buf, start, end, checked)
  return response
}

/** The same for a response only. */
export function matchStatusLine(buf: Buffer, start: number, end: number, checked: number): number {
  const response = matchResponse(buf, start, end)
  return response > 0 ? restOfLine(buf, start, end, checked) : response
}

/** `HTTP/1.`, digit, space, three digits, end of word: 13 when it is there. */
export function matchResponse(buf: Buffer, start: number, end: number): number {
  const count = Math.min(end - start, RESPONSE_BYTES)
  for (let i = 0; i < count; i++) if (!fitsResponse(i, buf[start + i]!)) return NO_MATCH
  return count === RESPONSE_BYTES ? RESPONSE_BYTES : MORE_NEEDED
}

/** Is the start line at `start` a response's? It is known to be one: no method goes on with a slash. */
export function isStatusLine(buf: Buffer, start: number): boolean {
  return buf[start + 3] === RESPONSE_START_BYTES[3] && buf[start + 4] === RESPONSE_START_BYTES[4]
}

/** What a response begins with: may `byte` be the one at `index`? */
export function fitsResponse(index: number, byte: number): boolean {
  if (index < 7) return byte === RESPONSE_START_BYTES[index]
  if (index === 8) return byte === SP
  if (index === 12) return byte === SP || byte === CR || byte === LF
  return isDigit(byte)
}

/** Where `HTTP/1.` begins, or its beginning is cut off by `end`; `end` when nowhere. */
export function findResponse(buf: Buffer, start: number, end: number): number {
  if (start >= end) return end
  const found = buf.subarray(start, end).indexOf(RESPONSE_START, 0, 'latin1')
  if (found >= 0) return start + found
  for (let from = Math.max(start, end - RESPONSE_START.length + 1); from < end; from++) {
    let i = from
    while (i < end && buf[i] === RESPONSE_START_BYTES[i - from]) i++
    if (i === end) return from
  }
  return end
}

/** Upper-case method, space, target, space, `HTTP/1.` and a digit. Method and target are judged before the line ends. */
function matchRequestLine(buf: Buffer, start: number, end: number, checked: number): number {
  let space = start
  while (space < end && isMethodByte(buf[space]!)) space++
  if (space - start > LONGEST_METHOD) return NO_MATCH
  if (space === end) return MORE_NEEDED
  if (space - start < 3 || buf[space] !== SP) return NO_MATCH
  const length = restOfLine(buf, start, end, checked)
  if (length <= 0) return length
  let last = start + length - 1
  if (buf[last - 1] === CR) last--
  // ` HTTP/1.x` with a target before it
  const version = last - 9
  if (version <= start || buf[version] !== SP || !isDigit(buf[last - 1]!)) return NO_MATCH
  for (let i = 0; i < 7; i++) if (buf[version + 1 + i] !== RESPONSE_START_BYTES[i]) return NO_MATCH
  return space < version ? length : NO_MATCH
}

/** Length of the line, or NO_MATCH when a control character stands in it or it is too long. */
function restOfLine(buf: Buffer, start: number, end: number, checked: number): number {
  const limit = Math.min(end, start + MAXIMUM_START_LINE_BYTES)
  // one byte back: a CR may have been the last one checked
  let i = findControl(buf, start + Math.max(0, checked - 1), limit)
  for (; i < limit; i = findControl(buf, i + 1, limit)) {
    const byte = buf[i]!
    if (byte === 9) continue
    if (byte === LF) return i + 1 - start
    if (byte !== CR || (i + 1 < end && buf[i + 1] !== LF)) return NO_MATCH
  }
  return end - start >= MAXIMUM_START_LINE_BYTES ? NO_MATCH : MORE_NEEDED
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57
}

/** Methods in the wild: upper-case letters, `-` (M-SEARCH) and `_` (CCM_POST). */
function isMethodByte(byte: number): boolean {
  return (byte >= 65 && byte <= 90) || byte === 45 || byte === 95
}

/**
 * Reads the start line and the fields of the head `buf[start..end)` into `message`, with what they say of the body's
 * end; what the method and the request mean for it is the framer's business. False when the fields contradict
 * themselves, so that the end of the body cannot be known. `fieldsRead`: the index behind the start line when readFields
 * has just read this head's fields, else 0.
 */
export function readHead(message: HttpMessage, buf: Buffer, start: number, end: number, fieldsRead: number): boolean {
  const line = fieldsRead > 0 ? fieldsRead : findLineFeed(buf, start, end) + 1
  readStartLine(message, buf, start, line - 1)
  if (fieldsRead === 0) readFields(buf, line, end)
  return fields.judge(message)
}

/**
 * Reads field lines, the first of which begins at `start`, for the readHead that follows. Index behind the blank line
 * that ends the head, or 0 when it does not come before `end`: then nothing is read.
 */
export function readFields(buf: Buffer, start: number, end: number): number {
  fields.clear()
  let line = start
  for (let i = start; i < end; ) {
    i = findLineFeed(buf, i, end)
    if (i >= end) return 0
    if (i <= line + 1 && (i === line || buf[line] === CR)) return i + 1
    i++
    // obsolete folding: a line that begins with white space goes on from the one before (RFC 9112 §5.2)
    if (i < end && (buf[i] === SP || buf[i] === 9)) continue
    const first = buf[line]! | 0x20
    if (first === 0x63 || first === 0x74) fields.read(buf, line, i - 1)
    line = i
  }
  return 0
}

function readStartLine(message: HttpMessage, buf: Buffer, start: number, lineEnd: number): void {
  if (!message.isRequest) {
    message.minorVersion = buf[start + 7]! - 48
    message.status = (buf[start + 9]! - 48) * 100 + (buf[start + 10]! - 48) * 10 + buf[start + 11]! - 48
    return
  }
  const last = buf[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd
  let space = start
  while (buf[space] !== SP) space++
  const line = requestLineOf(buf, start, space, Math.min(last - 9, space + 1 + MAXIMUM_TARGET_BYTES))
  message.minorVersion = buf[last - 1]! - 48
  message.requestLine = line
  message.method = line.method
}

/** `contentLength` while no such field was read, and when what was read is no length. */
const NO_LENGTH = -1
const BAD_LENGTH = -2
const NO_CODINGS: readonly string[] = []
/** Field lines, as sent → media types. */
const typeLines = new ByteCache<string>(256)

/** In lower case. */
const TRANSFER_ENCODING = Buffer.from('transfer-encoding')
const CONTENT_LENGTH = Buffer.from('content-length')
const CONTENT_ENCODING = Buffer.from('content-encoding')
const CONTENT_TYPE = Buffer.from('content-type')
const CONTENT_BYTES = 'content-'.length

/** The field lines that matter, gathered over a head. */
class Fields {
  contentLength = NO_LENGTH
  transferEncoding = ''
  contentEncoding = ''
  contentType = ''

  clear(): void {
    this.contentLength = NO_LENGTH
    this.transferEncoding = ''
    this.contentEncoding = ''
    this.contentType = ''
  }

  /** One field line that begins with a c or a t, folds included: `buf[start..end)` without its final LF. */
  read(buf: Buffer, start: number, end: number): void {
    if ((buf[start]! | 0x20) === 0x74) {
      if (nameIs(buf, start, end, TRANSFER_ENCODING)) this.transferEncoding += `,${fieldValue(buf, start, end)}`
      return
    }
    switch (buf[Math.min(start + CONTENT_BYTES, end)]! | 0x20) {
      case 0x6c:
        if (nameIs(buf, start, end, CONTENT_LENGTH)) this.#readLength(buf, start, end)
        return
      case 0x65:
        if (nameIs(buf, start, end, CONTENT_ENCODING)) this.contentEncoding += `,${fieldValue(buf, start, end)}`
        return
      case 0x74:
        if (this.contentType === '') this.contentType = contentTypeOf(buf, start, end)
    }
  }

  /** The one length that all values of all lines agree on. */
  #readLength(buf: Buffer, start: number, end: number): void {
    let i = start
    while (buf[i] !== 0x3a) i++
    do {
      i++
      while (i < end && isBlank(buf[i]!)) i++
      const digits = i
      let length = 0
      for (; i < end && isDigit(buf[i]!); i++) length = length * 10 + buf[i]! - 48
      const sound = i > digits && i - digits <= 16 && Number.isSafeInteger(length)
      while (i < end && isBlank(buf[i]!)) i++
      const agrees = this.contentLength === NO_LENGTH || this.contentLength === length
      this.contentLength = sound && agrees && (i === end || buf[i] === 0x2c) ? length : BAD_LENGTH
    } while (i < end && this.contentLength !== BAD_LENGTH)
  }

  judge(message: HttpMessage): boolean {
    message.contentType = this.contentType
    const contentCodings = this.contentEncoding === '' ? NO_CODINGS : listOf(this.contentEncoding)
    if (this.transferEncoding !== '') {
      const transferCodings = listOf(this.transferEncoding)
      const chunked = transferCodings.at(-1) === 'chunked'
      message.codings = [...contentCodings, ...transferCodings.filter((coding) => coding !== 'chunked')]
      message.framing = chunked ? 'chunked' : 'until-close'
      // a request that is not chunked at last would never end (RFC 9112 §6.3)
      return chunked || !message.isRequest
    }
    message.codings = contentCodings
    if (this.contentLength === NO_LENGTH) {
      message.framing = message.isRequest ? 'none' : 'until-close'
      return true
    }
    message.framing = 'length'
    message.contentLength = this.contentLength === BAD_LENGTH ? -1 : this.contentLength
    return this.contentLength !== BAD_LENGTH
  }
}

/** One for all: a head is read in one go. */
const fields = new Fields()

/** Does the field line begin with `name`, in any case, white space, and a colon? */
function nameIs(buf: Buffer, start: number, end: number, name: Uint8Array): boolean {
  const length = name.length
  if (end - start <= length) return false
  for (let i = 0; i < length; i++) if ((buf[start + i]! | 0x20) !== name[i]) return false
  let i = start + length
  while (i < end && (buf[i] === SP || buf[i] === 9)) i++
  return buf[i] === 0x3a
}

/** White space within a field's value, folds included. */
function isBlank(byte: number): boolean {
  return byte === SP || byte === 9 || byte === CR || byte === LF
}

/** Of a line that may be of content-type: the media type in lower case, without parameters; else ''. */
function contentTypeOf(buf: Buffer, start: number, end: number): string {
  const known = typeLines.find(buf, start, end)
  if (known !== undefined) return known
  if (!nameIs(buf, start, end, CONTENT_TYPE)) return ''
  let from = start
  while (buf[from] !== 0x3a) from++
  from++
  while (from < end && isBlank(buf[from]!)) from++
  let to = from
  while (to < end && buf[to] !== 0x3b && buf[to] !== CR) to++
  const type = buf.toString('latin1', from, to).trim().toLowerCase()
  if (end - start <= MAXIMUM_CACHED_TYPE_BYTES) typeLines.keep(buf.toString('latin1', start, end), type)
  return type
}

function fieldValue(buf: Buffer, start: number, end: number): string {
  return buf.toString('latin1', buf.indexOf(0x3a, start) + 1, end).trim()
}

/** The members of a comma-separated list, lower case, without parameters, `identity` and empty ones. */
function listOf(value: string): string[] {
  if (value === '') return []
  return value
    .toLowerCase()
    .split(',')
    .map((member) => member.split(';')[0]!.trim())
    .filter((member) => member !== '' && member !== 'identity')
}
