// What looks like an HTTP/1.x start line, whole or cut off (RFC 9112 §§3, 4).

import type { HeldBytes } from '../held-bytes.ts'
import { findControl } from '../word-scan.ts'

/**
 * So much of an incomplete line is held back. If all of that looks like a start line, it is taken for one, however long it
 * gets. Servers accept 8 KiB to 90 KiB.
 */
export const MAXIMUM_START_LINE_BYTES = 16384

const LF = 10
const CR = 13
const SP = 32
const SLASH = 0x2f

/** Answers of `matchStartLine`; a positive one is the line's length. */
export const NO_MATCH = 0
export const MORE_NEEDED = -1
/** It is one, and goes on behind the first MAXIMUM_START_LINE_BYTES. */
export const NO_END = -2

const RESPONSE_START = 'HTTP/1.'
const RESPONSE_START_BYTES = Buffer.from(RESPONSE_START)
/** So many bytes are enough to know a response. */
export const RESPONSE_BYTES = 13
export const LONGEST_METHOD = 64
/** Of an absolute-form target (`http`), and of the name in an authority-form one. */
const LONGEST_SCHEME = 64

// Of bytes: what they may be of a token (RFC 9110 §5.6.2).
export const NO_TOKEN = 0
/** Upper-case letters, `-` (M-SEARCH) and `_` (CCM_POST): what methods in the wild are made of. */
export const USUAL = 1
export const OTHER_LETTER = 2
const OTHER_SIGN = 4
const methodBytes = new Uint8Array(256)
for (const byte of Buffer.from("0123456789!#$%&'*+.^`|~")) methodBytes[byte] = OTHER_SIGN
for (const byte of Buffer.from('abcdefghijklmnopqrstuvwxyz')) methodBytes[byte] = OTHER_LETTER
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ-_')) methodBytes[byte] = USUAL

/**
 * Is there an HTTP/1.x start line at `buf[start..end)`? Gives its length with the line's end, NO_END, NO_MATCH, or
 * MORE_NEEDED when what is there could still become one. `checked` bytes from `start` were found plausible by an earlier call.
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

/** The same where a line need not begin: only as findResponse finds it, in upper case. */
export function matchResponseLine(buf: Buffer, start: number, end: number, checked: number): number {
  if (findResponse(buf, start, Math.min(end, start + RESPONSE_START.length)) !== start) return NO_MATCH
  return matchStatusLine(buf, start, end, checked)
}

/** `HTTP/1.` in any case, digit, space, three digits, end of word: 13 when it is there. */
export function matchResponse(buf: Buffer, start: number, end: number): number {
  const count = Math.min(end - start, RESPONSE_BYTES)
  for (let i = 0; i < count; i++) if (!fitsResponse(i, buf[start + i]!)) return NO_MATCH
  return count === RESPONSE_BYTES ? RESPONSE_BYTES : MORE_NEEDED
}

/** Is the start line at `start` a response's? It is known to be one: no method goes on with a slash. */
export function isStatusLine(buf: Buffer, start: number): boolean {
  return buf[start + 4] === SLASH && (buf[start]! | 0x20) === 0x68 && (buf[start + 1]! | 0x20) === 0x74
}

/** What a response begins with: may `byte` be the one at `index`? */
export function fitsResponse(index: number, byte: number): boolean {
  if (index < 4) return (byte & 0xdf) === RESPONSE_START_BYTES[index]
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

/**
 * Method, space, target, space, `HTTP/`, digit, point, digit. The method may be any token with a letter in it, but one
 * that is not made as methods usually are needs a target in one of the forms of RFC 9112 §3.2: `it speaks HTTP/1.1` is
 * text. Method and target are judged before the line ends.
 */
function matchRequestLine(buf: Buffer, start: number, end: number, checked: number): number {
  let space = start
  let kinds = 0
  for (; space < end; space++) {
    const kind = methodBytes[buf[space]!]!
    if (kind === NO_TOKEN) break
    kinds |= kind
  }
  if (space - start > LONGEST_METHOD) return NO_MATCH
  if (space === end) return MORE_NEEDED
  if (space === start || buf[space] !== SP || kinds === OTHER_SIGN) return NO_MATCH
  if ((kinds !== USUAL || space - start < 3) && !mayBeTarget(buf, space + 1, end)) return NO_MATCH
  const length = restOfLine(buf, start, end, checked)
  if (length === NO_END && !mayBeTarget(buf, space + 1, end)) return NO_MATCH
  if (length <= 0) return length
  let last = start + length - 1
  if (buf[last - 1] === CR) last--
  // ` HTTP/1.x` with a target before it
  const version = last - 9
  if (version <= space || buf[version] !== SP) return NO_MATCH
  if (buf[version + 5] !== SLASH) return NO_MATCH
  for (let i = 0; i < 4; i++) if ((buf[version + 1 + i]! & 0xdf) !== RESPONSE_START_BYTES[i]) return NO_MATCH
  if (!isDigit(buf[last - 3]!) || buf[last - 2] !== 0x2e || !isDigit(buf[last - 1]!)) return NO_MATCH
  return isHttp2Preface(buf, start, length) ? NO_MATCH : length
}

/** Adds the rest of the line to `held`, up to the line's end. Returns the index behind it. */
export function holdLine(held: HeldBytes, buf: Buffer, start: number, end: number): number {
  let pos = start
  const limit = Math.min(end, start + MAXIMUM_START_LINE_BYTES - held.length)
  while (pos < limit && buf[pos] !== LF) pos++
  if (pos < limit) pos++
  held.append(buf, start, pos)
  return pos
}

/** `/…`, `*`, `scheme:…` or `host:port`: what a target begins with, perhaps cut off by `end`. */
export function mayBeTarget(buf: Buffer, start: number, end: number): boolean {
  if (start >= end || buf[start] === 0x2f) return true
  if (buf[start] === 0x2a) return start + 1 >= end || buf[start + 1] === SP
  // `[` begins an IPv6 address
  if (buf[start] === 0x5b) return true
  const limit = Math.min(end, start + LONGEST_SCHEME)
  let i = start
  for (; i < limit; i++) {
    const byte = buf[i]!
    if (byte === 0x3a) return i > start
    const letter = byte | 0x20
    const fits = (letter >= 97 && letter <= 122) || isDigit(byte) || byte === 0x2b || byte === 0x2d || byte === 0x2e
    if (!fits) return false
  }
  return i === end
}

/** A request line that is cut off by `end` (MORE_NEEDED): its target so far is one of the forms, and has no end. */
export function hasLongTarget(buf: Buffer, start: number, end: number): boolean {
  let space = start
  while (space < end && buf[space] !== SP) space++
  if (!mayBeTarget(buf, space + 1, end)) return false
  for (let i = space + 1; i < end; i++) if (buf[i] === SP) return false
  return true
}

/** `PRI * HTTP/2.0` is what HTTP/2 opens with so that HTTP/1 takes it for a request (RFC 9113 §3.4). */
export function isHttp2Preface(buf: Buffer, start: number, length: number): boolean {
  return length <= 16 && buf.toString('latin1', start, start + 14) === 'PRI * HTTP/2.0'
}

/** Length of the line, NO_MATCH when a control character stands in it, MORE_NEEDED, or NO_END. */
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
  return end - start >= MAXIMUM_START_LINE_BYTES ? NO_END : MORE_NEEDED
}

/** What `byte` may be of a method: NO_TOKEN, USUAL, OTHER_LETTER or a sign. */
export function methodKindOf(byte: number): number {
  return methodBytes[byte]!
}

export function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57
}
