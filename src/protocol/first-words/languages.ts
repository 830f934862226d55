// First words that can belong to one protocol only: of a client, and a server's greeting or error. diagnose uses them to tell
// that two sides speak different protocols. Words that are not in these tables prove nothing.

export interface Language {
  readonly name: string
  matches(bytes: Buffer, text: string): boolean
}

const startsWith =
  (...words: readonly string[]) =>
  (_bytes: Buffer, text: string): boolean =>
    words.some((word) => text.startsWith(word))
const like =
  (pattern: RegExp) =>
  (_bytes: Buffer, text: string): boolean =>
    pattern.test(text)

const HTTP = 'HTTP'
const HTTP2 = 'HTTP/2'
const REDIS = 'Redis'
const MEMCACHED = 'memcached'
const SSH = 'SSH'
const MAIL = 'SMTP or FTP'
const POP3 = 'POP3'
const IMAP = 'IMAP'
const MYSQL = 'MySQL'
const POSTGRES = 'PostgreSQL'
const AMQP = 'AMQP'
const MONGODB = 'MongoDB'
const MQTT = 'MQTT'

const SETTINGS_FRAME = 4
const MYSQL_VERSION = 10
const MYSQL_ERROR = 0xff
const MONGODB_OPERATIONS = [2004, 2010, 2012, 2013]
const POSTGRES_REQUESTS = [80877102, 80877103, 80877104]

export const CLIENT_LANGUAGES: readonly Language[] = [
  { name: HTTP2, matches: startsWith('PRI * HTTP/2.0\r\n') },
  { name: HTTP, matches: like(/^[A-Z]{3,10} (?:\/|\*|https?:\/\/|[\w.-]+:\d)[^\r\n ]* HTTP\/1\.[01]\r?\n/) },
  { name: REDIS, matches: like(/^\*[1-9]\d{0,3}\r\n\$\d{1,4}\r\n/) },
  {
    name: MEMCACHED,
    matches: like(
      /^(?:(?:gets|mg|ms) [^\s]{1,250}(?: [^\r\n]*)?|(?:set|add|replace) [^\s]{1,250} \d+ -?\d+ \d+(?: noreply)?)\r\n/,
    ),
  },
  { name: SSH, matches: startsWith('SSH-2.0-', 'SSH-1.') },
  { name: POSTGRES, matches: isPostgresStartup },
  { name: AMQP, matches: startsWith('AMQP') },
  { name: MONGODB, matches: isMongodb },
  { name: MQTT, matches: like(/^\x10.\x00\x04MQTT/s) },
]

export const SERVER_LANGUAGES: readonly Language[] = [
  // an HTTP answer of a server that speaks something else
  { name: MONGODB, matches: like(/^HTTP\/1\.[01] .*trying to access MongoDB over HTTP/s) },
  // without a head: to a version that it does not know
  { name: HTTP, matches: like(/^(?:HTTP\/1\.[01] \d{3}|<!DOCTYPE html|<html)/i) },
  { name: HTTP2, matches: isHttp2 },
  { name: SSH, matches: startsWith('SSH-2.0-', 'SSH-1.', 'Invalid SSH identification', 'Protocol mismatch.') },
  {
    name: REDIS,
    matches: like(
      /^(?:-(?:ERR|NOAUTH|WRONGPASS|DENIED|LOADING|WRONGTYPE|NOPERM|MOVED|READONLY) |\+(?:PONG|QUEUED)\r\n|[:$]-?\d+\r\n)/,
    ),
  },
  { name: MEMCACHED, matches: like(/^(?:ERROR\r\n|CLIENT_ERROR |SERVER_ERROR )/) },
  { name: MAIL, matches: like(/^(?:220|421|500|554)[ -][^\r\n]*\r\n/) },
  { name: POP3, matches: like(/^\+OK [^\r\n]*\r\n/) },
  { name: IMAP, matches: like(/^\* (?:OK|BYE) /) },
  { name: MYSQL, matches: isMysql },
  { name: POSTGRES, matches: like(/^E\x00\x00..S(?:FATAL|ERROR)\x00|^EFATAL:/s) },
  { name: AMQP, matches: like(/^AMQP\x00/) },
]

/** `bytes` as latin1 in `text`. '' where nothing fits, or not yet. */
export function languageOf(languages: readonly Language[], bytes: Buffer, text: string): string {
  return languages.find((each) => each.matches(bytes, text))?.name ?? ''
}

/** Length, then version 3.x or one of the special requests (PostgreSQL, "Message Formats"). */
function isPostgresStartup(bytes: Buffer): boolean {
  if (bytes.length < 8) return false
  const length = bytes.readUInt32BE(0)
  const code = bytes.readUInt32BE(4)
  return length >= 8 && length <= 10_000 && (code >>> 16 === 3 || POSTGRES_REQUESTS.includes(code))
}

/** Length, request number, 0, operation, all little-endian (MongoDB wire protocol). */
function isMongodb(bytes: Buffer): boolean {
  if (bytes.length < 16) return false
  const length = bytes.readUInt32LE(0)
  return (
    length >= 16 && length < 48e6 && bytes.readUInt32LE(8) === 0 && MONGODB_OPERATIONS.includes(bytes.readUInt32LE(12))
  )
}

/** A SETTINGS frame of stream 0 (RFC 9113 §3.4, §6.5). */
function isHttp2(bytes: Buffer): boolean {
  if (bytes.length < 9) return false
  const length = bytes.readUIntBE(0, 3)
  return (
    length % 6 === 0 && length <= 120 && bytes[3] === SETTINGS_FRAME && bytes[4]! <= 1 && bytes.readUInt32BE(5) === 0
  )
}

/** Packet 0: a greeting of version 10, or an error (client/server protocol, "Connection Phase"). */
function isMysql(bytes: Buffer): boolean {
  if (bytes.length < 7 || bytes[3] !== 0 || bytes[2] !== 0) return false
  if (bytes[4] === MYSQL_ERROR) return /^[ -~]{4}/.test(bytes.toString('latin1', 7, 11))
  return bytes[4] === MYSQL_VERSION && /^\d+\.\d/.test(bytes.toString('latin1', 5, 9))
}
