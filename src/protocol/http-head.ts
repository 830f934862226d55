// Reading of HTTP/1.x heads: what looks like a start line, and the few header fields that framing and decoding need
// (RFC 9112 §§2–6, RFC 9110 §8).

import type { HttpMessage } from './http-message.ts'

/** No start line may be longer; also bounds what is held back while one is incomplete. */
export const MAXIMUM_START_LINE_BYTES = 16384

const LF = 10
const CR = 13
const SP = 32

/** Answers of `matchStartLine`; a positive one is the line's length. */
export const NO_MATCH = 0
export const MORE_NEEDED = -1

const RESPONSE_START = 'HTTP/1.'
const LONGEST_METHOD = 32
/** Of a request's target, kept in its message. */
const MAXIMUM_TARGET_BYTES = 1024

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
  const count = Math.min(end - start, 13)
  for (let i = 0; i < count; i++) {
    const byte = buf[start + i]!
    let fits: boolean
    if (i < 7) fits = byte === RESPONSE_START.charCodeAt(i)
    else if (i === 8) fits = byte === SP
    else if (i === 12) fits = byte === SP || byte === CR || byte === LF
    else fits = isDigit(byte)
    if (!fits) return NO_MATCH
  }
  return count === 13 ? 13 : MORE_NEEDED
}

/** Where `HTTP/1.` begins, or its beginning is cut off by `end`; `end` when nowhere. */
export function findResponse(buf: Buffer, start: number, end: number): number {
  if (start >= end) return end
  const found = buf.subarray(start, end).indexOf(RESPONSE_START, 0, 'latin1')
  if (found >= 0) return start + found
  for (let from = Math.max(start, end - RESPONSE_START.length + 1); from < end; from++) {
    let i = from
    while (i < end && buf[i] === RESPONSE_START.charCodeAt(i - from)) i++
    if (i === end) return from
  }
  return end
}

/** Upper-case method, space, target, space, `HTTP/1.` and a digit. Method and target are judged before the line ends. */
function matchRequestLine(buf: Buffer, start: number, end: number, checked: number): number {
  if (checked <= LONGEST_METHOD) {
    let i = start
    while (i < end && isMethodByte(buf[i]!)) i++
    if (i - start > LONGEST_METHOD) return NO_MATCH
    if (i === end) return MORE_NEEDED
    if (i - start < 3 || buf[i] !== SP) return NO_MATCH
  }
  const length = restOfLine(buf, start, end, checked)
  if (length <= 0) return length
  let last = start + length - 1
  if (buf[last - 1] === CR) last--
  // ` HTTP/1.x` with a target before it
  const version = last - 9
  if (version <= start || buf[version] !== SP || !isDigit(buf[last - 1]!)) return NO_MATCH
  for (let i = 0; i < 7; i++) if (buf[version + 1 + i] !== RESPONSE_START.charCodeAt(i)) return NO_MATCH
  return buf.indexOf(SP, start) < version ? length : NO_MATCH
}

/** Length of the line, or NO_MATCH when a control character stands in it or it is too long. */
function restOfLine(buf: Buffer, start: number, end: number, checked: number): number {
  const limit = Math.min(end, start + MAXIMUM_START_LINE_BYTES)
  // one byte back: a CR may have been the last one checked
  for (let i = start + Math.max(0, checked - 1); i < limit; i++) {
    const byte = buf[i]!
    if (byte >= SP || byte === 9) continue
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
 * themselves, so that the end of the body cannot be known.
 */
export function readHead(message: HttpMessage, buf: Buffer, start: number, end: number): boolean {
  const fields = new Fields()
  let lineEnd = buf.indexOf(LF, start)
  readStartLine(message, buf, start, lineEnd)
  for (let line = lineEnd + 1; line < end; line = lineEnd + 1) {
    lineEnd = buf.indexOf(LF, line)
    // obsolete folding: a line that begins with white space goes on from the one before (RFC 9112 §5.2)
    while (lineEnd + 1 < end && (buf[lineEnd + 1] === SP || buf[lineEnd + 1] === 9)) {
      lineEnd = buf.indexOf(LF, lineEnd + 1)
    }
    fields.read(buf, line, lineEnd)
  }
  return fields.judge(message)
}

function readStartLine(message: HttpMessage, buf: Buffer, start: number, lineEnd: number): void {
  if (!message.isRequest) {
    message.minorVersion = buf[start + 7]! - 48
    message.status = (buf[start + 9]! - 48) * 100 + (buf[start + 10]! - 48) * 10 + buf[start + 11]! - 48
    return
  }
  const last = buf[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd
  const space = buf.indexOf(SP, start)
  message.minorVersion = buf[last - 1]! - 48
  message.method = buf.toString('latin1', start, space)
  message.target = buf.toString('latin1', space + 1, Math.min(last - 9, space + 1 + MAXIMUM_TARGET_BYTES))
}

/** The field lines that matter, gathered over a head. */
class Fields {
  contentLength = ''
  transferEncoding = ''
  contentEncoding = ''
  contentType = ''

  /** One field line, folds included: `buf[start..end)` without its final LF. */
  read(buf: Buffer, start: number, end: number): void {
    switch (buf[start]! | 0x20) {
      case 0x63: // c
        if (nameIs(buf, start, end, 'content-length')) this.contentLength += `,${fieldValue(buf, start, end)}`
        else if (nameIs(buf, start, end, 'content-encoding')) this.contentEncoding += `,${fieldValue(buf, start, end)}`
        else if (this.contentType === '' && nameIs(buf, start, end, 'content-type')) {
          this.contentType = fieldValue(buf, start, end)
        }
        break
      case 0x74: // t
        if (nameIs(buf, start, end, 'transfer-encoding')) this.transferEncoding += `,${fieldValue(buf, start, end)}`
        break
    }
  }

  judge(message: HttpMessage): boolean {
    const type = this.contentType.indexOf(';')
    message.contentType = (type < 0 ? this.contentType : this.contentType.slice(0, type)).trim().toLowerCase()
    const contentCodings = listOf(this.contentEncoding)
    if (this.transferEncoding !== '') {
      const transferCodings = listOf(this.transferEncoding)
      const chunked = transferCodings.at(-1) === 'chunked'
      message.codings = [...contentCodings, ...transferCodings.filter((coding) => coding !== 'chunked')]
      message.framing = chunked ? 'chunked' : 'until-close'
      // a request that is not chunked at last would never end (RFC 9112 §6.3)
      return chunked || !message.isRequest
    }
    message.codings = contentCodings
    if (this.contentLength === '') {
      message.framing = message.isRequest ? 'none' : 'until-close'
      return true
    }
    message.framing = 'length'
    message.contentLength = lengthOf(this.contentLength)
    return message.contentLength >= 0
  }
}

/** Does the field line begin with `name`, in any case, white space, and a colon? */
function nameIs(buf: Buffer, start: number, end: number, name: string): boolean {
  const length = name.length
  if (end - start <= length) return false
  for (let i = 0; i < length; i++) if ((buf[start + i]! | 0x20) !== (name.charCodeAt(i) | 0x20)) return false
  let i = start + length
  while (i < end && (buf[i] === SP || buf[i] === 9)) i++
  return buf[i] === 0x3a
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

/** The one length that a list of Content-Length values agrees on; -1 when there is none. */
function lengthOf(value: string): number {
  let length = -1
  for (const member of value.split(',').slice(1)) {
    const digits = member.trim()
    if (!/^[0-9]{1,16}$/.test(digits)) return -1
    const number = Number(digits)
    if (!Number.isSafeInteger(number) || (length >= 0 && length !== number)) return -1
    length = number
  }
  return length
}
