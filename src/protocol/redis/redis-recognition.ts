// Whether bytes look like Redis', and whose they are.

import {
  RECOGNISED_CLIENT,
  RECOGNISED_LIKELY_CLIENT,
  RECOGNISED_LIKELY_SERVER,
  RECOGNISED_MAYBE,
  RECOGNISED_NO,
  RECOGNISED_SERVER,
  SIDE_CLIENT,
  SIDE_SERVER,
  SIDE_UNKNOWN,
} from '../exchange-parser.ts'
import { findRedisCommand, UNKNOWN_COMMAND } from './redis-commands.ts'
import { isTypeByte } from './redis-reply-types.ts'

const CR = 13
const LF = 10
const STAR = 0x2a
const DOLLAR = 0x24

/** See ExchangeProtocol. A boundary is tried at the start, then after each line end. */
export function recogniseRedis(buf: Buffer, start: number, end: number, side = SIDE_UNKNOWN): number {
  const first = recogniseAt(buf, start, end, side)
  if (first !== RECOGNISED_NO) return first
  for (let pos = start + 2; pos < end && side !== SIDE_SERVER; pos++) {
    if (buf[pos - 1] !== LF || buf[pos - 2] !== CR || buf[pos] !== STAR) continue
    // In the middle only a request is sure enough: values hold lines of any kind, and a large answer holds arrays.
    if (recogniseAt(buf, pos, end, SIDE_UNKNOWN) !== RECOGNISED_LIKELY_CLIENT) continue
    return side === SIDE_CLIENT ? RECOGNISED_CLIENT : RECOGNISED_MAYBE
  }
  // A line with an unknown command is Redis' if it is answered like one.
  return side === SIDE_CLIENT && isAnyCommandLine(buf, start, end) ? RECOGNISED_MAYBE : RECOGNISED_NO
}

function recogniseAt(buf: Buffer, start: number, end: number, side: number): number {
  const type = buf[start]!
  if (!isTypeByte(type)) return side === SIDE_SERVER ? RECOGNISED_NO : recogniseInline(buf, start, end, side)
  const lineEnd = endOfLine(buf, start, end)
  if (lineEnd < 0) return end - start < 128 && isLineSoFar(type, buf, start + 1, end) ? RECOGNISED_MAYBE : RECOGNISED_NO
  if (!isLine(type, buf, start + 1, lineEnd)) return RECOGNISED_NO
  const next = lineEnd + 2
  if (type === STAR) return recogniseArray(buf, start, next, end, side)
  if (type === 0x2b || type === 0x2d) return recogniseText(type, buf, start + 1, lineEnd, end, side)
  if (next >= end) return RECOGNISED_SERVER
  if (type === DOLLAR && side === SIDE_UNKNOWN) return recogniseStrings(buf, start, next, end)
  // A string's text follows its length; after anything else, and inside aggregates, comes another type byte.
  return isString(type) || isTypeByte(buf[next]!) ? RECOGNISED_SERVER : RECOGNISED_NO
}

/** A client sends arrays of strings, the first of which is a command that may be unknown; a server may send any array. */
function recogniseArray(buf: Buffer, start: number, next: number, end: number, side: number): number {
  // To a client's empty or null array the server says nothing.
  if (side === SIDE_CLIENT && (buf[start + 1] === 0x30 || buf[start + 1] === 0x2d)) return RECOGNISED_MAYBE
  if (buf[start + 1] === 0x2d || buf[start + 1] === 0x30 || buf[start + 1] === 0x3f) return RECOGNISED_SERVER
  if (next >= end) return RECOGNISED_MAYBE
  if (!isTypeByte(buf[next]!)) return RECOGNISED_NO
  if (buf[next] !== DOLLAR) return RECOGNISED_SERVER
  const lineEnd = endOfLine(buf, next, end)
  if (lineEnd < 0) return isLineSoFar(DOLLAR, buf, next + 1, end) ? RECOGNISED_MAYBE : RECOGNISED_NO
  if (!isLine(DOLLAR, buf, next + 1, lineEnd)) return RECOGNISED_NO
  const length = Number.parseInt(buf.toString('latin1', next + 1, lineEnd), 10)
  if (side === SIDE_SERVER || length < 0) return RECOGNISED_SERVER
  if (side === SIDE_CLIENT) return RECOGNISED_CLIENT
  // A command that was renamed or is new, or a list of values: the other side's bytes decide.
  if (length === 0 || length > 64) return RECOGNISED_MAYBE
  const word = lineEnd + 2
  if (word + length > end) return RECOGNISED_MAYBE
  if (isMessage(buf, word, word + length)) return RECOGNISED_SERVER
  const known = findRedisCommand(buf, word, word + length) !== UNKNOWN_COMMAND
  return known || isModuleCommand(buf, word, word + length) ? RECOGNISED_LIKELY_CLIENT : RECOGNISED_MAYBE
}

