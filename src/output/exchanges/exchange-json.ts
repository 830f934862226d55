// Exchanges as JSON (`tcpflow latency --json`), one object a line, flat; the fields are always all there, in this order, but
// for names. Safe on a terminal: control, invisible and bidirectional characters in strings are \u escapes.
//
//   time            of the response's last byte, "2026-01-31T12:00:00.123456Z"; of the request's first without a response
//   client, server  "address:port", IPv6 in brackets
//   protocol        redis, memcached, http, dns, raw
//   command, key    what requests of one sort have in common; what it is about (first key, path, queried name) or ""
//   status          ok, error, unanswered, unknown (bytes are missing, or it was open when the capture ended), silent (no answer was asked for)
//   latencyMicros   request's first byte to response's last byte: the sum of the next four; null without a response
//   requestBytes, responseBytes   on the wire, headers included
//   requestTransferMicros    first to last byte of the request
//   networkMicros            round trip from the capture point to the server, and what sending again cost
//   serverMicros             the rest until the response's first byte: the server's own time
//   responseTransferMicros   first to last byte of the response
//   firstByteMicros          last byte of the request to first byte of the response: networkMicros + serverMicros
//   clientNetworkMicros      round trip from the capture point to the client; not in latencyMicros
//   view            what the capture point can tell: server, client, both, between, unknown (then network and server are null)
//   statusText      the protocol's own word: "200", "WRONGTYPE …", "NXDOMAIN"; "" for none
//   blocking        the server was asked to wait (BLPOP): its latency is no fault
//   aheadInPipeline requests of the connection that were unanswered when this one came
//   late            it was told before, as unanswered (after --timeout): this is its answer; do not count it twice
//   retries         how often the request was sent again (DNS over UDP)
//   request         on one line, at most 1024 characters
//   clientName, serverName   of the hosts; absent where none is known
//
// Times are microseconds, with up to three decimals; null is "not known".

import type { ExchangeEnds, ExchangeHosts } from '../../core/exchange-hosts.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../../core/timed-exchange.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import { jsonString } from '../json/json-text.ts'
import type { OutputStream } from '../writing/output-stream.ts'
import { Literal, putAscii, putDigits, putLiteral, putNumber } from '../writing/put-bytes.ts'
import { PerEnds } from './per-ends.ts'

/** Last second of the year 9999. */
const LATEST_SECONDS = 253_402_300_799

/** `2026-01-31T12:00:00.` */
const SECOND_LENGTH = 20

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** Of a UTF-16 unit, as \u escape. */
const LONGEST_CHARACTER_BYTES = 6
/** Room for everything in a line except captured text and the parts that are made once for each pair of ends. */
const OTHER_BYTES = 1024

const TIME = new Literal('{"time":"')
const PROTOCOL = new Literal(',"protocol":"')
const COMMAND = new Literal('","command":')
const KEY = new Literal(',"key":')
const STATUS = new Literal(',"status":"')
const LATENCY = new Literal('","latencyMicros":')
const REQUEST_BYTES = new Literal(',"requestBytes":')
const RESPONSE_BYTES = new Literal(',"responseBytes":')
const REQUEST_TRANSFER = new Literal(',"requestTransferMicros":')
const NETWORK = new Literal(',"networkMicros":')
const SERVER = new Literal(',"serverMicros":')
const RESPONSE_TRANSFER = new Literal(',"responseTransferMicros":')
const FIRST_BYTE = new Literal(',"firstByteMicros":')
const CLIENT_NETWORK = new Literal(',"clientNetworkMicros":')
const VIEW = new Literal(',"view":"')
const STATUS_TEXT = new Literal('","statusText":')
const BLOCKING = new Literal(',"blocking":true,"aheadInPipeline":')
const NOT_BLOCKING = new Literal(',"blocking":false,"aheadInPipeline":')
const LATE = new Literal(',"late":true,"retries":')
const NOT_LATE = new Literal(',"late":false,"retries":')
const REQUEST = new Literal(',"request":')
const NULL = new Literal('null')

/** What a line says about its two ends: the addresses near its beginning, the names at its end. */
class EndsJson {
  readonly addresses: Literal
  readonly names: Literal

  constructor({ clientAddress, serverAddress, clientName, serverName }: ExchangeEnds) {
    const client = clientName === '' ? '' : `,"clientName":${jsonString(clientName)}`
    const server = serverName === '' ? '' : `,"serverName":${jsonString(serverName)}`
    this.addresses = new Literal(`Z","client":"${clientAddress}","server":"${serverAddress}"`)
    this.names = new Literal(`${client}${server}}\n`)
  }
}

