// tls-certificate and tls-client-certificate: who did not accept whose certificate, as far as it can be seen.

import type { TlsAlert, TlsCertificate, TlsEncryptedRecord, TlsHandshake } from '../../core/tls-handshake.ts'
import { alertWords } from '../tls-words.ts'
import { TLS_CERTIFICATE, TLS_CLIENT_CERTIFICATE } from './tls-kinds.ts'
import { alertOf, type TlsRule, type TlsSurroundings, type TlsVerdict, visibleName } from './tls-verdict.ts'

const HANDSHAKE_FAILURE = 40
const BAD_CERTIFICATE = 42
const CERTIFICATE_REQUIRED = 116
const ABOUT_CERTIFICATES = [42, 43, 44, 45, 46, 48, 49]
const TLS_1_3 = 0x0304
const ALERT = 21
/** Who leaves later has had another reason. */
const AT_ONCE_MICROS = 1_000_000
/** An alert under TLS 1.3: two bytes, their type, and a tag of 16 (or 8) bytes. */
const ENCRYPTED_ALERT_BYTES = [19, 11]

const SAID_BY: ReadonlyMap<number, string> = new Map([
  [42, 'it is not good'],
  [43, 'it is of a kind that is not supported'],
  [44, 'it is revoked'],
  [45, 'it has expired'],
  [46, 'it is not accepted'],
  [48, 'its issuer is not known'],
  [49, 'it is good, and gives no access'],
])

export const tlsCertificate: TlsRule = (h, around) => {
  if (h.finishedMicros !== 0) {
    const used = hasUsedIt(h)
    const left = used ? undefined : closedAfterHandshake(h, around)
    const shows = used || h.closed !== undefined || around.nowMicros - h.finishedMicros >= AT_ONCE_MICROS
    return left ?? (shows ? expiredAndAccepted(h) : undefined)
  }
  const byClient = alertOf(h, 'client', ABOUT_CERTIFICATES)
  if (byClient !== undefined) return refused(h, byClient)
  const byServer = alertOf(h, 'server', ABOUT_CERTIFICATES)
  if (byServer !== undefined && h.client.certificates.length > 0) return refused(h, byServer)
  if (h.closed === undefined || around.endedBy !== 'client' || h.alerts.length > 0) return undefined
  if (h.server.incomplete || h.client.incomplete || h.serverHello === undefined) return undefined
  return closedAfterCertificate(h)
}

/** It worked, because the client does not look. */
function expiredAndAccepted(h: TlsHandshake): TlsVerdict | undefined {
  const [leaf] = h.server.certificates
  if (leaf === undefined || !isExpired(leaf, h.finishedMicros)) return undefined
  return {
    kind: TLS_CERTIFICATE,
    severity: 'warning',
    certainty: 'certain',
    name: visibleName(h),
    cause: `The certificate of ${leaf.subject} expired on ${day(leaf.validToMicros)}; the client accepted it all the same.`,
    next: 'renew the certificate',
    evidence: [{ micros: h.finishedMicros, text: `certificate valid until ${day(leaf.validToMicros)}` }],
  }
}

function refused(h: TlsHandshake, alert: TlsAlert): TlsVerdict {
  const owner = alert.by === 'client' ? 'server' : 'client'
  const [leaf] = h[owner].certificates
  const faults = leaf === undefined ? [] : faultsOf(h, leaf, alert.micros)
  const said = SAID_BY.get(alert.code) ?? 'it is not accepted'
  const seen = faults.length === 0 ? '' : ` The certificate ${faults.join(', and ')}.`
  return {
    kind: TLS_CERTIFICATE,
    severity: 'error',
    certainty: 'certain',
    name: visibleName(h),
    cause: `The ${alert.by} does not accept the ${owner}’s certificate: ${said}.${seen}`,
    next: faults.length > 0 ? 'renew or replace the certificate' : `see which issuers the ${alert.by} trusts`,
    evidence: [
      ...certificateEvidence(h, leaf),
      { micros: alert.micros, text: `${alertWords(alert.code)}, by the ${alert.by}` },
    ],
  }
}

