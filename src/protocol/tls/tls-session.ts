// One TLS connection, from its first record on: reads what is in the clear, counts the rest, and tells the consumer.

import type { CloseReason, Connection, Direction } from '../../core/connection.ts'
import { epochMicros, type Timestamp } from '../../core/timestamp.ts'
import {
  type TlsCertificate,
  type TlsConsumer,
  type TlsEvent,
  type TlsFlight,
  TlsHandshake,
  type TlsSideFacts,
  type TlsSideName,
} from '../../core/tls-handshake.ts'
import type { HeldMemory } from '../held-bytes.ts'
import { ByteReader } from './byte-reader.ts'
import type { CertificateCache } from './certificate.ts'
import {
  CERTIFICATE,
  CERTIFICATE_REQUEST,
  CLIENT_HELLO,
  HandshakeMessages,
  SERVER_HELLO,
  SERVER_KEY_EXCHANGE,
} from './handshake-messages.ts'
import { readClientHello, readOldClientHello, readServerHello } from './hello.ts'
import { keyExchangeOfSuite, readServerKeyExchange } from './key-exchange.ts'
import {
  ALERT,
  APPLICATION_DATA,
  CHANGE_CIPHER_SPEC,
  HANDSHAKE,
  type RecordHandler,
  RecordReader,
} from './record-reader.ts'

const TLS_1_3 = 0x0304
const MAXIMUM_ALERTS = 8
const MAXIMUM_FLIGHTS = 12
const MAXIMUM_LISTED_RECORDS = 16
const MAXIMUM_CHAIN = 10
const MAXIMUM_PLAIN_BYTES = 256
/** An encrypted Finished is at least so long: header 4, hash 32, type 1, tag 8. An encrypted alert is shorter (RFC 8446 §5.2). */
const SHORTEST_FINISHED_BYTES = 45
const ALERT_BYTES = 2

/** What all sessions of a run share. */
export interface TlsShared {
  readonly consumer: TlsConsumer
  readonly memory: HeldMemory
  readonly certificates: CertificateCache
}

/** One direction. */
class Side implements RecordHandler {
  readonly records: RecordReader
  readonly messages: HandshakeMessages
  readonly #session: TlsSession
  readonly #d: Direction
  #alertLevel = -1
  recordBytes = 0
  /** ChangeCipherSpec (up to 1.2), or the first encrypted record. */
  encrypted = false
  notTls = false

  constructor(session: TlsSession, d: Direction, memory: HeldMemory) {
    this.#session = session
    this.#d = d
    this.records = new RecordReader(this)
    this.messages = new HandshakeMessages(
      (type, buf, start, end, t) => session.message(d, type, buf, start, end, t),
      memory,
    )
  }

  onRecord(type: number, length: number, t: Timestamp): void {
    this.recordBytes = length
    this.#alertLevel = -1
    this.#session.record(this.#d, this, type, length, t)
  }

  onFragment(type: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (type === ALERT && this.recordBytes === ALERT_BYTES) {
      for (let i = start; i < end; i++) {
        if (this.#alertLevel < 0) this.#alertLevel = buf[i]!
        else this.#session.alert(this.#d, this.#alertLevel, buf[i]!, t)
      }
    } else if (type === HANDSHAKE && !this.encrypted) {
      this.messages.data(buf, start, end, t)
    }
  }

  onRecordEnd(type: number, t: Timestamp): void {
    if (type === CHANGE_CIPHER_SPEC) this.#session.changeCipherSpec(this)
    else this.#session.recordEnd(t)
  }

  onMissing(type: number): void {
    if (type === HANDSHAKE) this.messages.damage()
  }

  onNoRecord(header: Buffer, length: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#session.noRecord(this.#d, this, Buffer.concat([header.subarray(0, length), buf.subarray(start, end)]), t)
  }
}

export class TlsSession {
  readonly handshake: TlsHandshake
  readonly #shared: TlsShared
  readonly #sides: readonly [Side, Side]
  #clientKnown: boolean
  #certificateBytes: number
  /** To be told when the record has ended. */
  #finishing: boolean

  /** `seenFromStart`: no record came before the first that is given. */
  constructor(connection: Connection, client: Direction, upgradeOf: string, seenFromStart: boolean, shared: TlsShared) {
    const handshake = new TlsHandshake(connection)
    handshake.clientDirection = client
    handshake.upgradeOf = upgradeOf
    handshake.client.incomplete = !seenFromStart
    handshake.server.incomplete = !seenFromStart
    this.handshake = handshake
    this.#shared = shared
    this.#sides = [new Side(this, 0, shared.memory), new Side(this, 1, shared.memory)]
    this.#clientKnown = false
    this.#certificateBytes = 0
    this.#finishing = false
  }

