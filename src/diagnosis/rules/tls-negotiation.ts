// tls-version, tls-cipher, tls-alpn, tls-server-name: what client and server could not agree on.

import type { TlsAlert, TlsHandshake } from '../../core/tls-handshake.ts'
import { alertWords, groupNames, listed, suiteNames, versionName } from '../tls-words.ts'
import { TLS_ALPN, TLS_CIPHER, TLS_SERVER_NAME, TLS_VERSION } from './tls-kinds.ts'
import { alertOf, type TlsRule, type TlsVerdict, visibleName } from './tls-verdict.ts'

const HANDSHAKE_FAILURE = 40
const PROTOCOL_VERSION = 70
const TLS_1_2 = 0x0303
const ILLEGAL_PARAMETER = 47
const INSUFFICIENT_SECURITY = 71
const INTERNAL_ERROR = 80
const INAPPROPRIATE_FALLBACK = 86
const MISSING_EXTENSION = 109
const UNRECOGNIZED_NAME = 112
const NO_APPLICATION_PROTOCOL = 120

export const tlsVersion: TlsRule = (h) => {
  const { clientHello, serverHello } = h
  if (h.finishedMicros !== 0) return undefined
  const alert = h.alerts.find((a) => a.code === PROTOCOL_VERSION || a.code === INAPPROPRIATE_FALLBACK)
  const offered =
    clientHello === undefined
      ? ''
      : clientHello.versionsListed
        ? listed(clientHello.versions.map(versionName))
        : `${versionName(clientHello.version)} and below`
  const chosen = serverHello?.version ?? 0
  const notOffered =
    clientHello !== undefined &&
    serverHello !== undefined &&
    (clientHello.versionsListed ? !clientHello.versions.includes(chosen) : chosen > clientHello.version)
  if (alert === undefined && !notOffered) return maybeVersion(h)
  const client = offered === '' ? 'What the client offers was not seen' : `The client offers ${offered}`
  const server = serverHello === undefined ? 'the server takes none of them' : `the server chose ${versionName(chosen)}`
  return {
    kind: TLS_VERSION,
    severity: 'error',
    certainty: 'certain',
    name: visibleName(h),
    cause: `No TLS version in common. ${client}; ${server}.`,
    next: 'enable TLS 1.2 or 1.3 on the side that lacks it',
    evidence: [
      ...(clientHello === undefined ? [] : [{ micros: clientHello.micros, text: `ClientHello: ${offered}` }]),
      ...(serverHello === undefined
        ? []
        : [{ micros: serverHello.micros, text: `ServerHello: ${versionName(chosen)}` }]),
      ...(alert === undefined ? [] : [{ micros: alert.micros, text: `${alertWords(alert.code)}, by the ${alert.by}` }]),
    ],
  }
}

/** Servers that allow no old version often find nothing in such a hello to go on with, and say 40 or 80. */
function maybeVersion(h: TlsHandshake): TlsVerdict | undefined {
  const { clientHello } = h
  if (clientHello === undefined || clientHello.version >= TLS_1_2 || h.serverHello !== undefined) return undefined
  const alert = alertOf(h, 'server', [HANDSHAKE_FAILURE, INTERNAL_ERROR])
  if (alert === undefined || h.server.incomplete) return undefined
  const offered = versionName(clientHello.version)
  return {
    kind: TLS_VERSION,
    severity: 'error',
    certainty: 'likely',
    name: visibleName(h),
    cause: `The client offers no more than ${offered}, and the server broke off: most servers take TLS 1.2 and 1.3 only.`,
    next: 'enable TLS 1.2 or 1.3 in the client',
    evidence: [
      { micros: clientHello.micros, text: `ClientHello: ${offered} and below` },
      { micros: alert.micros, text: `${alertWords(alert.code)}, by the server` },
    ],
  }
}