/** The client has said something after its Finished that is no alert: it accepts the server. */
function hasUsedIt(h: TlsHandshake): boolean {
  const { client, clientRecordsAtFinish } = h
  const later = client.firstEncrypted.slice(clientRecordsAtFinish)
  return client.encryptedRecords > client.firstEncrypted.length || !later.every((each) => mayBeAlert(h, each))
}

/** In 1.3 by its size. */
function mayBeAlert({ serverHello }: TlsHandshake, { type, bytes }: TlsEncryptedRecord): boolean {
  return serverHello?.version === TLS_1_3 ? ENCRYPTED_ALERT_BYTES.includes(bytes) : type === ALERT
}

/** Some clients (curl, Node) look at the name, or at all of it, when the handshake is over: and leave without a request. */
function closedAfterHandshake(h: TlsHandshake, around: TlsSurroundings): TlsVerdict | undefined {
  if (h.closed === undefined || h.resumption !== 'none') return undefined
  // its close_notify, or its end
  const goodbye = h.client.firstEncrypted[h.clientRecordsAtFinish]?.micros
  if (goodbye === undefined && around.endedBy !== 'client') return undefined
  const leftMicros = goodbye ?? around.endedMicros
  if (h.server.incomplete || h.client.incomplete || leftMicros - h.finishedMicros > AT_ONCE_MICROS) return undefined
  // tickets of 1.3 aside, who hears from the server before has another reason; after it the server says good-bye, too
  const isModern = h.serverHello?.version === TLS_1_3
  for (const heard of h.server.firstEncrypted.slice(h.serverRecordsAtFinish)) {
    if (around.endedBy === 'client' && heard.micros >= around.endedMicros) continue
    if (heard.micros < leftMicros ? !isModern || mayBeAlert(h, heard) : !mayBeAlert(h, heard)) return undefined
  }
  const [leaf] = h.server.certificates
  const faults = leaf === undefined ? [] : faultsOf(h, leaf, h.finishedMicros)
  const name = visibleName(h)
  const seen = faults.length === 0 ? '' : ` The certificate ${faults.join(', and ')}.`
  const other = faults.length === 0 ? ' A check of whether the server is there does the same.' : ''
  return {
    kind: TLS_CERTIFICATE,
    // without a name nobody compares it
    severity: faults.length > 0 || name !== '' ? 'error' : 'warning',
    certainty: faults.length > 0 ? 'likely' : 'possible',
    name,
    cause: `The client closed right after the handshake, without a request: it usually does not accept the server’s certificate${name === '' ? '' : ` for ${name}`}.${seen}${other}`,
    next: 'ask the client’s own log; openssl s_client -connect HOST:PORT -servername NAME shows the certificate',
    evidence: [
      ...certificateEvidence(h, leaf),
      { micros: h.finishedMicros, text: 'handshake finished' },
      { micros: leftMicros, text: 'the client closes' },
    ],
  }
}

/** Without a word that can be read. */
function closedAfterCertificate(h: TlsHandshake): TlsVerdict | undefined {
  const [leaf] = h.server.certificates
  const encrypted = h.serverHello!.version === TLS_1_3
  if (encrypted ? h.server.encryptedRecords === 0 || h.resumption === 'psk' : leaf === undefined) return undefined
  const last = h.flights.at(-1)?.endMicros ?? h.serverHello!.micros
  const faults = leaf === undefined ? [] : faultsOf(h, leaf, last)
  const seen = faults.length === 0 ? '' : ` The certificate ${faults.join(', and ')}.`
  return {
    kind: TLS_CERTIFICATE,
    severity: 'error',
    certainty: faults.length > 0 ? 'likely' : 'possible',
    name: visibleName(h),
    cause: `The client closed right after the server’s certificate flight: it usually does not trust it.${seen}`,
    next: 'ask the client’s own log; openssl s_client -connect HOST:PORT -servername NAME shows the certificate',
    evidence: [...certificateEvidence(h, leaf), { micros: last, text: 'the client closed' }],
  }
}

