// Reading of complete HTTP/1.x heads: the start line, and the few header fields that framing and decoding need
// (RFC 9112 §§2–6, RFC 9110 §8).

import { ByteCache } from '../byte-cache.ts'
import { findLineFeed } from '../word-scan.ts'
import type { HttpMessage } from './http-message.ts'
import { isBlank, isHttpAt } from './http-odd-line.ts'
import { requestLineOf } from './http-request-line.ts'
import { isDigit } from './http-start-line.ts'

const LF = 10
const CR = 13
const SP = 32
const SLASH = 0x2f

/** ` HTTP/1.1`. */
const VERSION_BYTES = 9
/** Of a request's target, kept in its message. */
const MAXIMUM_TARGET_BYTES = 1024
/** Longer ones are no media type that anyone asks for, and are not worth a place in the cache. */
const MAXIMUM_CACHED_TYPE_BYTES = 128

/**
 * Reads the start line and the fields of the head `buf[start..end)` into `message`, with what they say of the body's
 * end; what the method and the request mean for it is the framer's business. False when the fields contradict
 * themselves, so that the end of the body cannot be known. `fieldsRead`: the index behind the start line when readFields
 * has just read this head's fields, else 0.
 */
export function readHead(message: HttpMessage, buf: Buffer, start: number, end: number, fieldsRead: number): boolean {
  const line = fieldsRead > 0 ? fieldsRead : findLineFeed(buf, start, end) + 1
  readLine(message, buf, start, line - 1, true)
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
    if (first === 0x63 || first === 0x74 || first === 0x65) fields.read(buf, line, i - 1)
    line = i
  }
  return 0
}

/** Reads the start line that begins at `start` into `message`, where `end` has cut it off or cut it short too. */
export function readStartLine(message: HttpMessage, buf: Buffer, start: number, end: number): void {
  const lineEnd = findLineFeed(buf, start, end)
  readLine(message, buf, start, lineEnd, lineEnd < end)
}

function readLine(message: HttpMessage, buf: Buffer, start: number, lineEnd: number, isWhole: boolean): void {
  if (!message.isRequest) {
    readStatus(message, buf, start)
    return
  }
  const last = buf[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd
  let space = start
  while (space < last && !isBlank(buf[space]!)) space++
  const version = last - VERSION_BYTES
  let targetEnd = version
  if (version > space && buf[version] === SP && buf[version + 5] === SLASH && isDigit(buf[last - 1]!)) {
    message.version = (buf[last - 3]! - 48) * 10 + buf[last - 1]! - 48
  } else {
    targetEnd = isWhole ? endOfTarget(buf, space, last) : last
    if (isWhole) message.version = 0
  }
  const line = requestLineOf(buf, start, space, Math.min(targetEnd, space + 1 + MAXIMUM_TARGET_BYTES))
  message.requestLine = line
  message.method = line.method
}

/** Of a line without a right version: before the wrong one, or all of it. */
function endOfTarget(buf: Buffer, space: number, last: number): number {
  let word = last
  while (word > space && !isBlank(buf[word - 1]!)) word--
  let end = word
  while (end > space && isBlank(buf[end - 1]!)) end--
  return end > space && isHttpAt(buf, word, last) ? end : last
}

function readStatus(message: HttpMessage, buf: Buffer, start: number): void {
  let digits = start + 9
  if (buf[start + 8] === SP && isDigit(buf[digits]!)) {
    message.version = (buf[start + 5]! - 48) * 10 + buf[start + 7]! - 48
  } else {
    digits = start + 5
    while (!isBlank(buf[digits]!)) digits++
    while (isBlank(buf[digits]!)) digits++
    message.version = 0
  }
  message.status = (buf[digits]! - 48) * 100 + (buf[digits + 1]! - 48) * 10 + buf[digits + 2]! - 48
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
const EXPECT = Buffer.from('expect')
const CONTENT_BYTES = 'content-'.length

/** The field lines that matter, gathered over a head. */
export class Fields {
  contentLength = NO_LENGTH
  transferEncoding = ''
  contentEncoding = ''
  contentType = ''
  expects = false

  clear(): void {
    this.contentLength = NO_LENGTH
    this.transferEncoding = ''
    this.contentEncoding = ''
    this.contentType = ''
    this.expects = false
  }

  /** Any field line, without its final LF. */
  readLine(buf: Buffer, start: number, end: number): void {
    const first = buf[start]! | 0x20
    if (first === 0x63 || first === 0x74 || first === 0x65) this.read(buf, start, end)
  }

  /** One field line that begins with a c, e or t, folds included: `buf[start..end)` without its final LF. */
  read(buf: Buffer, start: number, end: number): void {
    const first = buf[start]! | 0x20
    if (first === 0x65) {
      if (nameIs(buf, start, end, EXPECT)) this.expects = true
      return
    }
    if (first === 0x74) {
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
      while (i < end && isFoldedBlank(buf[i]!)) i++
      const digits = i
      let length = 0
      for (; i < end && isDigit(buf[i]!); i++) length = length * 10 + buf[i]! - 48
      const sound = i > digits && i - digits <= 16 && Number.isSafeInteger(length)
      while (i < end && isFoldedBlank(buf[i]!)) i++
      const agrees = this.contentLength === NO_LENGTH || this.contentLength === length
      this.contentLength = sound && agrees && (i === end || buf[i] === 0x2c) ? length : BAD_LENGTH
    } while (i < end && this.contentLength !== BAD_LENGTH)
  }

  judge(message: HttpMessage): boolean {
    message.contentType = this.contentType
    message.expectsContinue = this.expects
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
    const isBad = this.contentLength === BAD_LENGTH
    // a client that gets such a response closes the connection
    message.framing = isBad && !message.isRequest ? 'until-close' : 'length'
    message.contentLength = isBad ? -1 : this.contentLength
    return !isBad || !message.isRequest
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
function isFoldedBlank(byte: number): boolean {
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
  while (from < end && isFoldedBlank(buf[from]!)) from++
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
