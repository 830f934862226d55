// A certificate, parsed by node:crypto when it is first asked for. Servers show the same one to everybody, so it is kept once.

import { createHash, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { TlsCertificate } from '../../core/tls-handshake.ts'

const MAXIMUM_NAMES = 100
const MAXIMUM_TEXT = 512
const MAXIMUM_KEPT = 256
const MAXIMUM_KEPT_BYTES = 16 * 1024

export class Certificate implements TlsCertificate {
  readonly #der: Buffer
  #parsed: X509Certificate | undefined | null

  /** `der` is kept. */
  constructor(der: Buffer) {
    this.#der = der
    this.#parsed = null
  }

  get readable(): boolean {
    return this.#x509 !== undefined
  }

  get subject(): string {
    return oneLine(attempt('', () => this.#x509?.subject))
  }

  get issuer(): string {
    return oneLine(attempt('', () => this.#x509?.issuer))
  }

  get validFromMicros(): number {
    return microsOf(attempt('', () => this.#x509?.validFrom))
  }

  get validToMicros(): number {
    return microsOf(attempt('', () => this.#x509?.validTo))
  }

  get names(): string[] {
    const text = attempt('', () => this.#x509?.subjectAltName) ?? ''
    const found = text.matchAll(/(?:DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g)
    const names: string[] = []
    for (const [, name] of found) if (names.push(name!.slice(0, MAXIMUM_TEXT)) === MAXIMUM_NAMES) break
    return names
  }

  get selfSigned(): boolean {
    return attempt(false, () => {
      const x509 = this.#x509
      if (x509 === undefined) return false
      return x509.checkIssued(x509) && x509.verify(x509.publicKey)
    })
  }

  get keyType(): string {
    return attempt('', () => {
      const key = this.#x509?.publicKey
      const details = key?.asymmetricKeyDetails
      const size = details?.modulusLength ?? details?.namedCurve
      return size === undefined ? (key?.asymmetricKeyType ?? '') : `${key!.asymmetricKeyType} ${size}`
    })
  }

  matches(serverName: string): boolean {
    const name = serverName.replace(/\.$/, '')
    return attempt(false, () => {
      const found = isIP(name) === 0 ? this.#x509?.checkHost(name) : this.#x509?.checkIP(name)
      return found !== undefined
    })
  }

  get #x509(): X509Certificate | undefined {
    if (this.#parsed === null) this.#parsed = attempt(undefined, () => new X509Certificate(this.#der))
    return this.#parsed
  }
}

/** Certificates by their bytes: the latest few hundred are there once, however many connections show them. */
export class CertificateCache {
  readonly #kept = new Map<string, Certificate>()

  /** `der` is copied where it is new. */
  get(der: Buffer): Certificate {
    const key = createHash('sha256').update(der).digest('base64')
    const certificate = this.#kept.get(key) ?? new Certificate(Buffer.from(der))
    if (der.length > MAXIMUM_KEPT_BYTES) return certificate
    this.#kept.delete(key)
    this.#kept.set(key, certificate)
    if (this.#kept.size > MAXIMUM_KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    return certificate
  }
}

/** A certificate from the wire may be anything: when OpenSSL refuses it, that is a result and no error. */
function attempt<T>(otherwise: T, read: () => T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}

function oneLine(text: string | undefined): string {
  return (text ?? '').split('\n').join(', ').slice(0, MAXIMUM_TEXT)
}

function microsOf(text: string | undefined): number {
  const millis = Date.parse(text ?? '')
  return Number.isNaN(millis) ? 0 : millis * 1000
}
