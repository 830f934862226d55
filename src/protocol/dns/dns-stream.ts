// DNS exchanges over TCP: messages behind their lengths in two bytes, queries pipelined, answers in any order (RFC 7766).

import type { Connection, Direction } from '../../core/connection.ts'
import { opposite } from '../../core/connection.ts'
import { Exchange, type ExchangeConsumer } from '../../core/exchange.ts'
import { compareTime, type Timestamp } from '../../core/timestamp.ts'
import type { ExchangeParser, ParserContext } from '../exchange-parser.ts'
import { DnsFrames } from './dns-frames.ts'
import type { DnsMessage } from './dns-message.ts'
import { DnsQuery, questionOf } from './dns-query.ts'

/** Of one connection; the oldest is then told as `unknown`. */
const MAXIMUM_OUTSTANDING = 1024

/** Lent to consumers; one for all parsers, as they tell one exchange at a time. */
const lent = new Exchange()

export class DnsStream implements ExchangeParser {
  readonly #connection: Connection
  readonly #client: Direction
  readonly #consumer: ExchangeConsumer
  readonly #queries: DnsFrames
  readonly #answers: DnsFrames
  /** By id, oldest first. */
  readonly #outstanding: Map<number, DnsQuery>

  constructor(context: ParserContext) {
    const { connection } = context
    const fromTheBeginning = connection.openerKnown && !connection.resumed
    this.#connection = connection
    this.#client = context.clientDirection
    this.#consumer = context.consumer
    this.#queries = new DnsFrames(fromTheBeginning, (message, buf, frame) => this.#ask(message, buf, frame))
    this.#answers = new DnsFrames(fromTheBeginning, (message, buf, frame) => this.#answer(message, buf, frame))
    this.#outstanding = new Map()
  }

  onData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const frames = d === this.#client ? this.#queries : this.#answers
    frames.data(buf, start, end, t)
  }

  onGap(d: Direction, missing: number): void {
    const frames = d === this.#client ? this.#queries : this.#answers
    if (frames.gap(missing) || d === this.#client) return
    for (const query of this.#outstanding.values()) {
      query.answerMayBeMissing = true
      if (query.answered) query.unknown = true
    }
  }

  expire(before: Timestamp): void {
    for (const [id, query] of this.#outstanding) {
      if (compareTime(query.end, before) >= 0) return
      // a zone transfer that goes on
      if (query.answered && compareTime(query.responseEnd, before) >= 0) continue
      this.#tell(id, query)
    }
  }

  onClose(): void {
    this.#queries.close()
    this.#answers.close()
    for (const [id, query] of this.#outstanding) this.#tell(id, query)
  }

  #ask(message: DnsMessage, buf: Buffer, frame: DnsFrames): void {
    if (message.isResponse) return
    const outstanding = this.#outstanding
    const former = outstanding.get(message.id)
    if (former !== undefined) this.#tell(message.id, former)
    if (outstanding.size >= MAXIMUM_OUTSTANDING) this.#forgetOldest()
    const query = new DnsQuery(message, buf, questionOf(message, buf))
    query.start.set(frame.start)
    query.end.set(frame.end)
    query.bytes = frame.length
    query.unknown = frame.tailMissing
    query.aheadInPipeline = outstanding.size
    outstanding.set(message.id, query)
  }

  #answer(message: DnsMessage, buf: Buffer, frame: DnsFrames): void {
    if (!message.isResponse) return
    const query = this.#outstanding.get(message.id)
    if (query === undefined || (message.hasQuestion && questionOf(message, buf) !== query.question)) return
    if (frame.tailMissing || compareTime(frame.start, query.start) < 0) query.unknown = true
    query.answer(message, frame.start, frame.end, frame.length)
    // a zone comes in as many messages as it needs (RFC 5936 §2.2)
    if (message.responseCode === 0 && (query.command === 'AXFR' || query.command === 'IXFR')) return
    this.#tell(message.id, query)
  }

  #forgetOldest(): void {
    for (const [id, query] of this.#outstanding) {
      query.answerMayBeMissing = true
      this.#tell(id, query)
      return
    }
  }

  #tell(id: number, query: DnsQuery): void {
    this.#outstanding.delete(id)
    const connection = this.#connection
    lent.connection = connection
    lent.requestDirection = this.#client
    lent.place = connection.place
    lent.client = connection.endpoints[this.#client]
    lent.server = connection.endpoints[opposite(this.#client)]
    query.writeTo(lent)
    this.#consumer.onExchange(lent)
  }
}
