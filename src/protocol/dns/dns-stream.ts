// DNS exchanges over TCP: messages behind their lengths in two bytes, queries pipelined, answers in any order (RFC 7766).

import type { Connection, Direction } from '../../core/connection.ts'
import { opposite } from '../../core/connection.ts'
import { Exchange, type ExchangeConsumer } from '../../core/exchange.ts'
import { compareTime, type Timestamp } from '../../core/timestamp.ts'
import type { ExchangeParser, ParserContext } from '../exchange-parser.ts'
import type { HeldMemory } from '../held-bytes.ts'
import { DnsFrames } from './dns-frames.ts'
import type { DnsMessage } from './dns-message.ts'
import { DnsQuery, questionOf } from './dns-query.ts'

/** Of one connection; the oldest is then told as `unknown`. */
const MAXIMUM_OUTSTANDING = 1024
/** What one takes, usually. */
const QUERY_BYTES = 768

/** Lent to consumers; one for all parsers, as they tell one exchange at a time. */
const lent = new Exchange()

export class DnsStream implements ExchangeParser {
  readonly #connection: Connection
  readonly #client: Direction
  readonly #consumer: ExchangeConsumer
  readonly #queries: DnsFrames
  readonly #answers: DnsFrames
  /** By id and question, oldest first. */
  readonly #outstanding: Map<string, DnsQuery>
  readonly #memory: HeldMemory

  constructor(context: ParserContext) {
    const { connection } = context
    const fromTheBeginning = connection.openerKnown && !connection.resumed
    this.#connection = connection
    this.#client = context.clientDirection
    this.#consumer = context.consumer
    this.#queries = new DnsFrames(fromTheBeginning, (message, buf, frame) => this.#ask(message, buf, frame))
    this.#answers = new DnsFrames(fromTheBeginning, (message, buf, frame) => this.#answer(message, buf, frame))
    this.#outstanding = new Map()
    this.#memory = context.memory.waitingRequests
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
    for (const [key, query] of this.#outstanding) {
      if (compareTime(query.end, before) >= 0) return
      // a zone transfer that goes on
      if (query.answered && compareTime(query.responseEnd, before) >= 0) continue
      if (query.answered) this.#tell(key, query)
      else if (!query.told) this.#tellUnanswered(query)
    }
  }

  onClose(): void {
    this.#queries.close()
    this.#answers.close()
    for (const [key, query] of this.#outstanding) this.#tell(key, query)
  }

  #ask(message: DnsMessage, buf: Buffer, frame: DnsFrames): void {
    if (message.isResponse) return
    const outstanding = this.#outstanding
    const question = questionOf(message, buf)
    const key = keyOf(message.id, question)
    const former = outstanding.get(key)
    if (former !== undefined) this.#tell(key, former)
    const room = outstanding.size < MAXIMUM_OUTSTANDING && !(outstanding.size > 0 && this.#memory.full)
    if (!room) this.#forgetOldest()
    const query = new DnsQuery(message.command, message.nameIn(buf), question)
    query.start.set(frame.start)
    query.end.set(frame.end)
    query.bytes = frame.length
    query.unknown = frame.tailMissing
    query.aheadInPipeline = outstanding.size
    outstanding.set(key, query)
    this.#memory.usedBytes += QUERY_BYTES
  }

  #answer(message: DnsMessage, buf: Buffer, frame: DnsFrames): void {
    if (!message.isResponse) return
    const key = message.hasQuestion ? keyOf(message.id, questionOf(message, buf)) : this.#oldestWith(message.id)
    const query = this.#outstanding.get(key)
    if (query === undefined) return
    if (frame.tailMissing || compareTime(frame.start, query.start) < 0) query.unknown = true
    query.answer(message, frame.start, frame.end, frame.length)
    // a zone comes in as many messages as it needs (RFC 5936 §2.2)
    if (message.responseCode === 0 && (query.command === 'AXFR' || query.command === 'IXFR')) return
    this.#tell(key, query)
  }

  /** For an answer without a question: the key of the oldest query with that id, '' if there is none. */
  #oldestWith(id: number): string {
    for (const key of this.#outstanding.keys()) if (key.startsWith(`${id} `)) return key
    return ''
  }

  #forgetOldest(): void {
    for (const [key, query] of this.#outstanding) {
      query.answerMayBeMissing = true
      this.#tell(key, query)
      return
    }
  }

  /** Forgets it. One that was told as unanswered is told again only for its answer. */
  #tell(key: string, query: DnsQuery): void {
    if (this.#outstanding.delete(key)) this.#memory.usedBytes -= QUERY_BYTES
    if (!query.told || (query.answered && !query.unknown)) this.#handOn(query)
  }

  /** Its answer may still come. */
  #tellUnanswered(query: DnsQuery): void {
    this.#handOn(query)
    query.told = true
  }

  #handOn(query: DnsQuery): void {
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

/** Letters in another case are the same question. */
function keyOf(id: number, question: string): string {
  return `${id} ${question.toLowerCase()}`
}