/** One string is an answer; several may be answers or what is left of a request. */
function recogniseStrings(buf: Buffer, start: number, text: number, end: number): number {
  const textEnd = text + Number.parseInt(buf.toString('latin1', start + 1, text - 2), 10)
  if (!(textEnd + 2 < end)) return RECOGNISED_SERVER
  if (buf[textEnd] !== CR || buf[textEnd + 1] !== LF) return RECOGNISED_NO
  return isTypeByte(buf[textEnd + 2]!) ? RECOGNISED_LIKELY_SERVER : RECOGNISED_NO
}

/** The first word of what a subscriber gets. */
function isMessage(buf: Buffer, start: number, end: number): boolean {
  const word = buf.toString('latin1', start, end)
  return word === 'message' || word === 'pmessage' || word === 'smessage'
}

/** `foo bar` or its beginning, as people at telnet may type. */
function isAnyCommandLine(buf: Buffer, start: number, end: number): boolean {
  const ended = endOfTypedLine(buf, start, end)
  const lineEnd = ended >= 0 ? ended : buf[end - 1] === CR ? end - 1 : end
  if (!isPrintable(buf, start, lineEnd)) return false
  const line = buf.toString('latin1', start, lineEnd)
  return /^[A-Za-z][\w.]{0,63}( |$)/.test(line) && !/ (HTTP|RTSP|SIP)\/\d(\.\d)?$/.test(line)
}

/** `FT.SEARCH`, `JSON.GET`. */
function isModuleCommand(buf: Buffer, start: number, end: number): boolean {
  let dots = 0
  for (let i = start; i < end; i++) {
    const byte = buf[i]!
    if (byte === 0x2e) dots++
    else if ((byte < 0x41 || byte > 0x5a) && byte !== 0x5f) return false
  }
  return dots === 1 && buf[start] !== 0x2e && buf[end - 1] !== 0x2e
}

/** `+OK`, `-ERR …`: other protocols begin lines so too (POP3: `+OK ready`). */
function recogniseText(type: number, buf: Buffer, start: number, lineEnd: number, end: number, side: number): number {
  const text = buf.toString('latin1', start, lineEnd)
  if (type === 0x2b) {
    if (text === 'OK' || text === 'PONG' || text === 'QUEUED' || text.startsWith('FULLRESYNC '))
      return RECOGNISED_SERVER
    if (side === SIDE_SERVER && KINDS_OF_VALUES.has(text)) return RECOGNISED_SERVER
    const next = lineEnd + 2
    return next < end && !isTypeByte(buf[next]!) ? RECOGNISED_NO : RECOGNISED_MAYBE
  }
  return /^[A-Z]{3,} \S/.test(text) ? RECOGNISED_SERVER : RECOGNISED_MAYBE
}

