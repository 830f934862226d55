// HTTP/0.9 for latency: `GET /path`, and bytes until the connection closes (RFC 1945 §3.1, HTTP/1.0's appendix on it). Redis
// takes such a line for a command, so the answer decides; a server that knows only later versions answers in one of those.

import type { Connection, Direction } from '../../core/connection.ts'
import { opposite } from '../../core/connection.ts'
import { Exchange, type ExchangeConsumer, type ExchangeStatus } from '../../core/exchange.ts'
import { Timestamp } from '../../core/timestamp.ts'
import {
  type ExchangeParser,
  type ExchangeProtocol,
  type ParserContext,
  RECOGNISED_MAYBE,
  RECOGNISED_NO,
  SIDE_CLIENT,
  SIDE_SERVER,
} from '../exchange-parser.ts'
import { requestLineOf } from './http-request-line.ts'
import { matchResponse, RESPONSE_BYTES } from './http-start-line.ts'

const BEGINNING = Buffer.from('GET /')
/** Of the target, kept. */
const MAXIMUM_TEXT_BYTES = 1024
const SPACE_INDEX = 3
const LF = 10
const CR = 13
/** Lent to consumers; one for all parsers, as they tell one exchange at a time. */
const lent = new Exchange()

export const http09: ExchangeProtocol = {
  name: 'http',
  ports: [],

  recognise(buf, start, end, side) {
    if (side === SIDE_SERVER) return RECOGNISED_MAYBE
    if (side !== SIDE_CLIENT) return RECOGNISED_NO
    let pos = start
    for (; pos < end && pos - start < BEGINNING.length; pos++)
      if (buf[pos] !== BEGINNING[pos - start]) return RECOGNISED_NO
    while (pos < end && buf[pos]! > 0x20 && buf[pos] !== 0x7f) pos++
    if (pos < end && buf[pos] === CR) pos++
    // blank lines may follow the request, header fields may not
    while (pos < end && (buf[pos] === LF || buf[pos] === CR)) pos++
    return pos === end ? RECOGNISED_MAYBE : RECOGNISED_NO
  },

  createParser: (context) => new Http09Exchange(context),
}

/** The one exchange of a connection. */
class Http09Exchange implements ExchangeParser {
  readonly #connection: Connection
  readonly #client: Direction
  readonly #consumer: ExchangeConsumer
  #text: string
  #complete: boolean
  #told: boolean
  /** Bytes of the line or of the answer's beginning are missing. */
  #damaged: boolean
  /** The beginning of the answer: a status line, if it begins with one. */
  #answer: string
  readonly #bytes: [number, number]
  readonly #starts: [Timestamp, Timestamp]
  readonly #ends: [Timestamp, Timestamp]

  constructor({ connection, clientDirection, consumer }: ParserContext) {
    this.#connection = connection
    this.#client = clientDirection
    this.#consumer = consumer
    this.#text = ''
    this.#complete = false
    this.#told = false
    this.#damaged = false
    this.#answer = ''
    this.#bytes = [0, 0]
    this.#starts = [new Timestamp(), new Timestamp()]
    this.#ends = [new Timestamp(), new Timestamp()]
  }

  onData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const isRequest = d === this.#client
    const side = isRequest ? 0 : 1
    let stop = end
    if (isRequest) {
      if (this.#complete) return
      const line = buf.subarray(start, end).indexOf(LF)
      if (line >= 0) stop = start + line + 1
      this.#complete = line >= 0
      const kept = Math.min(stop, start + BEGINNING.length + MAXIMUM_TEXT_BYTES - this.#text.length)
      if (kept > start) this.#text += buf.toString('latin1', start, kept)
    } else if (this.#answer.length < RESPONSE_BYTES) {
      this.#answer += buf.toString('latin1', start, Math.min(end, start + RESPONSE_BYTES - this.#answer.length))
    }
    if (this.#bytes[side] === 0) this.#starts[side].set(t)
    this.#ends[side].set(t)
    this.#bytes[side] += stop - start
  }

  onGap(d: Direction, missing: number, _t: Timestamp): void {
    const side = d === this.#client ? 0 : 1
    if (side === 0 ? !this.#complete : this.#bytes[1] === 0) this.#damaged = true
    if (side === 1) this.#bytes[1] += missing
  }

  expire(before: Timestamp): void {
    const [end] = this.#ends
    const isOld = end.seconds < before.seconds || (end.seconds === before.seconds && end.nanos < before.nanos)
    if (this.#complete && this.#bytes[1] === 0 && isOld) this.#tell('unanswered')
  }

  onClose(_t: Timestamp): void {
    const server = this.#connection.streams[opposite(this.#client)]
    if (this.#bytes[0] === 0) return
    if (this.#bytes[1] === 0) this.#tell(this.#damaged ? 'unknown' : 'unanswered')
    // only the end of the connection ends the answer
    else if (this.#damaged || !(server.sawFin || server.sawReset)) this.#tell('unknown')
    else this.#tell(server.sawFin && !this.#statusText().startsWith('5') ? 'ok' : 'error')
  }

  #tell(status: ExchangeStatus): void {
    if (this.#told) return
    this.#told = true
    const connection = this.#connection
    const bytes = Buffer.from(this.#text.trimEnd(), 'latin1')
    const line = requestLineOf(bytes, 0, SPACE_INDEX, bytes.length)
    const known = status === 'ok' || status === 'error'
    lent.connection = connection
    lent.requestDirection = this.#client
    lent.place = connection.place
    lent.client = connection.endpoints[this.#client]
    lent.server = connection.endpoints[opposite(this.#client)]
    lent.protocol = 'http'
    lent.command = line.command
    lent.key = line.path
    lent.request = line.request
    lent.version = ''
    lent.status = status
    lent.statusText = known ? this.#statusText() : ''
    lent.requestStart.set(this.#starts[0])
    lent.requestEnd.set(this.#ends[0])
    lent.responseStart.set(known ? this.#starts[1] : NEVER)
    lent.responseEnd.set(known ? this.#ends[1] : NEVER)
    lent.requestBytes = this.#bytes[0]
    lent.responseBytes = known ? this.#bytes[1] : 0
    this.#consumer.onExchange(lent)
  }

  /** `HTTP/0.9`, or the status of a later version's answer. */
  #statusText(): string {
    const answer = Buffer.from(this.#answer, 'latin1')
    const isLater = answer.length === RESPONSE_BYTES && matchResponse(answer, 0, RESPONSE_BYTES) === RESPONSE_BYTES
    return isLater ? this.#answer.slice(9, 12) : 'HTTP/0.9'
  }
}

const NEVER = new Timestamp()