export const tlsCipher: TlsRule = (h) => {
  const { clientHello, serverHello, server } = h
  if (h.finishedMicros !== 0) return undefined
  const byClient = serverHello === undefined ? undefined : alertOf(h, 'client', [HANDSHAKE_FAILURE, ILLEGAL_PARAMETER])
  if (byClient !== undefined) return notTaken(h, byClient)
  const directly = serverHello === undefined && !server.incomplete
  const alert =
    h.alerts.find((a) => a.code === INSUFFICIENT_SECURITY) ??
    (directly ? alertOf(h, 'server', [HANDSHAKE_FAILURE]) : undefined)
  if (alert === undefined || clientHello === undefined) return undefined
  const groups = groupNames(clientHello.groups)
  return {
    kind: TLS_CIPHER,
    severity: 'error',
    certainty: alert.code === INSUFFICIENT_SECURITY ? 'certain' : 'likely',
    name: visibleName(h),
    cause:
      'The server found no cipher suite, group or signature algorithm that it may use. ' +
      `The client offers ${suiteNames(clientHello.suites)}${groups === '' ? '' : `; groups ${groups}`}.`,
    next: 'compare the client’s list with the server’s (its cipher and group settings, the key type of its certificate)',
    evidence: [
      { micros: clientHello.micros, text: `ClientHello: ${clientHello.suites.length} suites` },
      { micros: alert.micros, text: `${alertWords(alert.code)}, by the ${alert.by}` },
    ],
  }
}

/** The server chose, and the client does not agree: a key that is too short, a group or signature that it does not allow. */
function notTaken(h: TlsHandshake, alert: TlsAlert): TlsVerdict {
  const { version, suite, micros } = h.serverHello!
  const group = h.group === 0 ? '' : `, group ${groupNames([h.group])}`
  const chosen = `${versionName(version)}, ${suiteNames([suite])}${group}`
  return {
    kind: TLS_CIPHER,
    severity: 'error',
    certainty: 'likely',
    name: visibleName(h),
    cause: `The client does not take what the server chose: ${chosen}, or a key or signature that is too weak for it.`,
    next: 'compare the client’s settings with what the server chose, and with the size and signature of its key',
    evidence: [
      { micros, text: `ServerHello: ${chosen}` },
      { micros: alert.micros, text: `${alertWords(alert.code)}, by the client` },
    ],
  }
}

export const tlsAlpn: TlsRule = (h) => {
  const alert = alertOf(h, 'server', [NO_APPLICATION_PROTOCOL])
  if (alert === undefined || h.finishedMicros !== 0) return undefined
  const offered = h.clientHello === undefined ? '' : listed(h.clientHello.alpn)
  return {
    kind: TLS_ALPN,
    severity: 'error',
    certainty: 'certain',
    name: visibleName(h),
    cause: `The server speaks none of the application protocols that the client offers${offered === '' ? '' : ` (${offered})`}.`,
    next: 'enable one of them on the server, or let the client offer another',
    evidence: [{ micros: alert.micros, text: `${alertWords(alert.code)}, by the server` }],
  }
}

/** As a warning the alert changes nothing (RFC 6066 §3). */
export const tlsServerName: TlsRule = (h) => {
  const alert = alertOf(h, 'server', [UNRECOGNIZED_NAME])
  if (alert === undefined && h.serverHello === undefined) return maybeServerName(h)
  if (alert === undefined || !alert.fatal || h.finishedMicros !== 0 || h.clientHello?.encrypted) return undefined
  const name = visibleName(h)
  return {
    kind: TLS_SERVER_NAME,
    severity: 'error',
    certainty: 'certain',
    name,
    cause:
      name === '' ? 'The server wants a name (SNI), and knows none.' : `The server does not know the name ${name}.`,
    next: 'use a name that the server has a certificate for, or add it to its configuration',
    evidence: [{ micros: alert.micros, text: `${alertWords(alert.code)}, by the server` }],
  }
}

/** Some servers (of Go above all) say “internal error” where they have no certificate for the name. */
function maybeServerName(h: TlsHandshake): TlsVerdict | undefined {
  const alert = alertOf(h, 'server', [INTERNAL_ERROR, MISSING_EXTENSION])
  if (alert === undefined || h.server.incomplete || h.finishedMicros !== 0 || h.clientHello?.encrypted) return undefined
  const name = visibleName(h)
  if (h.clientHello === undefined || (alert.code === MISSING_EXTENSION && name !== '')) return undefined
  return {
    kind: TLS_SERVER_NAME,
    severity: 'error',
    certainty: 'possible',
    name,
    cause: `The server broke off at the ClientHello with ${alertWords(alert.code)}. ${
      name === ''
        ? 'The client names no server (SNI): some servers want one. A fault within the server looks the same.'
        : `It may have no certificate for ${name}; a fault within the server looks the same.`
    }`,
    next: 'see the server’s log, and for which names it has certificates',
    evidence: [{ micros: alert.micros, text: `${alertWords(alert.code)}, by the server` }],
  }
}
