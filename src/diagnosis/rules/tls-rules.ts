// Everything that can be said of one TLS handshake.

import type { TlsHandshake } from '../../core/tls-handshake.ts'
import { tlsCertificate, tlsClientCertificate } from './tls-certificates.ts'
import { tlsAlpn, tlsCipher, tlsServerName, tlsVersion } from './tls-negotiation.ts'
import { plaintextToTls, tlsToPlaintext } from './tls-plaintext.ts'
import { tlsNoAnswer, tlsSlow } from './tls-time.ts'
import type { TlsRule, TlsSurroundings, TlsVerdict } from './tls-verdict.ts'

/** The first that explains a failure speaks; a slow handshake may have an expired certificate beside it. */
const FAILURES: readonly TlsRule[] = [
  tlsToPlaintext,
  plaintextToTls,
  tlsVersion,
  tlsServerName,
  tlsAlpn,
  tlsClientCertificate,
  tlsCertificate,
  tlsCipher,
  tlsNoAnswer,
]

export function judgeTls(h: TlsHandshake, around: TlsSurroundings): TlsVerdict[] {
  const verdicts: TlsVerdict[] = []
  for (const rule of FAILURES) {
    const verdict = rule(h, around)
    if (verdict === undefined) continue
    verdicts.push(verdict)
    break
  }
  const slow = tlsSlow(h, around)
  if (slow !== undefined) verdicts.push(slow)
  return verdicts
}
