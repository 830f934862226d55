// Exchanges as lines of text, in tcpkit's format:
//
//   2020-03-08 19:23:06.258761 192.168.0.1:51137 => 192.168.0.2:6379 | 1.102 ms | set foo bared
//
// The time is that of the response's last byte, in local time. A name stands for an address where one is known. What went
// wrong is said behind: `| error 503`. A request without a response has its own time, and `unanswered` for milliseconds.

import type { ExchangeHosts } from '../core/exchange-hosts.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'
import { TIME_PREFIX_BYTES, TimePrefix } from './console-time.ts'
import type { OutputStream } from './output-stream.ts'
import { sanitizeLine } from './sanitize-text.ts'

const RESET = '\x1b[0m'
/** By milliseconds: green, olive, orange, red; each reads on dark and on light backgrounds. */
const FAST = '\x1b[38;5;28m'
const FAIR = '\x1b[38;5;100m'
const SLOW = '\x1b[38;5;166m'
const VERY_SLOW = '\x1b[1;38;5;160m'
const FAIR_MICROS = 1_000
const SLOW_MICROS = 10_000
const VERY_SLOW_MICROS = 100_000

export interface ExchangeLinesOptions {
  readonly color: boolean
  /** Exactly tcpkit's line: nothing behind the request. */
  readonly bare: boolean
}

export class ExchangeLines implements TimedExchangeConsumer {
  readonly #stream: OutputStream
  readonly #hosts: ExchangeHosts
  readonly #options: ExchangeLinesOptions
  readonly #time = new TimePrefix()
  readonly #timeBytes = Buffer.alloc(TIME_PREFIX_BYTES)

  constructor(stream: OutputStream, hosts: ExchangeHosts, options: ExchangeLinesOptions) {
    this.#stream = stream
    this.#hosts = hosts
    this.#options = options
  }

  onTimedExchange(timed: TimedExchange): void {
    const { exchange, latencyMicros } = timed
    const position = this.#stream.reserve(TIME_PREFIX_BYTES)
    const time = latencyMicros < 0 ? exchange.requestStart : exchange.responseEnd
    this.#stream.commit(this.#time.put(time, this.#stream.buffer, position))
    this.#stream.writeText(this.#rest(timed))
  }

  /** The whole line, with its newline. */
  format(timed: TimedExchange): string {
    const { exchange, latencyMicros } = timed
    this.#time.put(latencyMicros < 0 ? exchange.requestStart : exchange.responseEnd, this.#timeBytes, 0)
    return this.#timeBytes.toString('latin1') + this.#rest(timed)
  }

  #rest(timed: TimedExchange): string {
    const { exchange, latencyMicros } = timed
    const ends = this.#hosts.of(exchange)
    const took = latencyMicros < 0 ? wordFor(exchange.status) : `${(latencyMicros / 1000).toFixed(3)} ms`
    const line = `${ends.client} => ${ends.server} | ${took} | ${exchange.request}`
    const text = sanitizeLine(this.#options.bare ? line : line + remarks(timed))
    return this.#options.color ? `${colorOf(timed)}${text}${RESET}\n` : `${text}\n`
  }
}

function wordFor(status: string): string {
  return status === 'silent' ? 'no answer wanted' : status
}

function remarks({ exchange }: TimedExchange): string {
  let text = ''
  if (exchange.status === 'error') text = exchange.statusText === '' ? ' | error' : ` | error ${exchange.statusText}`
  if (exchange.retries > 0) text += ` | sent ${exchange.retries + 1} times`
  return exchange.blocking ? `${text} | blocking` : text
}

function colorOf({ exchange, latencyMicros }: TimedExchange): string {
  if (exchange.blocking) return FAST
  if (exchange.status === 'error' || exchange.status === 'unanswered') return VERY_SLOW
  if (latencyMicros < FAIR_MICROS) return FAST
  if (latencyMicros < SLOW_MICROS) return FAIR
  return latencyMicros < VERY_SLOW_MICROS ? SLOW : VERY_SLOW
}
