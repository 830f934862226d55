// Exchanges as lines of text, in tcpkit's format:
//
//   2020-03-08 19:23:06.258761 192.168.0.1:51137 => 192.168.0.2:6379 | 1.102 ms | set foo bared
//
// The time is that of the response's last byte, in local time. A name stands for an address where one is known. What went
// wrong is said behind: `| error 503`, and `| late` where it was told as unanswered before. A request without a response has its own time, and `unanswered` for milliseconds.

import type { ExchangeEnds, ExchangeHosts } from '../../core/exchange-hosts.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../../core/timed-exchange.ts'
import { sanitizeLine } from '../terminal/sanitize-text.ts'
import { TimePrefix } from '../writing/console-time.ts'
import type { OutputStream } from '../writing/output-stream.ts'
import { Literal, putAscii, putDigits, putLiteral, putNumber } from '../writing/put-bytes.ts'
import { PerEnds } from './per-ends.ts'

const RESET = '\x1b[0m'
/** By milliseconds: green, olive, orange, red; each reads on dark and on light backgrounds. */
const FAST = '\x1b[38;5;28m'
const FAIR = '\x1b[38;5;100m'
const SLOW = '\x1b[38;5;166m'
const VERY_SLOW = '\x1b[1;38;5;160m'
const NEWLINE = 10
const SPACE = 32
const POINT = 46
const NOT_PLAIN = new Literal('')
const MILLISECONDS = new Literal(' ms | ')
const LONGEST_TEXT = 1024
/** Two ends with names, a request of 1024 characters, and the rest. */
const LONGEST_PLAIN_BYTES = 2048
const LONGEST_PLAIN_MICROS = 1e9
const FAIR_MICROS = 1_000
const SLOW_MICROS = 10_000
const VERY_SLOW_MICROS = 100_000

export interface ExchangeLinesOptions {
  readonly color: boolean
  /** Exactly tcpkit's line: after the request comes only its version. */
  readonly bare: boolean
}

export class ExchangeLines implements TimedExchangeConsumer {
  readonly #stream: OutputStream
  readonly #hosts: ExchangeHosts
  readonly #options: ExchangeLinesOptions
  readonly #time = new TimePrefix()
  readonly #who = new PerEnds(whoOf)

  constructor(stream: OutputStream, hosts: ExchangeHosts, options: ExchangeLinesOptions) {
    this.#stream = stream
    this.#hosts = hosts
    this.#options = options
  }

  onTimedExchange(timed: TimedExchange): void {
    const { exchange, latencyMicros } = timed
    const position = this.#stream.reserve(LONGEST_PLAIN_BYTES)
    const time = latencyMicros < 0 ? exchange.requestStart : exchange.responseEnd
    const at = this.#time.put(time, this.#stream.buffer, position)
    const end = this.#isPlain(timed) ? this.#putPlain(timed, this.#stream.buffer, at) : -1
    this.#stream.commit(end < 0 ? at : end)
    if (end < 0) this.#stream.writeText(this.#rest(timed))
  }

  /** For most lines there is nothing after the request, and no colour; this fast way is for them. */
  #isPlain({ exchange, latencyMicros }: TimedExchange): boolean {
    if (latencyMicros < 0 || latencyMicros > LONGEST_PLAIN_MICROS || this.#options.color) return false
    return (
      this.#options.bare || (exchange.status === 'ok' && exchange.retries === 0 && !exchange.blocking && !exchange.late)
    )
  }

  /**
   * The rest of the line as bytes; -1 if it contains more than printable ASCII. What was written then does not count.
   */
  #putPlain({ exchange, latencyMicros }: TimedExchange, out: Buffer, position: number): number {
    const who = this.#who.of(this.#hosts.of(exchange))
    if (who === NOT_PLAIN || exchange.request.length > LONGEST_TEXT) return -1
    let at = putLiteral(who, out, position)
    at = putMillis(Math.round(latencyMicros), out, at)
    at = putLiteral(MILLISECONDS, out, at)
    at = putAscii(exchange.request, out, at)
    if (at < 0) return -1
    if (this.#options.bare && exchange.version !== '') {
      out[at] = SPACE
      at = putAscii(exchange.version, out, at + 1)
    }
    out[at] = NEWLINE
    return at + 1
  }

  /** The whole line, with its newline. */
  format(timed: TimedExchange): string {
    const { exchange, latencyMicros } = timed
    const time = this.#time.format(latencyMicros < 0 ? exchange.requestStart : exchange.responseEnd)
    return `${time} ${this.#rest(timed)}`
  }

  #rest(timed: TimedExchange): string {
    const { exchange, latencyMicros } = timed
    const ends = this.#hosts.of(exchange)
    const took = latencyMicros < 0 ? wordFor(exchange.status) : `${(latencyMicros / 1000).toFixed(3)} ms`
    const line = `${ends.client} => ${ends.server} | ${took} | ${exchange.request}`
    const text = sanitizeLine(line + (this.#options.bare ? versionOf(timed) : remarks(timed)))
    return this.#options.color ? `${colorOf(timed)}${text}${RESET}\n` : `${text}\n`
  }
}

/** `172.17.0.3:51137 => db:6379 | `; NOT_PLAIN if it contains more than printable ASCII. */
function whoOf({ client, server }: ExchangeEnds): Literal {
  const text = `${client} => ${server} | `
  return /^[ -~]*$/.test(text) ? new Literal(text) : NOT_PLAIN
}

function versionOf({ exchange }: TimedExchange): string {
  return exchange.version === '' ? '' : ` ${exchange.version}`
}

/** Whole microseconds as milliseconds with three decimals. */
function putMillis(micros: number, out: Buffer, position: number): number {
  const millis = Math.floor(micros / 1000)
  const at = putNumber(millis, out, position)
  out[at] = POINT
  return putDigits(micros - millis * 1000, 3, out, at + 1)
}

/** Shown instead of a time. */
function wordFor(status: string): string {
  if (status === 'ok' || status === 'error') return '-' // answered by packets without a time
  return status === 'silent' ? 'no answer wanted' : status
}

function remarks({ exchange }: TimedExchange): string {
  let text = ''
  if (exchange.status === 'error') text = exchange.statusText === '' ? ' | error' : ` | error ${exchange.statusText}`
  if (exchange.retries > 0) text += ` | sent ${exchange.retries + 1} times`
  if (exchange.late) text += ' | late'
  return exchange.blocking ? `${text} | blocking` : text
}

function colorOf({ exchange, latencyMicros }: TimedExchange): string {
  if (exchange.blocking) return FAST
  if (exchange.status === 'error' || exchange.status === 'unanswered') return VERY_SLOW
  if (latencyMicros < FAIR_MICROS) return FAST
  if (latencyMicros < SLOW_MICROS) return FAIR
  return latencyMicros < VERY_SLOW_MICROS ? SLOW : VERY_SLOW
}
