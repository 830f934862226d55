// What looks like an HTTP/1.x start line, whole or cut off (RFC 9112 §§3, 4).

import { findControl } from '../word-scan.ts'

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

export function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57
}

/** Methods in the wild: upper-case letters, `-` (M-SEARCH) and `_` (CCM_POST). */
function isMethodByte(byte: number): boolean {
  return (byte >= 65 && byte <= 90) || byte === 45 || byte === 95
}
