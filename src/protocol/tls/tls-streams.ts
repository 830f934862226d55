// Finds the TLS handshakes among all connections: those that begin with TLS, that are upgraded to it, and those where one side
// alone speaks it.

import type { CloseReason, Connection, Direction } from '../../core/connection.ts'
import { opposite } from '../../core/connection.ts'
import type { StreamConsumer } from '../../core/consumers.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import type { TlsConsumer } from '../../core/tls-handshake.ts'
import { HeldMemory } from '../held-bytes.ts'
import { ProxyPreface } from '../proxy/proxy-preface.ts'
import { CertificateCache } from './certificate.ts'
import { type Beginning, beginningOf, saysTlsIsExpected } from './first-bytes.ts'
import { UPGRADE_PROTOCOLS } from './starttls/registry.ts'
import type { UpgradeReader } from './starttls/upgrade.ts'
import { TlsSession, type TlsShared } from './tls-session.ts'

/** Messages that are not complete, and certificates, of all connections. */
const MAXIMUM_HELD_BYTES = 32 * 1024 * 1024
/** Of a side whose kind is not known yet, and of an answer in plain text. */
const MAXIMUM_FIRST_BYTES = 1024

const NOTHING = Buffer.alloc(0)

/** A connection on which something was said and of which it is not known yet that it has nothing to do with TLS. */
class Watched {
  readonly connection: Connection
  preface: ProxyPreface | undefined
  session: TlsSession | undefined = undefined
  upgrade: UpgradeReader | undefined = undefined
  upgradeName = ''
  readonly first: [Buffer, Buffer] = [NOTHING, NOTHING]
  readonly beginning: [Beginning, Beginning] = ['more', 'more']
  fromStart: boolean

  constructor(connection: Connection) {
    this.connection = connection
    this.fromStart = connection.openerKnown && !connection.resumed
    this.preface = new ProxyPreface(connection)
  }
}

export class TlsStreams implements StreamConsumer {
  readonly #shared: TlsShared
  /** By slot; null: it has nothing to do with TLS. */
  readonly #watched: (Watched | undefined | null)[]

  constructor(consumer: TlsConsumer) {
    this.#shared = { consumer, memory: new HeldMemory(MAXIMUM_HELD_BYTES), certificates: new CertificateCache() }
    this.#watched = []
  }

  /** Bytes of messages and certificates that are kept. */
  get heldBytes(): number {
    return this.#shared.memory.usedBytes
  }

  onOpen(c: Connection): void {
    while (this.#watched.length <= c.slot) this.#watched.push(undefined)
    this.#watched[c.slot] = undefined
  }

  onData(c: Connection, d: Direction, _offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    let watched = this.#watched[c.slot]
    if (watched === null) return
    if (watched === undefined) {
      watched = new Watched(c)
      this.#watched[c.slot] = watched
    }
    const { preface } = watched
    const from = preface === undefined ? start : preface.read(d, buf, start, end, t)
    if (preface?.over) this.#endPreface(watched, preface)
    if (from < end) this.#take(watched, d, buf, from, end, t)
  }

  onGap(c: Connection, d: Direction, _offset: number, missing: number): void {
    const watched = this.#watched[c.slot]
    if (watched === null) return
    if (watched?.session !== undefined) {
      watched.session.gap(d, missing)
      return
    }
    if (watched === undefined) {
      const fresh = new Watched(c)
      fresh.fromStart = false
      this.#watched[c.slot] = fresh
      return
    }
    watched.preface?.gap(d, missing)
    if (watched.preface?.over) this.#endPreface(watched, watched.preface)
    watched.fromStart = false
    const begun: TlsSession | undefined = this.#sessionOf(watched)
    // a side whose first bytes are not complete begins anew behind the hole; a plain one or an upgrade is lost
    if (begun !== undefined) begun.gap(d, missing)
    else if (watched.upgrade !== undefined || watched.beginning[d] === 'plain') this.#ignore(watched)
    else watched.first[d] = NOTHING
  }

  onLateData(): void {
    // too late for a handshake
  }

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    const watched = this.#watched[c.slot]
    this.#watched[c.slot] = undefined
    if (watched === null || watched === undefined) return
    const { first, beginning } = watched
    if (watched.session !== undefined) watched.session.close(why, t)
    else if (watched.fromStart && watched.upgrade === undefined && beginning[0] === 'plain' && first[1].length === 0) {
      // a server that speaks TLS may just close: the diagnosis knows whether one is there
      const session = new TlsSession(c, 0, '', true, this.#shared)
      session.saidPlain(0, first[0], t)
      session.close(why, t)
    }
  }

  #endPreface(watched: Watched, preface: ProxyPreface): void {
    watched.preface = undefined
    preface.release((buf, start, end, t) => this.#take(watched, preface.direction, buf, start, end, t))
  }

  #take(watched: Watched, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const { session, upgrade } = watched
    if (session !== undefined) session.data(d, buf, start, end, t)
    else if (upgrade !== undefined) this.#takeUpgrade(watched, upgrade, d, buf, start, end, t)
    else this.#takeFirst(watched, d, buf, start, end, t)
  }

