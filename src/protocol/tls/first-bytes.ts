// Decides whether the first bytes of a side are TLS, and of a client or a server.

import { CLIENT_HELLO, SERVER_HELLO } from './handshake-messages.ts'
import { ALERT, HANDSHAKE, isRecordHeader } from './record-reader.ts'

/** `old-hello`: a ClientHello in the form of SSL 2.0. `midway`: records of a connection whose hellos are not seen. */
export type Beginning = 'client-hello' | 'server-hello' | 'old-hello' | 'alert' | 'midway' | 'plain' | 'more'

const HEADER_BYTES = 5

/** `fromStart`: these are the first bytes that the side ever said. */
export function beginningOf(bytes: Buffer, fromStart: boolean): Beginning {
  if (!isRecordHeader(bytes, 0, Math.min(bytes.length, HEADER_BYTES))) return oldHello(bytes)
  if (bytes.length < HEADER_BYTES) return 'more'
  const type = bytes[0]
  if (type === HANDSHAKE) {
    if (bytes.length === HEADER_BYTES) return 'more'
    if (bytes[HEADER_BYTES] === CLIENT_HELLO) return 'client-hello'
    if (bytes[HEADER_BYTES] === SERVER_HELLO) return 'server-hello'
  }
  if (type === ALERT) return 'alert'
  return fromStart ? 'plain' : 'midway'
}

/** Two bytes of length with the highest bit set, type 1, a version (RFC 5246 appendix E.2). */
function oldHello(bytes: Buffer): Beginning {
  if ((bytes[0]! & 0x80) === 0) return 'plain'
  if (bytes.length > 2 && bytes[2] !== CLIENT_HELLO) return 'plain'
  if (bytes.length > 3 && bytes[3] !== 3 && bytes[3] !== 0) return 'plain'
  if (bytes.length > 4 && (bytes[3] === 0 ? bytes[4] !== 2 : bytes[4]! > 3)) return 'plain'
  const length = ((bytes[0]! & 0x7f) << 8) | bytes[1]!
  if (bytes.length > 1 && (length < 12 || length > 1024)) return 'plain'
  return bytes.length < 2 + length ? 'more' : 'old-hello'
}

const NOTES = [
  'plain HTTP request was sent to HTTPS port',
  'speaking plain HTTP to an SSL-enabled server port',
  'sent an HTTP request to an HTTPS server',
  'HTTP request to an HTTPS',
  'requires TLS',
]

/** An HTTP server that speaks TLS says so in plain text (nginx, Apache httpd, Go). */
export function saysTlsIsExpected(answer: string): boolean {
  return /^HTTP\/1\.[01] [45]\d\d /.test(answer) && NOTES.some((note) => answer.includes(note))
}