/** A line with a known command, and no HTTP, which has GET too. Where others have such a line, the answer tells. */
function recogniseInline(buf: Buffer, start: number, end: number, side: number): number {
  let pos = start
  while (pos < end && isLetter(buf[pos]!)) pos++
  if (pos === start || pos - start > 24) return RECOGNISED_NO
  if (pos === end) return RECOGNISED_MAYBE
  if (findRedisCommand(buf, start, pos) === UNKNOWN_COMMAND) return RECOGNISED_NO
  const word = buf.toString('latin1', start, pos).toLowerCase()
  const lineEnd = endOfTypedLine(buf, pos, end)
  if (lineEnd < 0) return isPrintable(buf, pos, end) ? RECOGNISED_MAYBE : RECOGNISED_NO
  if (!isPrintable(buf, pos, lineEnd) || (lineEnd > pos && buf[pos] !== 0x20)) return RECOGNISED_NO
  const line = buf.toString('latin1', pos, lineEnd)
  if (/ (HTTP|RTSP|SIP)\/\d(\.\d)?$/.test(line)) return RECOGNISED_NO
  if (OTHERS_TOO.has(word)) return RECOGNISED_MAYBE
  if (side === SIDE_CLIENT) return RECOGNISED_CLIENT
  // A piece of a large answer may begin with such a word.
  const next = lineEnd + (buf[lineEnd] === CR ? 2 : 1)
  return next >= end || isLetter(buf[next]!) ? RECOGNISED_LIKELY_CLIENT : RECOGNISED_MAYBE
}

/** Commands of memcached, and of HTTP/0.9; then those of SMTP, FTP, POP3 and IMAP. */
const OTHERS_TOO = new Set(
  (
    'get set append incr decr touch quit watch config shutdown ' + 'auth select info type time copy move rename echo'
  ).split(' '),
)

/** What TYPE answers. */
const KINDS_OF_VALUES = new Set(['none', 'string', 'list', 'set', 'zset', 'hash', 'stream'])

function isLetter(byte: number): boolean {
  const upper = byte & 0xdf
  return upper >= 0x41 && upper <= 0x5a
}

function isPrintable(buf: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (buf[i]! < 0x20 || buf[i] === 0x7f) return false
  return true
}

/** Where the line's CR is; -1 when it has not ended. */
function endOfLine(buf: Buffer, start: number, end: number): number {
  for (let i = start; i + 1 < end; i++) if (buf[i] === CR && buf[i + 1] === LF) return i
  return -1
}

/** An inline command's LF, or the CR before it; -1 when it has not ended. */
function endOfTypedLine(buf: Buffer, start: number, end: number): number {
  for (let i = start; i < end; i++) if (buf[i] === LF) return i > start && buf[i - 1] === CR ? i - 1 : i
  return -1
}

function isString(type: number): boolean {
  return type === DOLLAR || type === 0x21 || type === 0x3d
}

/** Whether what follows a type byte fits it; the line's end is not there yet. */
function isLineSoFar(type: number, buf: Buffer, start: number, end: number): boolean {
  const stop = end > start && buf[end - 1] === CR ? end - 1 : end
  const isSign = stop === start + 1 && buf[start] === 0x2d
  return stop === start || isSign || isLine(type, buf, start, stop)
}

function isLine(type: number, buf: Buffer, start: number, end: number): boolean {
  if (type === 0x2b || type === 0x2d) return end - start <= 512 && end > start && isPrintable(buf, start, end)
  if (type === 0x5f || type === 0x2e) return end === start
  if (type === 0x23) return end - start === 1 && (buf[start] === 0x74 || buf[start] === 0x66)
  if (type === 0x2c) return /^[-+]?(\d+(\.\d+)?([eE][-+]?\d+)?|inf|nan)$/.test(buf.toString('latin1', start, end))
  if (end - start > 20) return type === 0x28 && isDigits(buf, start + (buf[start] === 0x2d ? 1 : 0), end)
  if (buf[start] === 0x3f) return end - start === 1
  const negative = buf[start] === 0x2d
  if (negative && type !== 0x3a && type !== 0x28)
    return end - start === 1 || (end - start === 2 && buf[start + 1] === 0x31)
  return isDigits(buf, start + (negative ? 1 : 0), end)
}

function isDigits(buf: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (buf[i]! < 0x30 || buf[i]! > 0x39) return false
  return end > start
}
