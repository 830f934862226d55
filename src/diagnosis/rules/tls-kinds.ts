// The texts of the findings about TLS.

import type { FindingKind } from '../rule.ts'
import { ABORTED_TRANSFER } from './aborted-transfer.ts'
import { HUNG_PEER, SERVER_SLOW } from './answer-kinds.ts'
import { IDLE_CUT } from './idle-cut.ts'
import { RESET } from './reset.ts'

/** What a connection on which no TLS came about looks like besides. */
const NO_HANDSHAKE = [RESET, ABORTED_TRANSFER, IDLE_CUT, HUNG_PEER, SERVER_SLOW]

export const TLS_VERSION: FindingKind = {
  id: 'tls-version',
  severity: 'error',
  title: 'no TLS version in common',
  meaning: 'Client and server could not agree on a version of TLS.',
  told: 'Alert 70 (protocol_version) or 86 (inappropriate_fallback) in the clear, or a ServerHello with a version that the client did not offer. Likely: alert 40 or 80 in answer to a ClientHello that offers nothing above TLS 1.1.',
  limits:
    'Which versions the other side would take is not said on the wire; a capture of its other connections shows some.',
  advice: 'Enable a common version, TLS 1.2 or 1.3, on the older side.',
}

export const TLS_CIPHER: FindingKind = {
  id: 'tls-cipher',
  severity: 'error',
  title: 'no cipher suite, group or signature algorithm in common',
  meaning: 'The server found nothing in the client’s lists that it may use, or the client does not take what it chose.',
  told: 'Alert 40 (handshake_failure) of the server directly after the ClientHello, or alert 71 (insufficient_security). Alert 40 or 47 of the client directly after the ServerHello: it does not take what the server chose.',
  limits:
    'Alert 40 does not say which list it was. A few servers send it for an unknown server name, or for a version, too. What the server would take is not on the wire.',
  advice: 'Compare the client’s lists with the server’s configuration, and with the type of key in its certificate.',
}

export const TLS_CERTIFICATE: FindingKind = {
  id: 'tls-certificate',
  severity: 'error',
  title: 'a certificate is not accepted',
  meaning:
    'One side did not accept the other’s certificate: expired, not yet valid, for another name, or of an unknown issuer.',
  told: 'Alerts 42 to 46, 48 and 49 in the clear; in TLS 1.2 also the certificate itself, compared with the time of the packet and with the name asked for. A client that closes right after the server’s certificate, or after the handshake without having asked for anything, is taken for one that did not accept it.',
  limits:
    'In TLS 1.3 certificates are encrypted, and so are most alerts: that the client closed right after the server’s certificate is then a hint, and the fault stays unknown. A check of whether a server is there may look the same. Which issuers a client trusts is not on the wire.',
  advice:
    'Look at the certificate: openssl s_client -connect HOST:PORT -servername NAME. Renew it, or add its issuer to the client’s trust store.',
}

export const TLS_SERVER_NAME: FindingKind = {
  id: 'tls-server-name',
  severity: 'error',
  title: 'the server does not know the name that was asked for',
  meaning: 'The client named a server (SNI) for which this one has no configuration.',
  told: 'Alert 112 (unrecognized_name). Possible: alert 80 (internal_error) in answer to the ClientHello, as servers written in Go say it, or 109 (missing_extension) to one without a name.',
  limits: 'With Encrypted ClientHello the visible name is a cover, and nothing is said of it.',
  advice: 'Use a name that the server has a certificate for, or add the name to its configuration.',
}

export const TLS_CLIENT_CERTIFICATE: FindingKind = {
  id: 'tls-client-certificate',
  severity: 'error',
  title: 'the server wants a certificate of the client',
  meaning: 'The server asks clients for a certificate (mutual TLS), and this one showed none.',
  told: 'TLS 1.2: a CertificateRequest, an empty Certificate of the client, then alert 40 or 42. TLS 1.3: alert 116; encrypted, one record of an alert’s size right after the client’s second flight.',
  limits: 'The size of an encrypted record does not say which alert it is.',
  advice: 'Give the client its certificate and key.',
}

export const TLS_ALPN: FindingKind = {
  id: 'tls-alpn',
  severity: 'error',
  title: 'no application protocol in common',
  meaning: 'The server speaks none of the application protocols that the client offers (ALPN).',
  told: 'Alert 120 (no_application_protocol).',
  limits: 'What the server speaks is not said.',
  advice: 'Enable one of the offered protocols on the server, or offer another.',
}

export const TLS_NO_ANSWER: FindingKind = {
  id: 'tls-no-answer',
  severity: 'error',
  title: 'no answer to the ClientHello',
  meaning: 'The client’s ClientHello arrived, and the server said nothing.',
  told: 'The ClientHello is acknowledged, and no byte came from the server.',
  limits:
    'A filter that looks at the server name, a server that hangs, and a server that does not speak TLS and waits look alike.',
  advice:
    'Try the same from the server’s own host, without the server name, and see whether the port speaks TLS at all.',
  insteadOf: NO_HANDSHAKE,
}

export const TLS_TO_PLAINTEXT: FindingKind = {
  id: 'tls-to-plaintext',
  severity: 'error',
  title: 'TLS to a port that does not speak it',
  meaning: 'The client began with TLS, and the server answered in another protocol.',
  told: 'A ClientHello answered by something that is no TLS record: an HTTP answer, a greeting, an error.',
  limits: 'A server that stays silent or just closes shows it only where a plain protocol is seen on the same port.',
  advice: 'Use the port that speaks TLS, switch TLS off in the client, or use STARTTLS where the protocol has it.',
  insteadOf: [TLS_NO_ANSWER, ...NO_HANDSHAKE],
}

export const PLAINTEXT_TO_TLS: FindingKind = {
  id: 'plaintext-to-tls',
  severity: 'error',
  title: 'a plain request to a port that speaks TLS',
  meaning: 'The client began without TLS, and the server expects it.',
  told: 'A plain request answered by a TLS alert, or by an HTTP error which says that TLS is expected.',
  limits: 'Many servers just close: then it is told only where TLS is seen on the same port.',
  advice: 'Use https:// or the client’s option for TLS, or the port that is meant for plain text.',
  insteadOf: NO_HANDSHAKE,
}

export const TLS_SLOW: FindingKind = {
  id: 'tls-slow',
  severity: 'warning',
  title: 'the TLS handshake is slow',
  meaning: 'The handshake succeeded, and took longer than --slow.',
  told: 'The time from the ClientHello to the end of the handshake, and the longest wait for one flight.',
  limits: 'The time of a flight holds the way there and back; compare it with the connection’s round trip.',
  advice: 'See who was waited for: a server’s slow key or look-ups, a client that checks revocation, or the network.',
}

export const TLS_KINDS: readonly FindingKind[] = [
  TLS_VERSION,
  TLS_CIPHER,
  TLS_CERTIFICATE,
  TLS_SERVER_NAME,
  TLS_CLIENT_CERTIFICATE,
  TLS_ALPN,
  TLS_TO_PLAINTEXT,
  PLAINTEXT_TO_TLS,
  TLS_NO_ANSWER,
  TLS_SLOW,
]
