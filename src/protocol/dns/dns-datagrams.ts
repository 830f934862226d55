// DNS exchanges over UDP: an answer belongs to the query of the same place, client, port, id and question (RFC 1035 §4.1.1,
// §7.3; RFC 5452 §9.1), and comes from the address that was asked. It may come from another port: the loopback of a container
// that asks Docker's resolver shows the query after its port was translated, and the answer before that.
//
// A query is the repetition of one that waits when it asks the same server the same from the same port (resolvers that keep
// their socket, with the same id or a new one) or with the same id (those that open a new one). With both new it cannot be
// told from another program's, and is a query of its own.

import { Exchange } from '../../core/exchange.ts'
import type { Packet } from '../../core/packet.ts'
import type { Datagram } from '../../core/segment.ts'
import { compareTime, elapsedMicros, Timestamp } from '../../core/timestamp.ts'
import { CaptureEnd } from '../capture-end.ts'
import type { DatagramsContext, ExchangeDatagrams } from '../exchange-datagrams.ts'
import { RECOGNISED_CLIENT } from '../exchange-parser.ts'
import { commandOf, DnsMessage, recogniseMessage } from './dns-message.ts'
import { domainName } from './dns-names.ts'
import { DnsQuery, questionOf, sameQuestion } from './dns-query.ts'
import { Ends, WaitingQueries, WaitingQuery } from './waiting-queries.ts'

const TOO_MANY_QUERIES = 'more DNS queries wait for answers than are remembered: the oldest are told as unknown'
/** Queries waiting for their answers, and ids with which they were repeated. */
const MAXIMUM_OUTSTANDING = 65536
/** What they may take: a garbage collector has several times as much in use before it looks. */
const MAXIMUM_OUTSTANDING_BYTES = 24 << 20
/** Ports and ids under which one query may be answered. */
const MAXIMUM_WAYS = 16
/** Questions that one socket may ask with the same id; resolvers ask for A and AAAA so. */
const MAXIMUM_SAME_ID = 16
/** The same query within this time is the same packet, captured twice. */
const SAME_PACKET_MICROS = 10_000
/** A query that is this much younger than those after it has an absurd timestamp, or the clock was set back. */
const CLOCK_WAS_SET_MICROS = 60_000_000
const DNS_PORT = 53
/** Ports with the same format but other rules: NetBIOS names, multicast DNS, LLMNR. */
const OTHER_PORTS = [137, 5353, 5355]

export interface DnsCounters {
  queries: number
  answers: number
  /** Answers that nobody waits for (any more): repeated ones, or to queries that were not seen. */
  unmatchedAnswers: number
  /** To or from the DNS port, and no DNS. */
  malformed: number
  /** Queries told as unknown because too many were outstanding. */
  evicted: number
}

/**
 * Takes all datagrams; those on port 53, and elsewhere what is a query beyond doubt, with its answer. Nothing on the wire
 * makes it throw. Remembers a bounded number of queries, in bounded memory; the oldest of too many are told as `unknown`.
 */
export class DnsExchanges implements ExchangeDatagrams {
  readonly counters: DnsCounters
  readonly #onFirstEvicted: (what: string) => void
  readonly #consumer: CaptureEnd
  readonly #exchange: Exchange
  readonly #message: DnsMessage
  readonly #ends: Ends
  readonly #waiting: WaitingQueries
  readonly #time: Timestamp
  readonly #otherTime: Timestamp

  constructor(
    { consumer, onFirstEvicted }: DatagramsContext,
    maximumOutstanding = MAXIMUM_OUTSTANDING,
    maximumBytes = MAXIMUM_OUTSTANDING_BYTES,
  ) {
    this.counters = { queries: 0, answers: 0, unmatchedAnswers: 0, malformed: 0, evicted: 0 }
    this.#onFirstEvicted = onFirstEvicted
    this.#consumer = new CaptureEnd(consumer)
    this.#exchange = new Exchange()
    this.#message = new DnsMessage()
    this.#ends = new Ends()
    this.#waiting = new WaitingQueries(maximumOutstanding, maximumBytes)
    this.#time = new Timestamp()
    this.#otherTime = new Timestamp()
  }

