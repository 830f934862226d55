// DNS exchanges over UDP: queries and answers paired by place, addresses, ports, id and question (RFC 1035 §4.2.1, RFC 5452).
//
// A query is the repetition of one that waits when it asks the same server the same from the same port (resolvers that keep
// their socket, with the same id or a new one) or with the same id (those that open a new one). With both new it cannot be
// told from another program's, and is a query of its own.

import type { DatagramConsumer } from '../../core/consumers.ts'
import { Endpoint } from '../../core/endpoint.ts'
import { Exchange, type ExchangeConsumer } from '../../core/exchange.ts'
import type { Packet } from '../../core/packet.ts'
import type { Datagram } from '../../core/segment.ts'
import { compareTime, elapsedMicros, type Timestamp } from '../../core/timestamp.ts'
import { CaptureEnd } from '../capture-end.ts'
import { RECOGNISED_CLIENT } from '../exchange-parser.ts'
import { DnsMessage, recogniseMessage } from './dns-message.ts'
import { DnsQuery, questionOf } from './dns-query.ts'

/** Queries waiting for their answers, and ids with which they were repeated. */
const MAXIMUM_OUTSTANDING = 65536
/** Ports and ids under which one query may be answered. */
const MAXIMUM_WAYS = 16
/** The same query so soon is the same packet, captured twice. */
const SAME_PACKET_MICROS = 10_000
/** A query so much younger than those after it has an absurd timestamp, or the clock was set back since. */
const CLOCK_WAS_SET_MICROS = 60_000_000
const DNS_PORT = 53
/** The same format with other rules: NetBIOS names, multicast DNS, LLMNR. */
const OTHER_PORTS = [137, 5353, 5355]

/** Place, addresses, ports and id as bytes. */
const KEY_BYTES = 42
/** Of port and of id, which come last. */
const PORT_CHARACTERS = 2

class OutstandingQuery extends DnsQuery {
  readonly place: number
  readonly client: Endpoint
  readonly server: Endpoint
  /** Under which its answers find it, and its repetitions: one or two more with each of these. */
  readonly ways: string[]
  readonly identities: string[]
  older: OutstandingQuery | undefined
  newer: OutstandingQuery | undefined

  constructor(message: DnsMessage, datagram: Datagram, question: string) {
    super(message, datagram.buf, question)
    this.place = datagram.place
    this.client = sourceOf(datagram)
    this.server = destinationOf(datagram)
    this.ways = []
    this.identities = []
    this.older = undefined
    this.newer = undefined
  }
}

export interface DnsCounters {
  queries: number
  answers: number
  /** Answers that nobody waits for (any more): repeated ones, or to queries that were not seen. */
  unmatchedAnswers: number
  /** To or from the DNS port, and no DNS. */
  malformed: number
  /** Queries forgotten because too many were outstanding. */
  evicted: number
}

/**
 * Takes all datagrams; those on port 53, and elsewhere what is a query beyond doubt, with its answer. Nothing on the wire
 * makes it throw; remembers at most `maximumOutstanding` queries (of which the oldest are then told as `unknown`).
 */
export class DnsExchanges implements DatagramConsumer {
  readonly counters: DnsCounters
  readonly #consumer: CaptureEnd
  readonly #maximum: number
  readonly #exchange: Exchange
  readonly #message: DnsMessage
  readonly #key: Buffer
  readonly #byWay: Map<string, OutstandingQuery>
  readonly #byIdentity: Map<string, OutstandingQuery>
  #oldest: OutstandingQuery | undefined
  #newest: OutstandingQuery | undefined

  constructor(consumer: ExchangeConsumer, maximumOutstanding = MAXIMUM_OUTSTANDING) {
    this.counters = { queries: 0, answers: 0, unmatchedAnswers: 0, malformed: 0, evicted: 0 }
    this.#consumer = new CaptureEnd(consumer)
    this.#maximum = maximumOutstanding
    this.#exchange = new Exchange()
    this.#message = new DnsMessage()
    this.#key = Buffer.alloc(KEY_BYTES)
    this.#byWay = new Map()
    this.#byIdentity = new Map()
    this.#oldest = undefined
    this.#newest = undefined
  }

  onDatagram(datagram: Datagram, _packet: Packet): void {
    const { sourcePort, destinationPort, buf, payloadStart, payloadEnd } = datagram
    const usual = sourcePort === DNS_PORT || destinationPort === DNS_PORT
    if (!usual && (OTHER_PORTS.includes(sourcePort) || OTHER_PORTS.includes(destinationPort))) return
    const message = this.#message
    if (!message.read(buf, payloadStart, payloadEnd)) {
      if (usual) this.counters.malformed++
    } else if (message.isResponse) {
      this.#answer(datagram, message, usual)
    } else if (usual || this.#isCertainly(datagram)) {
      this.#ask(datagram, message)
    }
  }

