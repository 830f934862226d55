// ClientHello and ServerHello (RFC 8446 §4.1, RFC 5246 §7.4.1, RFC 6101 for SSL 3.0) and the SSL 2.0 form of a hello
// (RFC 5246 appendix E.2).

import type { TlsClientHello, TlsServerHello } from '../../core/tls-handshake.ts'
import { ByteReader } from './byte-reader.ts'

// Extensions.
const SERVER_NAME = 0
const SUPPORTED_GROUPS = 10
const SIGNATURE_ALGORITHMS = 13
const ALPN = 16
const SESSION_TICKET = 35
const PRE_SHARED_KEY = 41
const EARLY_DATA = 42
const SUPPORTED_VERSIONS = 43
const KEY_SHARE = 51
const ENCRYPTED_CLIENT_HELLO = 0xfe0d

const MAXIMUM_NUMBERS = 256
const MAXIMUM_NAMES = 32
const LONGEST_NAME = 255

/** The random of a ServerHello that is a HelloRetryRequest (RFC 8446 §4.1.3). */
const RETRY_RANDOM = 'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c'

/** Of the message's body `buf[start..end)`; undefined: malformed. */
export function readClientHello(buf: Buffer, start: number, end: number, micros: number): TlsClientHello | undefined {
  const body = new ByteReader(buf, start, end)
  const legacyVersion = body.number(2)
  body.take(32)
  const sessionId = body.vector(1).hex()
  const suites = withoutGrease(body.vector(2).numbers(MAXIMUM_NUMBERS))
  body.vector(1)
  if (!body.ok) return undefined
  const extensions = readExtensions(body)
  if (extensions === undefined) return undefined
  const listed = extensions.get(SUPPORTED_VERSIONS)?.vector(1).numbers(MAXIMUM_NUMBERS)
  const versions = listed === undefined ? [legacyVersion] : withoutGrease(listed)
  return {
    micros,
    version: Math.max(0, ...versions),
    versions,
    versionsListed: listed !== undefined,
    suites,
    groups: withoutGrease(extensions.get(SUPPORTED_GROUPS)?.vector(2).numbers(MAXIMUM_NUMBERS) ?? []),
    signatureAlgorithms: extensions.get(SIGNATURE_ALGORITHMS)?.vector(2).numbers(MAXIMUM_NUMBERS) ?? [],
    serverName: serverNameOf(extensions.get(SERVER_NAME)),
    alpn: alpnOf(extensions.get(ALPN)),
    encrypted: extensions.has(ENCRYPTED_CLIENT_HELLO),
    sessionId,
    offersTicket: (extensions.get(SESSION_TICKET)?.left ?? 0) > 0,
    offersPsk: extensions.has(PRE_SHARED_KEY),
    earlyData: extensions.has(EARLY_DATA),
    bytes: end - start + 4,
  }
}

/** The SSL 2.0 form, from its type on: `buf[start..end)` without the two bytes of length. */
export function readOldClientHello(
  buf: Buffer,
  start: number,
  end: number,
  micros: number,
): TlsClientHello | undefined {
  const body = new ByteReader(buf, start, end)
  body.number(1)
  const version = body.number(2)
  const suiteBytes = body.number(2)
  // lengths of session id and challenge
  body.number(2)
  body.number(2)
  const specs = body.take(suiteBytes)
  const suites: number[] = []
  while (specs.left >= 3 && suites.length < MAXIMUM_NUMBERS) suites.push(specs.number(3))
  if (!body.ok) return undefined
  return {
    micros,
    version,
    versions: [version],
    versionsListed: false,
    suites: suites.filter((suite) => suite <= 0xffff),
    groups: [],
    signatureAlgorithms: [],
    serverName: '',
    alpn: [],
    encrypted: false,
    sessionId: '',
    offersTicket: false,
    offersPsk: false,
    earlyData: false,
    bytes: end - start,
  }
}

/** With `isRetry` for a HelloRetryRequest, whose `group` is the one that it asks for. */
export function readServerHello(
  buf: Buffer,
  start: number,
  end: number,
  micros: number,
): { readonly hello: TlsServerHello; readonly isRetry: boolean } | undefined {
  const body = new ByteReader(buf, start, end)
  const legacyVersion = body.number(2)
  const isRetry = body.take(32).hex() === RETRY_RANDOM
  const sessionId = body.vector(1).hex()
  const suite = body.number(2)
  body.number(1)
  if (!body.ok) return undefined
  const extensions = readExtensions(body)
  if (extensions === undefined) return undefined
  const hello = {
    micros,
    version: extensions.get(SUPPORTED_VERSIONS)?.number(2) || legacyVersion,
    suite,
    group: extensions.get(KEY_SHARE)?.number(2) ?? 0,
    alpn: alpnOf(extensions.get(ALPN))[0] ?? '',
    sessionId,
    pskChosen: extensions.has(PRE_SHARED_KEY),
  }
  return { hello, isRetry }
}

/** By number; the first of each counts. Empty where there are none, as in SSL 3.0; undefined: malformed. */
function readExtensions(body: ByteReader): Map<number, ByteReader> | undefined {
  const found = new Map<number, ByteReader>()
  if (body.left === 0) return found
  const list = body.vector(2)
  if (!body.ok) return undefined
  while (list.left > 0 && found.size < MAXIMUM_NUMBERS) {
    const type = list.number(2)
    const content = list.vector(2)
    if (!list.ok) return undefined
    if (!found.has(type)) found.set(type, content)
  }
  return found
}

function serverNameOf(extension: ByteReader | undefined): string {
  if (extension === undefined) return ''
  const list = extension.vector(2)
  while (list.left > 0) {
    const type = list.number(1)
    const name = list.vector(2)
    if (type === 0) return name.text(LONGEST_NAME)
  }
  return ''
}

function alpnOf(extension: ByteReader | undefined): string[] {
  const names: string[] = []
  if (extension === undefined) return names
  const list = extension.vector(2)
  while (list.left > 0 && names.length < MAXIMUM_NAMES) names.push(list.vector(1).text(LONGEST_NAME))
  return names.filter((name) => !isGreaseName(name))
}

/** RFC 8701: 0x0a0a, 0x1a1a … */
function withoutGrease(values: readonly number[]): number[] {
  return values.filter((value) => (value & 0x0f0f) !== 0x0a0a || value >> 8 !== (value & 255))
}

function isGreaseName(name: string): boolean {
  return name.length === 2 && name[0] === name[1] && (name.charCodeAt(0) & 15) === 10
}
