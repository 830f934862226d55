// Runs a conversation through a protocol's parser and writes down the exchanges, independent of how the bytes were cut.

import { Connection, type Direction, Stream } from '../../src/core/connection.ts'
import { Endpoint } from '../../src/core/endpoint.ts'
import type { Exchange, ExchangeConsumer, ExchangeStatus } from '../../src/core/exchange.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import type { ExchangeParser, ExchangeProtocol } from '../../src/protocol/exchange-parser.ts'
import { ParserMemory } from '../../src/protocol/parser-memory.ts'

/**
 * Bytes in a direction (`>` from the client), or a gap in one. Each step is one moment, a millisecond after the last,
 * unless it says which.
 */
export type Step = readonly ['>' | '<', string | Buffer | number, number?]

export interface Told {
  command: string
  key: string
  request: string
  status: ExchangeStatus
  statusText: string
  blocking: boolean
  ahead: number
  late: boolean
  /** Step numbers: when the request began and ended, and the response; -1 without one. */
  times: [number, number, number, number]
  bytes: [number, number]
}

export class Transcript implements ExchangeConsumer {
  readonly told: Told[] = []
  readonly connection: Connection
  readonly parser: ExchangeParser
  readonly clientDirection: Direction
  #moment = 0

  constructor(protocol: ExchangeProtocol, options: { middle?: boolean; clientDirection?: Direction } = {}) {
    this.connection = connection()
    this.connection.openerKnown = options.middle !== true
    this.clientDirection = options.clientDirection ?? 0
    this.parser = protocol.createParser({
      connection: this.connection,
      clientDirection: this.clientDirection,
      consumer: this,
      memory: new ParserMemory(),
    })
  }

  onExchange(e: Exchange): void {
    this.told.push(toldOf(e))
  }

  /** Each step in pieces of at most `size` bytes, or cut at `cutAt` (counted over all steps). */
  play(steps: readonly Step[], size = Number.POSITIVE_INFINITY, cutAt = -1): this {
    let before = 0
    for (const [arrow, what, moment] of steps) {
      const t = timeOf(moment ?? this.#moment++)
      const d: Direction = arrow === '>' ? this.clientDirection : this.clientDirection === 0 ? 1 : 0
      if (typeof what === 'number') {
        this.parser.onGap(d, what, t)
        continue
      }
      const bytes = typeof what === 'string' ? Buffer.from(what, 'latin1') : what
      for (let pos = 0; pos < bytes.length; ) {
        let end = Math.min(bytes.length, pos + size)
        if (cutAt > before + pos && cutAt < before + end) end = cutAt - before
        // Other bytes around them, as in a read buffer: a parser that reads outside its range is found out.
        const around = Buffer.concat([Buffer.from('\r\n*$+'), bytes.subarray(pos, end), Buffer.from('\r\n0123')])
        this.parser.onData(d, around, 5, 5 + end - pos, t)
        around.fill(0x58)
        pos = end
      }
      before += bytes.length
    }
    return this
  }

  close(): Told[] {
    this.parser.onClose(timeOf(this.#moment++))
    return this.told
  }
}

export function toldOf(e: Exchange): Told {
  return {
    command: e.command,
    key: e.key,
    request: e.request,
    status: e.status,
    statusText: e.statusText,
    blocking: e.blocking,
    ahead: e.aheadInPipeline,
    late: e.late,
    times: [stepOf(e.requestStart), stepOf(e.requestEnd), stepOf(e.responseStart), stepOf(e.responseEnd)],
    bytes: [e.requestBytes, e.responseBytes],
  }
}

export function connection(): Connection {
  return new Connection(
    new Endpoint(4, 0, 0, 0, 0x0a000001, 40000),
    new Endpoint(4, 0, 0, 0, 0x0a000002, 6379),
    new Stream(),
    new Stream(),
  )
}

const BASE_SECONDS = 1_600_000_000

/** The moment of a step. */
export function timeOf(step: number): Timestamp {
  const seconds = Math.floor(step / 1000)
  return new Timestamp(BASE_SECONDS + seconds, (step - seconds * 1000) * 1e6)
}

function stepOf(t: Timestamp): number {
  return t.seconds === 0 ? -1 : (t.seconds - BASE_SECONDS) * 1000 + t.nanos / 1e6
}

/** One line for each exchange: `get a | ok | 0..1 | bytes`. */
export function lines(told: readonly Told[]): string[] {
  return told.map((e) => {
    const parts = [e.request, e.status]
    if (e.statusText !== '') parts.push(e.statusText)
    parts.push(`${e.times[0]}-${e.times[1]}`)
    if (e.times[2] >= 0) parts.push(`${e.times[2]}-${e.times[3]}`)
    parts.push(`${e.bytes[0]}/${e.bytes[1]}`)
    if (e.ahead > 0) parts.push(`behind ${e.ahead}`)
    if (e.blocking) parts.push('blocking')
    if (e.late) parts.push('late')
    return parts.join(' | ')
  })
}

/** All bytes of a conversation. */
export function sizeOf(steps: readonly Step[]): number {
  let size = 0
  for (const [, what] of steps) if (typeof what !== 'number') size += Buffer.byteLength(what, 'latin1')
  return size
}

/**
 * Plays whole, in pieces of 1, 2, 3 and 7 bytes, and cut in two at every place (of a long one at 500 to 1000); throws where
 * these differ.
 */
export function playEveryWay(
  protocol: ExchangeProtocol,
  steps: readonly Step[],
  options: { middle?: boolean; clientDirection?: Direction } = {},
): Told[] {
  const whole = new Transcript(protocol, options).play(steps).close()
  const expected = JSON.stringify(whole)
  const compare = (told: Told[], how: string): void => {
    if (JSON.stringify(told) !== expected) {
      throw new Error(`${how}:\n${lines(told).join('\n')}\ninstead of\n${lines(whole).join('\n')}`)
    }
  }
  for (const size of [1, 2, 3, 7]) {
    compare(new Transcript(protocol, options).play(steps, size).close(), `in pieces of ${size}`)
  }
  const size = sizeOf(steps)
  for (let cut = 1; cut < size; cut += Math.ceil(size / 1000)) {
    compare(new Transcript(protocol, options).play(steps, Number.POSITIVE_INFINITY, cut).close(), `cut at ${cut}`)
  }
  return whole
}