  /** Queries from before `before` that have no answer are told as unanswered and forgotten. */
  expire(before: Timestamp): void {
    for (let query = this.#oldest; query !== undefined; query = this.#oldest) {
      if (compareTime(query.end, before) < 0) this.#tell(query)
      else if (elapsedMicros(this.#newest!.end, query.end) > CLOCK_WAS_SET_MICROS) this.#giveUpOldest()
      else return
    }
  }

  /** The capture has ended: what has no answer yet is told as `unknown`. */
  close(): void {
    this.#consumer.ended = true
    while (this.#oldest !== undefined) this.#tell(this.#oldest)
  }

  #isCertainly(datagram: Datagram): boolean {
    const { buf, payloadStart, payloadEnd, missingBytes } = datagram
    const length = payloadEnd - payloadStart + missingBytes
    return recogniseMessage(buf, payloadStart, payloadEnd, length) === RECOGNISED_CLIENT
  }

  #ask(datagram: Datagram, message: DnsMessage): void {
    this.counters.queries++
    const question = questionOf(message, datagram.buf)
    const way = this.#wayOf(datagram, message.id, true)
    const first =
      this.#byIdentity.get(identityByPort(way, question)) ?? this.#byIdentity.get(identityById(way, question))
    if (first !== undefined) {
      this.#repeat(first, way, datagram.time)
      return
    }
    if (this.#byWay.size >= this.#maximum) {
      this.counters.evicted++
      this.#giveUpOldest()
    }
    const query = new OutstandingQuery(message, datagram, question)
    query.start.set(datagram.time)
    query.end.set(datagram.time)
    query.bytes = datagram.payloadEnd - datagram.payloadStart + datagram.missingBytes
    query.older = this.#newest
    if (this.#newest === undefined) this.#oldest = query
    else this.#newest.newer = query
    this.#newest = query
    this.#addWay(query, way)
  }

  #repeat(first: OutstandingQuery, way: string, t: Timestamp): void {
    if (first.ways.includes(way)) {
      if (elapsedMicros(first.start, t) >= SAME_PACKET_MICROS) first.retries++
      return
    }
    first.retries++
    if (first.ways.length < MAXIMUM_WAYS && this.#byWay.size < this.#maximum) this.#addWay(first, way)
  }

  #addWay(query: OutstandingQuery, way: string): void {
    // who uses an id again on the same socket has given up the query that had it
    const former = this.#byWay.get(way)
    if (former !== undefined) this.#tell(former)
    const byPort = identityByPort(way, query.question)
    const byId = identityById(way, query.question)
    query.ways.push(way)
    query.identities.push(byPort, byId)
    this.#byWay.set(way, query)
    this.#byIdentity.set(byPort, query)
    this.#byIdentity.set(byId, query)
  }

  #answer(datagram: Datagram, message: DnsMessage, usual: boolean): void {
    const query = this.#byWay.size === 0 ? undefined : this.#byWay.get(this.#wayOf(datagram, message.id, false))
    if (query === undefined || (message.hasQuestion && questionOf(message, datagram.buf) !== query.question)) {
      if (usual) this.counters.unmatchedAnswers++
      return
    }
    this.counters.answers++
    const bytes = datagram.payloadEnd - datagram.payloadStart + datagram.missingBytes
    if (compareTime(datagram.time, query.start) < 0) query.unknown = true
    query.answer(message, datagram.time, datagram.time, bytes)
    this.#tell(query)
  }

  #giveUpOldest(): void {
    const oldest = this.#oldest!
    oldest.answerMayBeMissing = true
    this.#tell(oldest)
  }

  /** Forgets it first: the consumer may throw. */
  #tell(query: OutstandingQuery): void {
    for (const way of query.ways) this.#byWay.delete(way)
    for (const identity of query.identities) this.#byIdentity.delete(identity)
    const { older, newer } = query
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    const exchange = this.#exchange
    exchange.place = query.place
    exchange.client = query.client
    exchange.server = query.server
    query.writeTo(exchange)
    this.#consumer.onExchange(exchange)
  }

  /** The same for a query and its answer. Ends with the client's port and the id. */
  #wayOf(d: Datagram, id: number, isQuery: boolean): string {
    const key = this.#key
    const clientPort = isQuery ? d.sourcePort : d.destinationPort
    const serverPort = isQuery ? d.destinationPort : d.sourcePort
    putWord(key, 0, d.place)
    let pos = isQuery ? putSource(key, 4, d) : putDestination(key, 4, d)
    pos = isQuery ? putDestination(key, pos, d) : putSource(key, pos, d)
    pos = putShort(key, putShort(key, putShort(key, pos, serverPort), clientPort), id)
    return key.toString('latin1', 0, pos)
  }
}

function identityByPort(way: string, question: string): string {
  return `p${way.slice(0, -PORT_CHARACTERS)}${question}`
}

function identityById(way: string, question: string): string {
  return `i${way.slice(0, -2 * PORT_CHARACTERS)}${way.slice(-PORT_CHARACTERS)}${question}`
}

function putSource(key: Buffer, pos: number, d: Datagram): number {
  let next = pos
  if (d.family === 6) {
    next = putWord(key, next, d.sourceWord0)
    next = putWord(key, next, d.sourceWord1)
    next = putWord(key, next, d.sourceWord2)
  }
  return putWord(key, next, d.sourceWord3)
}

function putDestination(key: Buffer, pos: number, d: Datagram): number {
  let next = pos
  if (d.family === 6) {
    next = putWord(key, next, d.destinationWord0)
    next = putWord(key, next, d.destinationWord1)
    next = putWord(key, next, d.destinationWord2)
  }
  return putWord(key, next, d.destinationWord3)
}

function putWord(key: Buffer, pos: number, word: number): number {
  key[pos] = word >>> 24
  key[pos + 1] = (word >>> 16) & 255
  key[pos + 2] = (word >>> 8) & 255
  key[pos + 3] = word & 255
  return pos + 4
}

function putShort(key: Buffer, pos: number, value: number): number {
  key[pos] = value >>> 8
  key[pos + 1] = value & 255
  return pos + 2
}

function sourceOf(d: Datagram): Endpoint {
  return new Endpoint(d.family, d.sourceWord0, d.sourceWord1, d.sourceWord2, d.sourceWord3, d.sourcePort)
}

function destinationOf(d: Datagram): Endpoint {
  return new Endpoint(
    d.family,
    d.destinationWord0,
    d.destinationWord1,
    d.destinationWord2,
    d.destinationWord3,
    d.destinationPort,
  )
}
