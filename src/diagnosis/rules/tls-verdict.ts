// What the rules about TLS are given and say. They are pure functions of the facts of one handshake: asked again whenever
// something was seen, they say again what holds, and what holds only at the end they say once it has closed.

import type { FindingCertainty, FindingSeverity } from '../../core/finding.ts'
import type { TlsAlert, TlsHandshake, TlsSideName } from '../../core/tls-handshake.ts'
import type { FindingKind } from '../rule.ts'

/** What the handshake itself does not tell. */
export interface TlsSurroundings {
  /** Where capture time stands, in microseconds since 1970. */
  readonly nowMicros: number
  readonly slowMicros: number
  /** Packets of both sides were seen. */
  readonly seenBothWays: boolean
  /** All that the client has said has been acknowledged. */
  readonly acknowledged: boolean
  /** Who sent the first FIN or RST; '' nobody so far. */
  readonly endedBy: TlsSideName | ''
  /** When; 0: not yet. */
  readonly endedMicros: number
  /** On other connections to the same port a handshake succeeded, or a plain protocol was spoken. */
  readonly tlsSeenOnPort: boolean
  readonly plainSeenOnPort: boolean
}

export interface TlsVerdict {
  readonly kind: FindingKind
  readonly severity: FindingSeverity
  readonly certainty: FindingCertainty
  /** The server's name, where one was asked for; else ''. */
  readonly name: string
  readonly cause: string
  readonly next: string
  readonly evidence: readonly { readonly micros: number; readonly text: string }[]
}

export type TlsRule = (h: TlsHandshake, around: TlsSurroundings) => TlsVerdict | undefined

/** A fatal alert of that side with one of those numbers, in a handshake that did not succeed. */
export function alertOf(h: TlsHandshake, by: TlsSideName, codes: readonly number[]): TlsAlert | undefined {
  return h.alerts.find((alert) => alert.by === by && codes.includes(alert.code))
}

/** The server's name that the client asks for, unless it is a cover (Encrypted ClientHello). */
export function visibleName(h: TlsHandshake): string {
  return h.clientHello === undefined || h.clientHello.encrypted ? '' : h.clientHello.serverName
}