  /** What the queries take that wait, about; for tests of the bound. */
  get heldBytes(): number {
    return this.#waiting.heldBytes
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

  /** Queries from before `before` that have no answer are told as unanswered. Their answers are told when they come. */
  expire(before: Timestamp): void {
    const waiting = this.#waiting
    for (let query = waiting.oldestUntold; query !== undefined; query = waiting.oldestUntold) {
      if (this.#isFrom(query, before)) {
        const unanswered = this.#queryOf(query)
        waiting.markOldestTold()
        this.#handOn(query, unanswered)
      } else if (this.#isOfAnotherClock(query)) {
        this.#giveUp(query)
      } else {
        return
      }
    }
  }

  /** Queries from before `before` that have no answer are told as unanswered, if they were not, and forgotten. */
  forget(before: Timestamp): void {
    const waiting = this.#waiting
    for (let query = waiting.oldest; query !== undefined; query = waiting.oldest) {
      if (this.#isFrom(query, before)) this.#tell(query, this.#queryOf(query))
      else if (this.#isOfAnotherClock(query)) this.#giveUp(query)
      else return
    }
  }

  #isFrom(query: WaitingQuery, before: Timestamp): boolean {
    return compareTime(startOf(query, this.#time), before) < 0
  }

  #isOfAnotherClock(query: WaitingQuery): boolean {
    const newest = startOf(this.#waiting.newest!, this.#otherTime)
    return elapsedMicros(newest, startOf(query, this.#time)) > CLOCK_WAS_SET_MICROS
  }

  /** The capture has ended: what has no answer yet is told as `unknown`. */
  close(): void {
    this.#consumer.ended = true
    for (let query = this.#waiting.oldest; query !== undefined; query = this.#waiting.oldest) {
      this.#tell(query, this.#queryOf(query))
    }
  }

  #isCertainly(datagram: Datagram): boolean {
    const { buf, payloadStart, payloadEnd, missingBytes } = datagram
    const length = payloadEnd - payloadStart + missingBytes
    return recogniseMessage(buf, payloadStart, payloadEnd, length) === RECOGNISED_CLIENT
  }

  #ask(datagram: Datagram, message: DnsMessage): void {
    this.counters.queries++
    const ends = this.#ends
    const waiting = this.#waiting
    ends.set(datagram, true)
    const question = questionOf(message, datagram.buf)
    const first = waiting.findRepeated(ends, message.id, question)
    if (first !== undefined) {
      this.#repeat(first, message.id, datagram.time)
      return
    }
    while (waiting.full) {
      const oldest = waiting.oldest!
      if (!oldest.told && this.counters.evicted++ === 0) this.#onFirstEvicted(TOO_MANY_QUERIES)
      this.#giveUp(oldest)
    }
    if (waiting.countBySocket(ends, message.id) >= MAXIMUM_SAME_ID) {
      const former = waiting.findBySocket(ends, message.id, () => true)!
      this.#tell(former, this.#queryOf(former))
    }
    const query = new WaitingQuery(datagram, ends, question, message.opcode)
    waiting.add(query)
    waiting.addWay(query, ends, message.id)
  }

  #repeat(first: WaitingQuery, id: number, t: Timestamp): void {
    const waiting = this.#waiting
    const { clientPort } = this.#ends
    if (waiting.hasWay(first, clientPort, id)) {
      if (elapsedMicros(startOf(first, this.#time), t) >= SAME_PACKET_MICROS) first.repeat(t)
      return
    }
    first.repeat(t)
    const room = first.ways < MAXIMUM_WAYS && !waiting.full
    if (room && waiting.countBySocket(this.#ends, id) < MAXIMUM_SAME_ID) waiting.addWay(first, this.#ends, id)
  }

  #answer(datagram: Datagram, message: DnsMessage, usual: boolean): void {
    const query = this.#waiting.empty ? undefined : this.#asked(datagram, message)
    if (query === undefined) {
      if (usual) this.counters.unmatchedAnswers++
      return
    }
    this.counters.answers++
    const answered = this.#queryOf(query)
    const bytes = datagram.payloadEnd - datagram.payloadStart + datagram.missingBytes
    if (compareTime(datagram.time, answered.start) < 0) answered.unknown = true
    answered.answer(message, datagram.time, datagram.time, bytes)
    this.#tell(query, answered)
  }

  /** The query that this answers. An answer without a question (an error) belongs to the oldest with its id. */
  #asked(datagram: Datagram, message: DnsMessage): WaitingQuery | undefined {
    const ends = this.#ends
    ends.set(datagram, false)
    const question = message.hasQuestion ? questionOf(message, datagram.buf) : undefined
    const fits = (query: WaitingQuery) =>
      query.asks(ends) && (question === undefined || sameQuestion(query.question, question))
    const exact = (query: WaitingQuery) => query.serverPort === ends.serverPort && fits(query)
    const found = this.#waiting.findBySocket(ends, message.id, exact)
    if (found !== undefined || ends.serverPort !== DNS_PORT) return found
    return this.#waiting.findBySocket(ends, message.id, fits)
  }

  #giveUp(waiting: WaitingQuery): void {
    const query = this.#queryOf(waiting)
    query.answerMayBeMissing = true
    this.#tell(waiting, query)
  }

  /** What is told of it. */
  #queryOf(waiting: WaitingQuery): DnsQuery {
    const { question } = waiting
    const bytes = Buffer.from(question, 'latin1')
    const nameEnd = bytes.length - 4
    const type = (bytes[nameEnd]! << 8) | bytes[nameEnd + 1]!
    const query = new DnsQuery(commandOf(waiting.opcode, type), domainName(bytes, 0, nameEnd), question)
    startOf(waiting, query.start)
    startOf(waiting, query.end)
    query.bytes = waiting.bytes
    query.retries = waiting.retries
    query.told = waiting.told
    query.lastRetry.seconds = waiting.retrySeconds
    query.lastRetry.nanos = waiting.retryNanos
    return query
  }

  /**
   * Forgets the query first, because the consumer may throw. A query that was told as unanswered is told again only with its
   * answer.
   */
  #tell(waiting: WaitingQuery, query: DnsQuery): void {
    this.#waiting.remove(waiting)
    if (!query.told || (query.answered && !query.unknown)) this.#handOn(waiting, query)
  }

  #handOn(waiting: WaitingQuery, query: DnsQuery): void {
    const exchange = this.#exchange
    exchange.place = waiting.place
    exchange.client = waiting.client()
    exchange.server = waiting.server()
    query.writeTo(exchange)
    this.#consumer.onExchange(exchange)
  }
}

function startOf(query: WaitingQuery, to: Timestamp): Timestamp {
  to.seconds = query.startSeconds
  to.nanos = query.startNanos
  to.known = query.startKnown
  return to
}
