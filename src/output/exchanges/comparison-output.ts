// Exchanges that two captures have seen, as lines and as JSON:
//
//   2020-03-08 19:23:06.258761 10.0.0.1:51137 => 10.0.0.2:6379 | 1.102 ms | network 0.402 ms | server 0.700 ms | set foo bared
//
// JSON, one flat object a line: the fields of ComparedExchange (core/compared-exchange.ts), with `time` for its end.

import type { ComparedExchange } from '../../core/compared-exchange.ts'
import { Timestamp } from '../../core/timestamp.ts'
import { jsonString } from '../json/json-text.ts'
import { sanitizeLine } from '../terminal/sanitize-text.ts'
import { TimePrefix } from '../writing/console-time.ts'
import type { OutputStream } from '../writing/output-stream.ts'

const RESET = '\x1b[0m'
/** What took most of the time: the network in blue, the server in orange. */
const NETWORK = '\x1b[38;5;32m'
const SERVER = '\x1b[38;5;166m'
const LATEST_MILLIS = 253_402_300_799_000

export class ComparisonLines {
  readonly #stream: OutputStream
  readonly #color: boolean
  readonly #time = new TimePrefix()

  constructor(stream: OutputStream, color: boolean) {
    this.#stream = stream
    this.#color = color
  }

  print(e: ComparedExchange): void {
    const seconds = Math.floor(e.endMicros / 1e6)
    const time = this.#time.format(new Timestamp(seconds, Math.round((e.endMicros - seconds * 1e6) * 1000)))
    const parts = `${millis(e.latencyMicros)} | network ${millis(e.networkMicros)} | server ${millis(e.serverMicros)}`
    const failed = e.status === 'error' ? ' | error' : ''
    const line = sanitizeLine(`${e.client} => ${e.server} | ${parts} | ${e.request}${failed}`)
    const color = e.networkMicros > e.serverMicros ? NETWORK : SERVER
    const shown = this.#color ? `${color}${line}${RESET}` : line
    this.#stream.writeText(`${time} ${shown}\n`)
  }
}

export class ComparisonJson {
  readonly #stream: OutputStream

  constructor(stream: OutputStream) {
    this.#stream = stream
  }

  print({ endMicros, ...fields }: ComparedExchange): void {
    const time = new Date(Math.min(Math.max(0, endMicros / 1000), LATEST_MILLIS)).toISOString().slice(0, 19)
    const micros = String(Math.floor(endMicros % 1e6)).padStart(6, '0')
    const rest = Object.entries(fields).map(([name, value]) => `,"${name}":${jsonValue(value)}`)
    this.#stream.writeText(`{"time":"${time}.${micros}Z"${rest.join('')}}\n`)
  }
}

function jsonValue(value: string | number): string {
  return typeof value === 'string' ? jsonString(value) : String(Math.round(value * 1000) / 1000)
}

function millis(micros: number): string {
  return `${(micros / 1000).toFixed(3)} ms`
}
