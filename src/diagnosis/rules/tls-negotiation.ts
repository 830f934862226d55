// tls-version, tls-cipher, tls-alpn, tls-server-name: what client and server could not agree on.

import { alertWords, groupNames, listed, suiteNames, versionName } from '../tls-words.ts'
import { TLS_ALPN, TLS_CIPHER, TLS_SERVER_NAME, TLS_VERSION } from './tls-kinds.ts'
import { alertOf, type TlsRule, visibleName } from './tls-verdict.ts'

const HANDSHAKE_FAILURE = 40
const PROTOCOL_VERSION = 70
const INSUFFICIENT_SECURITY = 71
const UNRECOGNIZED_NAME = 112
const NO_APPLICATION_PROTOCOL = 120

export const tlsVersion: TlsRule = (h) => {
  const { clientHello, serverHello } = h
  if (h.finishedMicros !== 0) return undefined
  const alert = h.alerts.find((a) => a.code === PROTOCOL_VERSION)
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
  if (alert === undefined && !notOffered) return undefined
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

export const tlsCipher: TlsRule = (h) => {
  const { clientHello, serverHello, server } = h
  if (h.finishedMicros !== 0) return undefined
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
