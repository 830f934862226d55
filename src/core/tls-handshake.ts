// What was seen of a TLS handshake (RFC 8446, RFC 5246), as plain facts: protocol/tls/ collects them, diagnosis/ judges them.
// Times are microseconds since 1970, 0: never. Texts come from the wire: bounded, not sanitised.

import type { CloseReason, Connection, Direction } from './connection.ts'
import type { Timestamp } from './timestamp.ts'

export interface TlsClientHello {
  readonly micros: number
  /** The highest that is offered. 0x0300 is SSL 3.0, 0x0304 TLS 1.3. */
  readonly version: number
  /** Every version that is offered, where the hello lists them; else only the highest, and older ones go without saying. */
  readonly versions: readonly number[]
  readonly versionsListed: boolean
  /** In the client's order, without GREASE (RFC 8701). */
  readonly suites: readonly number[]
  readonly groups: readonly number[]
  readonly signatureAlgorithms: readonly number[]
  /** '' where none is named. */
  readonly serverName: string
  readonly alpn: readonly string[]
  /** Encrypted ClientHello: the visible server name is a cover. */
  readonly encrypted: boolean
  readonly sessionId: string
  readonly offersTicket: boolean
  readonly offersPsk: boolean
  readonly earlyData: boolean
  /** Of the message. */
  readonly bytes: number
}

export interface TlsServerHello {
  readonly micros: number
  readonly version: number
  readonly suite: number
  /** Of the key share (1.3); 0 unknown. */
  readonly group: number
  /** Where it is in the clear; '' unknown or none. */
  readonly alpn: string
  readonly sessionId: string
  /** The pre-shared key that the client offered is taken (1.3). */
  readonly pskChosen: boolean
}

export interface TlsAlert {
  readonly micros: number
  readonly by: TlsSideName
  readonly fatal: boolean
  readonly code: number
}

/** Fields are worked out when they are first asked for. */
export interface TlsCertificate {
  /** False: it could not be read; then texts are '' and times 0. */
  readonly readable: boolean
  /** One line: `CN=db.example, O=Example`. */
  readonly subject: string
  readonly issuer: string
  readonly validFromMicros: number
  readonly validToMicros: number
  /** DNS names and addresses: `db.example`, `192.0.2.1`; at most 100. */
  readonly names: readonly string[]
  readonly selfSigned: boolean
  /** `rsa 2048`, `ec prime256v1`, `ed25519`. */
  readonly keyType: string
  /** By RFC 6125, wildcards included. */
  matches(serverName: string): boolean
}

export type TlsSideName = 'client' | 'server'

/** Records of one side, one after another, before the other spoke again. */
export interface TlsFlight {
  readonly by: TlsSideName
  readonly startMicros: number
  endMicros: number
  records: number
  bytes: number
}

export interface TlsEncryptedRecord {
  readonly micros: number
  readonly type: number
  /** Without the record's header. */
  readonly bytes: number
}

export class TlsSideFacts {
  /** What this side sends from here on is encrypted. */
  encryptedSinceMicros = 0
  encryptedRecords = 0
  /** The first 16 of them. */
  readonly firstEncrypted: TlsEncryptedRecord[] = []
  /** Bytes of this side are missing, or were before the capture: what is not listed may have been said all the same. */
  incomplete = false
  /** Its chain, leaf first, at most 10; empty where it sent none or it was not seen. */
  certificates: readonly TlsCertificate[] = []
  /** A Certificate message was seen: with an empty chain it is a refusal to show one. */
  certificateSeen = false
  /** First bytes that are no TLS record; '' for none. */
  plainBytes = ''
  plainMicros = 0
  /** A first byte of this side, of whatever kind. */
  spoke = false
}

/** Is it the continuation of an earlier session: by its id or ticket (up to 1.2), or by a pre-shared key (1.3). */
export type TlsResumption = 'none' | 'session' | 'psk' | 'unknown'

/** One handshake: of a connection that began with TLS, was upgraded to it, or was expected to speak it by one side. */
export class TlsHandshake {
  readonly connection: Connection
  /** Who sends the ClientHello. */
  clientDirection: Direction = 0
  /** Protocol in which TLS was asked for (`smtp`, `postgres` …); '' where it begins the connection. */
  upgradeOf = ''
  /** The other side's words, where it declined the upgrade. */
  upgradeRefusal = ''
  clientHello: TlsClientHello | undefined = undefined
  /** HelloRetryRequest: the group that the server asks for; -1: there was none; 0: it asks for no other group. */
  retryGroup = -1
  serverHello: TlsServerHello | undefined = undefined
  /** In the clear only up to TLS 1.2. */
  certificateRequested = false
  /** Of the ServerKeyExchange (1.2) or the key share (1.3); 0 unknown. */
  group = 0
  /** `ecdhe`, `dhe`, `rsa`, `psk`; '' unknown. */
  keyExchange = ''
  resumption: TlsResumption = 'unknown'
  readonly client = new TlsSideFacts()
  readonly server = new TlsSideFacts()
  /** Those in the clear, the first 8. */
  readonly alerts: TlsAlert[] = []
  /** At most 12; up to the end of the handshake. */
  readonly flights: TlsFlight[] = []
  /** Both sides have gone over to encryption, and as far as sizes tell neither with an alert. */
  finishedMicros = 0
  /** Encrypted records that each had sent by then. */
  clientRecordsAtFinish = 0
  serverRecordsAtFinish = 0
  closed: CloseReason | undefined = undefined

  constructor(connection: Connection) {
    this.connection = connection
  }

  side(d: Direction): TlsSideFacts {
    return d === this.clientDirection ? this.client : this.server
  }
}

export type TlsEvent =
  | 'client-hello'
  | 'server-hello'
  | 'certificate'
  | 'alert'
  | 'finished'
  | 'not-tls'
  | 'upgrade-refused'
  | 'closed'

/** Told as soon as something is known; `handshake` is lent and goes on changing until `closed`. */
export interface TlsConsumer {
  onTls(handshake: TlsHandshake, event: TlsEvent, t: Timestamp): void
}
