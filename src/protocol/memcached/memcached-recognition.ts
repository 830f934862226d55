// Whether bytes look like memcached's, text or binary, and whose they are.

import {
  RECOGNISED_CLIENT,
  RECOGNISED_LIKELY_CLIENT,
  RECOGNISED_MAYBE,
  RECOGNISED_NO,
  RECOGNISED_SERVER,
  SIDE_CLIENT,
  SIDE_SERVER,
  SIDE_UNKNOWN,
} from '../exchange-parser.ts'
import { HEADER_BYTES, isBinaryHeader, REQUEST_MAGIC, RESPONSE_MAGIC } from './memcached-binary-frames.ts'

const CR = 13
const LF = 10
const MAXIMUM_OPCODE = 0x24

const KEY = '[^\\x00-\\x20\\x7f]{1,250}'
/** Lines of a client, whole. Those that other protocols have as well (`quit`, `version`) are only MAYBE. */
const CLIENT_LINES = [
  `gets?( ${KEY})+ ?`,
  `gats? -?\\d+( ${KEY})+ ?`,
  `(set|add|replace|append|prepend) ${KEY} \\d+ -?\\d+ \\d+( noreply)? ?`,
  `cas ${KEY} \\d+ -?\\d+ \\d+ \\d+( noreply)? ?`,
  `delete ${KEY}( 0)?( noreply)?`,
  `(incr|decr) ${KEY} \\d+( noreply)?`,
  `touch ${KEY} -?\\d+( noreply)?`,
  `m[gda] ${KEY}( [A-Za-z][^ ]*)*`,
  `ms ${KEY} \\d+( [A-Za-z][^ ]*)*`,
  `me ${KEY}( b)?`,
  'mn',
  'flush_all( \\d+)?( noreply)?',
  'verbosity \\d+( noreply)?',
  'stats( [a-z_]+)*',
]
const SERVER_LINES = [
  `VALUE ${KEY} \\d+ \\d+( \\d+)?`,
  'END|STORED|NOT_STORED|EXISTS|NOT_FOUND|DELETED|TOUCHED|ERROR',
  'VA \\d+( [A-Za-z][^ ]*)*',
  'HD( [A-Za-z][^ ]*)*|EN|NS|EX|NF|MN',
  'STAT [^ ]+ .*',
  '(CLIENT|SERVER)_ERROR .*',
  'VERSION \\d+\\.\\d+.*',
]
const CLIENT = new RegExp(`^(${CLIENT_LINES.join('|')})$`)
const SERVER = new RegExp(`^(${SERVER_LINES.join('|')})$`)
const DOUBTFUL = new Set(['version', 'quit', 'END', 'ERROR', 'OK', 'EXISTS', 'stats'])
/** Redis has such lines as well, typed without its framing: the answer tells. */
const REDIS_TOO = /^(get|touch) /
const WORDS =
  'get gets gat gats set add replace append prepend cas delete incr decr touch mg md ma ms me mn flush_all verbosity ' +
  'stats version quit VALUE END STORED NOT_STORED EXISTS NOT_FOUND DELETED TOUCHED ERROR VA HD EN NS EX NF MN STAT ' +
  'CLIENT_ERROR SERVER_ERROR VERSION OK'
const ALL_WORDS = WORDS.split(' ')

/** See ExchangeProtocol. A boundary is tried at the start, then after each line end. */
export function recogniseMemcached(buf: Buffer, start: number, end: number, side = SIDE_UNKNOWN): number {
  const first = buf[start]
  if (first === REQUEST_MAGIC || first === RESPONSE_MAGIC) return recogniseBinary(buf, start, end)
  if (side !== SIDE_CLIENT && isMiss(buf, start, end, side)) return RECOGNISED_SERVER
  const atStart = recogniseLine(buf, start, end)
  if (atStart !== RECOGNISED_NO) return atStart
  for (let pos = start + 2; pos < end; pos++) {
    if (buf[pos - 1] !== LF || buf[pos - 2] !== CR) continue
    const here = recogniseLine(buf, pos, end)
    // values hold lines of any kind
    if (here === RECOGNISED_SERVER) return here
    if (here === RECOGNISED_CLIENT) return side === SIDE_UNKNOWN ? RECOGNISED_LIKELY_CLIENT : here
  }
  return side === SIDE_CLIENT && isAnyCommandLine(buf, start, end) ? RECOGNISED_MAYBE : RECOGNISED_NO
}

/** `END` for all that was asked; where it is known to be an answer, its beginning, and ERROR, will do. */
function isMiss(buf: Buffer, start: number, end: number, side: number): boolean {
  const text = buf.toString('latin1', start, end)
  return side === SIDE_SERVER ? /^(END|ERROR)\r\n/.test(text) : /^(END\r\n)+$/.test(text)
}

/** Of a client that is known to be one: a command, or its beginning, that is none of ours; it is answered by ERROR. */
function isAnyCommandLine(buf: Buffer, start: number, end: number): boolean {
  let stop = start
  while (stop < end && buf[stop] !== LF) stop++
  if (stop < end && buf[stop - 1] !== CR) return false
  return /^[A-Za-z][A-Za-z_]{0,31}( [\x20-\x7e\x80-\xff]*)?\r?$/.test(buf.toString('latin1', start, stop))
}

function recogniseBinary(buf: Buffer, start: number, end: number): number {
  const magic = buf[start]!
  if (end - start < HEADER_BYTES) {
    return end - start > 1 && buf[start + 1]! > MAXIMUM_OPCODE ? RECOGNISED_NO : RECOGNISED_MAYBE
  }
  if (buf[start + 1]! > MAXIMUM_OPCODE || !isBinaryHeader(buf, start, magic)) return RECOGNISED_NO
  return magic === REQUEST_MAGIC ? RECOGNISED_CLIENT : RECOGNISED_SERVER
}

function recogniseLine(buf: Buffer, start: number, end: number): number {
  let stop = start
  while (stop < end && buf[stop] !== LF) stop++
  if (stop === end) return recogniseLineSoFar(buf.toString('latin1', start, end))
  if (stop === start || buf[stop - 1] !== CR) return RECOGNISED_NO
  const line = buf.toString('latin1', start, stop - 1)
  if (DOUBTFUL.has(line)) return RECOGNISED_MAYBE
  if (CLIENT.test(line)) return REDIS_TOO.test(line) ? RECOGNISED_LIKELY_CLIENT : RECOGNISED_CLIENT
  return SERVER.test(line) ? RECOGNISED_SERVER : RECOGNISED_NO
}

/** A line that has not ended: its first word, as far as it goes, must be one of ours. */
function recogniseLineSoFar(text: string): number {
  const blank = text.indexOf(' ')
  if (blank < 0) return ALL_WORDS.some((word) => `${word}\r`.startsWith(text)) ? RECOGNISED_MAYBE : RECOGNISED_NO
  if (!ALL_WORDS.includes(text.slice(0, blank))) return RECOGNISED_NO
  if (/^gets? /.test(text) && text.length > 256 && /^[\x21-\x7e ]+$/.test(text)) return RECOGNISED_CLIENT
  return /[\x00-\x1f\x7f]/.test(text.replace(/\r$/, '')) ? RECOGNISED_NO : RECOGNISED_MAYBE
}