/** What is wrong with a certificate at that time, in words that follow "the certificate". */
function faultsOf(h: TlsHandshake, leaf: TlsCertificate, micros: number): string[] {
  if (!leaf.readable) return []
  const faults: string[] = []
  const name = visibleName(h)
  const isServers = leaf === h.server.certificates[0]
  if (isExpired(leaf, micros)) faults.push(`expired on ${day(leaf.validToMicros)}`)
  if (micros < leaf.validFromMicros) faults.push(`is not valid before ${day(leaf.validFromMicros)}`)
  if (isServers && name !== '' && !leaf.matches(name)) {
    const names = leaf.names.length > 0 ? leaf.names.slice(0, 4).join(', ') : leaf.subject
    faults.push(`is for ${names}, not for ${name}`)
  }
  if (leaf.selfSigned) faults.push('is signed by itself')
  return faults
}

function certificateEvidence(h: TlsHandshake, leaf: TlsCertificate | undefined): { micros: number; text: string }[] {
  if (leaf === undefined) return []
  const dates = `${day(leaf.validFromMicros)} to ${day(leaf.validToMicros)}`
  return [
    { micros: h.serverHello?.micros ?? 0, text: `certificate ${leaf.subject}, by ${leaf.issuer}, valid ${dates}` },
  ]
}

function isExpired(leaf: TlsCertificate, micros: number): boolean {
  return leaf.validToMicros !== 0 && micros > leaf.validToMicros
}

/** A certificate may hold any year: what is no date here is told as such. */
function day(micros: number): string {
  const date = new Date(micros / 1000)
  return Number.isNaN(date.getTime()) ? 'an unknown day' : date.toISOString().slice(0, 10)
}

export const tlsClientCertificate: TlsRule = (h, around) => {
  const required = alertOf(h, 'server', [CERTIFICATE_REQUIRED])
  if (required !== undefined)
    return wanted(h, 'certain', required.micros, `${alertWords(CERTIFICATE_REQUIRED)}, by the server`)
  const showedNone = h.certificateRequested && h.client.certificateSeen && h.client.certificates.length === 0
  const alert = showedNone ? alertOf(h, 'server', [HANDSHAKE_FAILURE, BAD_CERTIFICATE]) : undefined
  if (alert !== undefined && h.finishedMicros === 0) {
    return wanted(h, 'certain', alert.micros, `empty Certificate, then ${alertWords(alert.code)}`)
  }
  return encryptedAlert(h, around)
}

/** TLS 1.3: the server's only record after the client's second flight has the size of an alert. */
function encryptedAlert(h: TlsHandshake, around: TlsSurroundings): TlsVerdict | undefined {
  const { server } = h
  if (h.finishedMicros === 0 || h.serverHello?.version !== TLS_1_3 || h.resumption === 'psk') return undefined
  if (server.incomplete || h.client.incomplete || server.encryptedRecords !== h.serverRecordsAtFinish + 1)
    return undefined
  const record = server.firstEncrypted[h.serverRecordsAtFinish]
  if (record === undefined || !ENCRYPTED_ALERT_BYTES.includes(record.bytes)) return undefined
  if (around.endedBy === '') return undefined
  // a client that hears it may be the first to close; one that has said good-bye before is only answered
  const [next] = h.client.firstEncrypted.slice(h.clientRecordsAtFinish)
  const leftBefore = next !== undefined && mayBeAlert(h, next) && next.micros <= record.micros
  if (around.endedBy === 'client' && (leftBefore || around.endedMicros <= record.micros)) return undefined
  return wanted(h, 'possible', record.micros, `a record of ${record.bytes} bytes by the server, the size of an alert`)
}

function wanted(h: TlsHandshake, certainty: 'certain' | 'possible', micros: number, text: string): TlsVerdict {
  const may = certainty === 'possible'
  return {
    kind: TLS_CLIENT_CERTIFICATE,
    severity: 'error',
    certainty,
    name: visibleName(h),
    cause: may
      ? 'The server broke off right after the client’s second flight, with one record of an alert’s size: it may want a certificate of the client, or does not accept the one shown.'
      : 'The server wants a certificate of the client, and the client showed none.',
    next: may
      ? 'see the server’s log; does it ask for client certificates?'
      : 'give the client its certificate and key',
    evidence: [{ micros, text }],
  }
}