  data(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const side = this.#sides[d]
    this.handshake.side(d).spoke = true
    if (side.notTls) this.#keepPlain(d, buf.subarray(start, end))
    else side.records.data(buf, start, end, t)
  }

  gap(d: Direction, missing: number): void {
    const side = this.#sides[d]
    this.handshake.side(d).incomplete = true
    if (!side.encrypted) side.messages.damage()
    side.records.gap(missing)
  }

  /** A hello in the form of SSL 2.0, without its two bytes of length: `buf[start..end)`. */
  oldHello(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#handshakeBegins(d)
    this.handshake.side(d).spoke = true
    this.#flight(d, end - start, t)
    this.handshake.clientHello = readOldClientHello(buf, start, end, epochMicros(t))
    if (this.handshake.clientHello !== undefined) this.#tell('client-hello', t)
  }

  /** What a side said before, in place of a record. */
  saidPlain(d: Direction, bytes: Buffer, t: Timestamp): void {
    this.noRecord(d, this.#sides[d], bytes, t)
  }

  refused(text: string, t: Timestamp): void {
    this.handshake.upgradeRefusal = text
    this.#tell('upgrade-refused', t)
  }

  close(why: CloseReason, t: Timestamp): void {
    this.handshake.closed = why
    for (const side of this.#sides) side.messages.release()
    this.#tell('closed', t)
    this.#shared.memory.usedBytes -= this.#certificateBytes
    this.#certificateBytes = 0
  }

  // What the sides say.

  record(d: Direction, side: Side, type: number, length: number, t: Timestamp): void {
    const { handshake } = this
    const facts = handshake.side(d)
    const clear = type === ALERT && length === ALERT_BYTES
    if (type === APPLICATION_DATA) side.encrypted = true
    if (handshake.finishedMicros === 0) this.#flight(d, length, t)
    if (!side.encrypted || clear || type === CHANGE_CIPHER_SPEC) return
    const micros = epochMicros(t)
    if (facts.encryptedSinceMicros === 0) facts.encryptedSinceMicros = micros
    facts.encryptedRecords++
    if (facts.firstEncrypted.length < MAXIMUM_LISTED_RECORDS) facts.firstEncrypted.push({ micros, type, bytes: length })
    if (handshake.finishedMicros === 0) this.#noteFinished(facts, type, length, micros)
  }

  recordEnd(t: Timestamp): void {
    if (!this.#finishing) return
    this.#finishing = false
    this.#tell('finished', t)
  }

  /** in 1.3 it means nothing (RFC 8446 §5): encryption begins with the first record of application data */
  changeCipherSpec(side: Side): void {
    const { handshake } = this
    if (handshake.serverHello === undefined && !handshake.server.incomplete) return
    if (handshake.serverHello?.version === TLS_1_3) return
    side.encrypted = true
    const isServer = side === this.#sides[handshake.clientDirection === 0 ? 1 : 0]
    if (isServer && handshake.resumption === 'unknown' && !handshake.server.incomplete) {
      // a server that sends no certificate and no key but begins encryption resumes a session
      const taken =
        !handshake.server.certificateSeen && handshake.keyExchange !== 'ecdhe' && handshake.keyExchange !== 'dhe'
      handshake.resumption = taken ? 'session' : 'none'
    }
  }

  alert(d: Direction, level: number, code: number, t: Timestamp): void {
    const { alerts } = this.handshake
    if (alerts.length === MAXIMUM_ALERTS) return
    alerts.push({ micros: epochMicros(t), by: this.#nameOf(d), fatal: level === 2, code })
    this.#tell('alert', t)
  }

  noRecord(d: Direction, side: Side, bytes: Buffer, t: Timestamp): void {
    const facts = this.handshake.side(d)
    if (facts.encryptedRecords > 0 || side.encrypted) return
    side.notTls = true
    facts.spoke = true
    if (facts.plainMicros !== 0) return
    facts.plainMicros = epochMicros(t)
    this.#keepPlain(d, bytes)
    this.#tell('not-tls', t)
  }

  message(d: Direction, type: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const { handshake } = this
    switch (type) {
      case CLIENT_HELLO:
        this.#handshakeBegins(d)
        // after a HelloRetryRequest, the first hello is the one that tells what the client can do
        if (handshake.clientHello !== undefined) return
        handshake.clientHello = readClientHello(buf, start, end, epochMicros(t))
        if (handshake.clientHello !== undefined) this.#tell('client-hello', t)
        return
      case SERVER_HELLO:
        this.#handshakeBegins(d === 0 ? 1 : 0)
        this.#serverHello(buf, start, end, t)
        return
      case CERTIFICATE:
        this.#certificate(handshake.side(d), buf, start, end, t)
        return
      case SERVER_KEY_EXCHANGE: {
        const { keyExchange, group } = readServerKeyExchange(buf, start, end)
        handshake.keyExchange = keyExchange
        handshake.group = group
        return
      }
      case CERTIFICATE_REQUEST:
        handshake.certificateRequested = true
        return
    }
  }

  #handshakeBegins(client: Direction): void {
    if (this.#clientKnown) return
    this.#clientKnown = true
    this.handshake.clientDirection = client
  }

  #serverHello(buf: Buffer, start: number, end: number, t: Timestamp): void {
    const { handshake } = this
    const read = readServerHello(buf, start, end, epochMicros(t))
    if (read === undefined || handshake.serverHello !== undefined) return
    if (read.isRetry) {
      handshake.retryGroup = read.hello.group
      return
    }
    const { hello } = read
    const { clientHello } = handshake
    handshake.serverHello = hello
    if (hello.version === TLS_1_3) {
      handshake.group = hello.group
      handshake.keyExchange = hello.group === 0 ? 'psk' : 'ecdhe'
      handshake.resumption = hello.pskChosen ? 'psk' : 'none'
    } else {
      handshake.keyExchange = keyExchangeOfSuite(hello.suite)
      // with a ticket the client makes the id up, and the server says it again (RFC 5077 §3.4)
      const same = hello.sessionId !== '' && hello.sessionId === clientHello?.sessionId
      if (same) handshake.resumption = 'session'
    }
    this.#tell('server-hello', t)
  }

  #certificate(facts: TlsSideFacts, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const list = new ByteReader(buf, start, end).vector(3)
    const chain: TlsCertificate[] = []
    while (list.left > 0 && chain.length < MAXIMUM_CHAIN && !this.#shared.memory.full) {
      const der = list.vector(3).bytes()
      if (!list.ok) break
      chain.push(this.#shared.certificates.get(der))
      this.#certificateBytes += der.length
      this.#shared.memory.usedBytes += der.length
    }
    facts.certificates = chain
    facts.certificateSeen = true
    this.#tell('certificate', t)
  }

  /** 1.2: both have sent their Finished. 1.3: the client has, after the server's. */
  #noteFinished(facts: TlsSideFacts, type: number, length: number, micros: number): void {
    const { handshake } = this
    const { client, server, serverHello } = handshake
    if (serverHello === undefined) {
      if (!client.incomplete && !server.incomplete) return
      // joined midway: if both sides send application data, the handshake has finished
      if (type !== APPLICATION_DATA || client.encryptedRecords === 0 || server.encryptedRecords === 0) return
    } else if (serverHello.version === TLS_1_3) {
      if (facts !== client || server.encryptedRecords === 0 || length < SHORTEST_FINISHED_BYTES) return
    } else if (type === ALERT || client.encryptedRecords === 0 || server.encryptedRecords === 0) return
    handshake.finishedMicros = micros
    handshake.clientRecordsAtFinish = client.encryptedRecords
    handshake.serverRecordsAtFinish = server.encryptedRecords
    this.#finishing = true
  }

  #flight(d: Direction, bytes: number, t: Timestamp): void {
    const { flights } = this.handshake
    const by = this.#nameOf(d)
    const micros = epochMicros(t)
    const last: TlsFlight | undefined = flights.at(-1)
    if (last?.by === by) {
      last.endMicros = micros
      last.records++
      last.bytes += bytes
    } else if (flights.length < MAXIMUM_FLIGHTS) {
      flights.push({ by, startMicros: micros, endMicros: micros, records: 1, bytes })
    }
  }

  #keepPlain(d: Direction, bytes: Buffer): void {
    const facts = this.handshake.side(d)
    const room = MAXIMUM_PLAIN_BYTES - facts.plainBytes.length
    if (room > 0) facts.plainBytes += bytes.toString('latin1', 0, room)
  }

  #nameOf(d: Direction): TlsSideName {
    return d === this.handshake.clientDirection ? 'client' : 'server'
  }

  #tell(event: TlsEvent, t: Timestamp): void {
    this.#shared.consumer.onTls(this.handshake, event, t)
  }
}