export class ExchangeJson implements TimedExchangeConsumer {
  readonly #stream: OutputStream
  readonly #hosts: ExchangeHosts
  readonly #ends = new PerEnds((ends) => new EndsJson(ends))
  #seconds = Number.NaN
  /** `2026-01-31T12:00:00.` */
  #second = new Literal('')

  constructor(stream: OutputStream, hosts: ExchangeHosts) {
    this.#stream = stream
    this.#hosts = hosts
  }

  onTimedExchange(timed: TimedExchange): void {
    const ends = this.#ends.of(this.#hosts.of(timed.exchange))
    const position = this.#stream.reserve(mostBytes(timed, ends))
    this.#stream.commit(this.#put(timed, ends, this.#stream.buffer, position))
  }

  /** The whole line, with its newline. */
  format(timed: TimedExchange): string {
    const ends = this.#ends.of(this.#hosts.of(timed.exchange))
    const line = Buffer.allocUnsafe(mostBytes(timed, ends))
    return line.toString('utf8', 0, this.#put(timed, ends, line, 0))
  }

  #put(timed: TimedExchange, ends: EndsJson, out: Buffer, position: number): number {
    const { exchange } = timed
    let at = putLiteral(TIME, out, position)
    at = this.#putTime(timed.latencyMicros < 0 ? exchange.requestStart : exchange.responseEnd, out, at)
    at = putLiteral(ends.addresses, out, at)
    at = putWord(PROTOCOL, exchange.protocol, out, at)
    at = putText(COMMAND, exchange.command, out, at)
    at = putText(KEY, exchange.key, out, at)
    at = putWord(STATUS, exchange.status, out, at)
    at = putMicros(LATENCY, timed.latencyMicros, out, at)
    at = putNumber(exchange.requestBytes, out, putLiteral(REQUEST_BYTES, out, at))
    at = putNumber(exchange.responseBytes, out, putLiteral(RESPONSE_BYTES, out, at))
    at = putMicros(REQUEST_TRANSFER, timed.requestTransferMicros, out, at)
    at = putMicros(NETWORK, timed.networkMicros, out, at)
    at = putMicros(SERVER, timed.serverMicros, out, at)
    at = putMicros(RESPONSE_TRANSFER, timed.responseTransferMicros, out, at)
    at = putMicros(FIRST_BYTE, timed.firstByteMicros, out, at)
    at = putMicros(CLIENT_NETWORK, timed.clientNetworkMicros, out, at)
    at = putWord(VIEW, timed.view, out, at)
    at = putText(STATUS_TEXT, exchange.statusText, out, at)
    at = putLiteral(exchange.blocking ? BLOCKING : NOT_BLOCKING, out, at)
    at = putNumber(exchange.aheadInPipeline, out, at)
    at = putNumber(exchange.retries, out, putLiteral(exchange.late ? LATE : NOT_LATE, out, at))
    at = putText(REQUEST, exchange.request, out, at)
    return putLiteral(ends.names, out, at)
  }

  /** `2026-01-31T12:00:00.123456`. */
  #putTime(t: Timestamp, out: Buffer, at: number): number {
    if (t.seconds !== this.#seconds) {
      this.#seconds = t.seconds
      const seconds = Math.min(Math.max(t.seconds, 0), LATEST_SECONDS)
      this.#second = new Literal(new Date(seconds * 1000).toISOString().slice(0, SECOND_LENGTH))
    }
    return putDigits(Math.floor(t.nanos / 1000), 6, out, putLiteral(this.#second, out, at))
  }
}

function mostBytes({ exchange }: TimedExchange, { addresses, names }: EndsJson): number {
  const { command, key, request, statusText } = exchange
  const characters = command.length + key.length + request.length + statusText.length
  return OTHER_BYTES + characters * LONGEST_CHARACTER_BYTES + addresses.length + names.length
}

/** Adds `field`, which has its first quote, and a string that needs no escapes. */
function putWord(field: Literal, word: string, out: Buffer, at: number): number {
  return putAscii(word, out, putLiteral(field, out, at))
}

/** Most strings here are short and plain: a loop costs a tenth of JSON.stringify and the patterns. */
function putText(field: Literal, text: string, out: Buffer, at: number): number {
  const start = putLiteral(field, out, at)
  const { length } = text
  out[start] = QUOTE
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) {
      return start + out.write(jsonString(text), start)
    }
    out[start + 1 + i] = code
  }
  out[start + 1 + length] = QUOTE
  return start + length + 2
}

/** As a whole number, or with three decimals. */
function putMicros(field: Literal, value: number, out: Buffer, at: number): number {
  const start = putLiteral(field, out, at)
  if (value < 0) return putLiteral(NULL, out, start)
  return putNumber(Number.isInteger(value) ? value : Math.round(value * 1000) / 1000, out, start)
}