  #takeFirst(watched: Watched, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const { first, beginning } = watched
    const held = first[d]
    // an upload in plain text: only the other side's bytes are of interest
    if (beginning[d] === 'plain' && held.length === MAXIMUM_FIRST_BYTES) return
    // the rest of a long first piece is given to the session below
    const piece = buf.subarray(start, end)
    const bytes = held.length === 0 ? piece : Buffer.concat([held, piece])
    if (beginning[d] === 'more') beginning[d] = beginningOf(bytes, watched.fromStart)
    first[d] = firstBytes(held, buf, start, end)
    if (beginning[d] === 'more') return
    if (beginning[d] === 'plain') this.#takePlain(watched, d, t)
    else this.#beginSession(watched, d, bytes, t)
  }

  #beginSession(watched: Watched, d: Direction, bytes: Buffer, t: Timestamp): void {
    const { connection, first, beginning } = watched
    const kind = beginning[d]
    const other = opposite(d)
    const client = kind === 'server-hello' ? other : kind === 'client-hello' || kind === 'old-hello' ? d : 0
    // a server's hello with no client's before it
    const fromStart = watched.fromStart && kind !== 'server-hello'
    const session = new TlsSession(connection, client, '', fromStart, this.#shared)
    watched.session = session
    const earlier = first[other]
    if (earlier.length > 0 && beginning[other] === 'plain') session.saidPlain(other, earlier, t)
    if (kind === 'old-hello') {
      const stop = 2 + (((bytes[0]! & 0x7f) << 8) | bytes[1]!)
      session.oldHello(d, bytes, 2, stop, t)
      if (stop < bytes.length) session.data(d, bytes, stop, bytes.length, t)
    } else {
      session.data(d, bytes, 0, bytes.length, t)
    }
    if (earlier.length > 0 && beginning[other] === 'more') session.data(other, earlier, 0, earlier.length, t)
    first[0] = first[1] = NOTHING
  }

  /** `d` does not speak TLS, so far. */
  #takePlain(watched: Watched, d: Direction, t: Timestamp): void {
    const { first, beginning } = watched
    const other = opposite(d)
    if (beginning[other] === 'more' && this.#findUpgrade(watched, d, t)) return
    if (beginning[other] === 'plain' || !watched.fromStart) this.#judgePlain(watched, t)
    else if (first[other].length === 0 && first[d].length === MAXIMUM_FIRST_BYTES && d === 1) this.#ignore(watched)
  }

  /** Both speak plainly: of interest only where the answer says that TLS is expected. */
  #judgePlain(watched: Watched, t: Timestamp): void {
    const answer = watched.first[1]
    const text = answer.toString('latin1')
    if (saysTlsIsExpected(text)) {
      const session = new TlsSession(watched.connection, 0, '', true, this.#shared)
      watched.session = session
      session.saidPlain(0, watched.first[0], t)
      session.saidPlain(1, answer, t)
    } else if (
      answer.length === MAXIMUM_FIRST_BYTES ||
      !/^HTTP\/1\.[01] [45]/.test(text.padEnd(10, ' ').slice(0, 10))
    ) {
      if (answer.length >= 10 || !'HTTP/1.'.startsWith(text.slice(0, 7))) this.#ignore(watched)
    }
  }

  #findUpgrade(watched: Watched, d: Direction, t: Timestamp): boolean {
    let maybe = false
    for (const protocol of UPGRADE_PROTOCOLS) {
      const match = protocol.matches(d === 1, watched.first[d])
      if (match === 'more') maybe = true
      if (match !== 'yes') continue
      watched.upgrade = protocol.createReader()
      watched.upgradeName = protocol.name
      const said = watched.first[d]
      this.#readUpgrade(watched, watched.upgrade, d, said, 0, said.length, t)
      return true
    }
    return maybe
  }

  #takeUpgrade(
    watched: Watched,
    upgrade: UpgradeReader,
    d: Direction,
    buf: Buffer,
    start: number,
    end: number,
    t: Timestamp,
  ): void {
    const { first, beginning } = watched
    if (d === 0 && beginning[0] === 'more' && beginning[1] === 'plain') {
      // the server greeted, and the client may speak TLS all the same
      const bytes = Buffer.concat([first[0], buf.subarray(start, end)])
      first[0] = firstBytes(first[0], buf, start, end)
      beginning[0] = beginningOf(bytes, watched.fromStart)
      if (beginning[0] === 'more') return
      if (beginning[0] !== 'plain') {
        this.#beginSession(watched, 0, bytes, t)
        return
      }
      this.#readUpgrade(watched, upgrade, d, bytes, 0, bytes.length, t)
      return
    }
    if (d === 1 && beginning[0] === 'more') first[1] = firstBytes(first[1], buf, start, end)
    this.#readUpgrade(watched, upgrade, d, buf, start, end, t)
  }

  #readUpgrade(
    watched: Watched,
    upgrade: UpgradeReader,
    d: Direction,
    buf: Buffer,
    start: number,
    end: number,
    t: Timestamp,
  ): void {
    const from = upgrade.read(d === 1, buf, start, end)
    if (upgrade.state === 'waiting') return
    if (upgrade.state === 'over') {
      this.#ignore(watched)
      return
    }
    const session = new TlsSession(watched.connection, 0, watched.upgradeName, watched.fromStart, this.#shared)
    if (upgrade.state === 'refused') {
      session.refused(upgrade.refusal, t)
      this.#ignore(watched)
      return
    }
    watched.session = session
    watched.upgrade = undefined
    watched.first[0] = watched.first[1] = NOTHING
    if (from < end) session.data(d, buf, from, end, t)
  }

  /** What the preface, when it ended, may have begun. */
  #sessionOf(watched: Watched): TlsSession | undefined {
    return watched.session
  }

  #ignore(watched: Watched): void {
    this.#watched[watched.connection.slot] = null
  }
}

/** As many as are kept of what a side says first. */
function firstBytes(held: Buffer, buf: Buffer, start: number, end: number): Buffer {
  const room = MAXIMUM_FIRST_BYTES - held.length
  return room === 0 ? held : Buffer.concat([held, buf.subarray(start, Math.min(end, start + room))])
}
