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
//   retries         how often the request was sent again (DNS over UDP)
//   request         on one line, at most 1024 characters
//   clientName, serverName   of the hosts; absent where none is known
//
// Times are microseconds, with up to three decimals; null is "not known".

import type { ExchangeHosts } from '../core/exchange-hosts.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'
import { jsonString } from './json-text.ts'
import type { OutputStream } from './output-stream.ts'

/** Last second of the year 9999. */
const LATEST_SECONDS = 253_402_300_799

export class ExchangeJson implements TimedExchangeConsumer {
  readonly #stream: OutputStream
  readonly #hosts: ExchangeHosts
  #seconds = Number.NaN
  #second = ''

  constructor(stream: OutputStream, hosts: ExchangeHosts) {
    this.#stream = stream
    this.#hosts = hosts
  }

  onTimedExchange(timed: TimedExchange): void {
    this.#stream.writeText(this.format(timed))
  }

  /** The whole line, with its newline. */
  format(timed: TimedExchange): string {
    const { exchange } = timed
    const ends = this.#hosts.of(exchange)
    const names =
      (ends.clientName === '' ? '' : `,"clientName":${string(ends.clientName)}`) +
      (ends.serverName === '' ? '' : `,"serverName":${string(ends.serverName)}`)
    return (
      `{"time":"${this.#time(timed)}","client":"${ends.clientAddress}","server":"${ends.serverAddress}"` +
      `,"protocol":"${exchange.protocol}","command":${string(exchange.command)},"key":${string(exchange.key)}` +
      `,"status":"${exchange.status}","latencyMicros":${micros(timed.latencyMicros)}` +
      `,"requestBytes":${exchange.requestBytes},"responseBytes":${exchange.responseBytes}` +
      `,"requestTransferMicros":${micros(timed.requestTransferMicros)},"networkMicros":${micros(timed.networkMicros)}` +
      `,"serverMicros":${micros(timed.serverMicros)},"responseTransferMicros":${micros(timed.responseTransferMicros)}` +
      `,"firstByteMicros":${micros(timed.firstByteMicros)},"clientNetworkMicros":${micros(timed.clientNetworkMicros)}` +
      `,"view":"${timed.view}","statusText":${string(exchange.statusText)},"blocking":${exchange.blocking}` +
      `,"aheadInPipeline":${exchange.aheadInPipeline},"retries":${exchange.retries}` +
      `,"request":${string(exchange.request)}${names}}\n`
    )
  }

  #time({ exchange, latencyMicros }: TimedExchange): string {
    const t = latencyMicros < 0 ? exchange.requestStart : exchange.responseEnd
    if (t.seconds !== this.#seconds) {
      this.#seconds = t.seconds
      this.#second = new Date(Math.min(Math.max(t.seconds, 0), LATEST_SECONDS) * 1000).toISOString().slice(0, 19)
    }
    return `${this.#second}.${String(Math.floor(t.nanos / 1000)).padStart(6, '0')}Z`
  }
}

function micros(value: number): string {
  return value < 0 ? 'null' : String(Math.round(value * 1000) / 1000)
}

/** Most strings here are short and plain: a loop costs a tenth of what JSON.stringify and the patterns do. */
function string(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return jsonString(text)
  }
  return `"${text}"`
}
