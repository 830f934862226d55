// Start lines that break the rules of RFC 9112 §§3, 4 and are accepted by servers or clients all the same: `GET /`, `GET /
// HTTP/1.`, `POST /HTTP/1.1`, `GET<tab>/ HTTP/1.1`, `HTTP/2.0 200 OK`. Such a line proves little by itself. So call these only
// where a start line is due, nothing can be missing before it, and matchStartLine has found none.

import { findControl, findLineFeed } from '../word-scan.ts'
import { isKnownMethod } from './http-request-line.ts'
import {
  isDigit,
  isHttp2Preface,
  LONGEST_METHOD,
  MAXIMUM_START_LINE_BYTES,
  MORE_NEEDED,
  mayBeTarget,
  methodKindOf,
  NO_MATCH,
  NO_TOKEN,
  OTHER_LETTER,
  USUAL,
} from './http-start-line.ts'

const LF = 10
const CR = 13
const SP = 32
const TAB = 9
const SLASH = 0x2f
/** In lower case. */
const HTTP_BYTES = Buffer.from('http/')
/** `HTTP/`, a version and the blanks before the status. */
const LONGEST_VERSION = 24

export function isBlank(byte: number): boolean {
  return byte === SP || byte === TAB
}

/**
 * Method, blank, what can be a target, and the line's end; perhaps a version of HTTP before it or in the target's place. Answers as matchStartLine, but for NO_END; `checked` likewise.
 */
export function matchOddRequestLine(buf: Buffer, start: number, end: number, checked: number): number {
  let space = start
  let kinds = 0
  for (; space < end && space - start <= LONGEST_METHOD; space++) {
    const kind = methodKindOf(buf[space]!)
    if (kind === NO_TOKEN) break
    kinds |= kind
  }
  if (space === end) return MORE_NEEDED
  if (space - start < 3 || !isBlank(buf[space]!)) return NO_MATCH
  let target = space + 1
  while (target < end && isBlank(buf[target]!)) target++
  if (target === end) return tooLong(start, end)
  if (buf[target] === LF || buf[target] === CR) return NO_MATCH
  const known = isKnownMethod(buf, start, space)
  if (!known && kinds !== USUAL && kinds !== OTHER_LETTER) return NO_MATCH
  // where the target is left out, the version is in its place
  if (!mayBeTarget(buf, target, end) && !isHttpAt(buf, target, end)) return NO_MATCH
  const lineFeed = findLineFeed(buf, Math.max(target, start + checked), end)
  if (lineFeed === end) return tooLong(start, end)
  const last = buf[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed
  if (!known && hasControl(buf, target, last)) return NO_MATCH
  const length = lineFeed + 1 - start
  return isOtherVersion(buf, target, last) || isHttp2Preface(buf, start, length) ? NO_MATCH : length
}

/** `HTTP/`, any version, blanks, three digits. Answers as matchStartLine, but for NO_END. */
export function matchOddStatusLine(buf: Buffer, start: number, end: number): number {
  for (let i = 0; i < HTTP_BYTES.length; i++) {
    if (start + i === end) return MORE_NEEDED
    if ((buf[start + i]! | 0x20) !== HTTP_BYTES[i]) return NO_MATCH
  }
  const limit = Math.min(end, start + LONGEST_VERSION)
  let i = start + HTTP_BYTES.length
  while (i < limit && (isDigit(buf[i]!) || buf[i] === 0x2e)) i++
  const blank = i
  while (i < limit && isBlank(buf[i]!)) i++
  for (let digits = 0; digits < 3; digits++, i++) {
    if (i === end) return MORE_NEEDED
    if (i === blank || !isDigit(buf[i]!)) return NO_MATCH
  }
  if (i < end && isDigit(buf[i]!)) return NO_MATCH
  const lineFeed = findLineFeed(buf, i, end)
  return lineFeed === end ? tooLong(start, end) : lineFeed + 1 - start
}

function tooLong(start: number, end: number): number {
  return end - start >= MAXIMUM_START_LINE_BYTES ? NO_MATCH : MORE_NEEDED
}

function hasControl(buf: Buffer, start: number, end: number): boolean {
  for (let i = findControl(buf, start, end); i < end; i = findControl(buf, i + 1, end)) if (buf[i] !== TAB) return true
  return false
}

/** The last word, behind a blank, is the version of another protocol: `RTSP/1.0`. */
function isOtherVersion(buf: Buffer, start: number, end: number): boolean {
  let word = end
  while (word > start && !isBlank(buf[word - 1]!)) word--
  let slash = word
  while (slash < end && (buf[slash]! | 0x20) >= 97 && (buf[slash]! | 0x20) <= 122) slash++
  if (word === start || slash === word || buf[slash] !== SLASH || !isDigit(buf[slash + 1] ?? 0)) return false
  return !isHttpAt(buf, word, end)
}

/** `HTTP/` in any case. */
export function isHttpAt(buf: Buffer, start: number, end: number): boolean {
  if (end - start < HTTP_BYTES.length) return false
  for (let i = 0; i < HTTP_BYTES.length; i++) if ((buf[start + i]! | 0x20) !== HTTP_BYTES[i]) return false
  return true
}
