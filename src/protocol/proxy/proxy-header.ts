// The PROXY protocol's header, versions 1 and 2 (haproxy's proxy-protocol.txt): what a proxy sends before a connection's first
// bytes to name the client.

import { isIPv4, isIPv6 } from 'node:net'
import { Endpoint } from '../../core/endpoint.ts'
import { parseEndpoint } from '../../core/parse-endpoint.ts'

/** Answers of `matchProxyHeader` beside the header's length. */
export const NO_PROXY_HEADER = 0
export const PROXY_HEADER_CUT = -1

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const WORD = Buffer.from('PROXY ')
/** Of version 1, with its line's end. */
const LONGEST_LINE = 107
/** Of version 2: what precedes the addresses. */
const FIXED_BYTES = 16
/** So many bytes of a header tell the client: two unix paths are the longest addresses. */
export const DECIDING_BYTES = FIXED_BYTES + 216

const LF = 10
const CR = 13

/** Is there a header at `buf[start..end)`, or its beginning? Of version 2 the first DECIDING_BYTES suffice for its length. */
export function matchProxyHeader(buf: Buffer, start: number, end: number): number {
  const first = buf[start]
  if (first === WORD[0]) return matchLine(buf, start, end)
  return first === CR ? matchBinary(buf, start, end) : NO_PROXY_HEADER
}

/**
 * The client's address and port as the header that begins at `start` names them; undefined where it names none (UNKNOWN, LOCAL,
 * a unix socket). `end`: as far as it is there, at least DECIDING_BYTES or all of it.
 */
export function clientOf(buf: Buffer, start: number, end: number): Endpoint | undefined {
  return buf[start] === WORD[0] ? clientOfLine(buf, start, end) : clientOfBinary(buf, start, end)
}

function matchLine(buf: Buffer, start: number, end: number): number {
  const limit = Math.min(end, start + LONGEST_LINE)
  for (let i = start; i < limit; i++) {
    const byte = buf[i]!
    if (i - start < WORD.length) {
      if (byte !== WORD[i - start]) return NO_PROXY_HEADER
    } else if (byte === LF) {
      const length = i + 1 - start
      return buf[i - 1] === CR && isLine(buf.toString('latin1', start, i - 1)) ? length : NO_PROXY_HEADER
    } else if (byte !== CR && (byte < 0x20 || byte > 0x7e)) {
      return NO_PROXY_HEADER
    }
  }
  return end - start >= LONGEST_LINE ? NO_PROXY_HEADER : PROXY_HEADER_CUT
}

function isLine(line: string): boolean {
  return /^PROXY (?:UNKNOWN(?: .*)?|TCP[46] [0-9A-Fa-f.:]+ [0-9A-Fa-f.:]+ \d{1,5} \d{1,5})$/.test(line)
}

function clientOfLine(buf: Buffer, start: number, end: number): Endpoint | undefined {
  const [, family, address, , port] = buf.toString('latin1', start, end).split(/[ \r]/)
  if (family === 'TCP4' && isIPv4(address!)) {
    return parseEndpoint(address!, Number(port) & 0xffff)
  }
  if (family !== 'TCP6' || !isIPv6(address!)) return undefined
  return parseEndpoint(address!, Number(port) & 0xffff)
}

function matchBinary(buf: Buffer, start: number, end: number): number {
  const signed = Math.min(end - start, SIGNATURE.length)
  for (let i = 0; i < signed; i++) if (buf[start + i] !== SIGNATURE[i]) return NO_PROXY_HEADER
  // version and command; family and transport
  if (end - start > 12 && (buf[start + 12]! & 0xfe) !== 0x20) return NO_PROXY_HEADER
  if (end - start > 13 && (buf[start + 13]! > 0x32 || (buf[start + 13]! & 15) > 2)) return NO_PROXY_HEADER
  if (end - start < FIXED_BYTES) return PROXY_HEADER_CUT
  const length = FIXED_BYTES + ((buf[start + 14]! << 8) | buf[start + 15]!)
  return end - start < Math.min(length, DECIDING_BYTES) ? PROXY_HEADER_CUT : length
}

function clientOfBinary(buf: Buffer, start: number, end: number): Endpoint | undefined {
  const isLocal = (buf[start + 12]! & 15) === 0
  const family = buf[start + 13]! >> 4
  const available = Math.min(end - start - FIXED_BYTES, (buf[start + 14]! << 8) | buf[start + 15]!)
  const at = start + FIXED_BYTES
  if (isLocal) return undefined
  if (family === 1 && available >= 12) {
    return new Endpoint(4, 0, 0, 0, buf.readInt32BE(at), buf.readUInt16BE(at + 8))
  }
  if (family !== 2 || available < 36) return undefined
  const word = (i: number) => buf.readInt32BE(at + 4 * i)
  return new Endpoint(6, word(0), word(1), word(2), word(3), buf.readUInt16BE(at + 32))
}
