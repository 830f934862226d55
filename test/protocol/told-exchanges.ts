// What is told of a connection whose protocol is found by its bytes, one line an exchange.

import { type CloseReason, Connection, type Direction, Stream } from '../../src/core/connection.ts'
import { Endpoint } from '../../src/core/endpoint.ts'
import type { Exchange } from '../../src/core/exchange.ts'
import { ExchangeStreams } from '../../src/protocol/exchange-streams.ts'
import { raw } from '../../src/protocol/raw/raw.ts'
import { EXCHANGE_PROTOCOLS } from '../../src/protocol/registry.ts'
import { timeOf } from './exchange-transcript.ts'

export type Step = readonly ['>' | '<', string | number]

export interface Options {
  readonly size?: number
  readonly middle?: boolean
  readonly why?: CloseReason
  readonly port?: number
  /** A line of each exchange. */
  readonly line?: (e: Exchange) => string
  /** What lies around lent bytes: a reader that goes beyond them finds something of its own kind. */
  readonly around?: readonly [before: string, after: string]
}

const milli = (e: Exchange['requestStart']) => (e.seconds === 0 ? '-' : e.nanos / 1e6)
const lineOf = (e: Exchange): string =>
  `${e.protocol} ${e.request} ${e.status} ${e.statusText} ${milli(e.requestEnd)}-${milli(e.responseEnd)} ${e.requestBytes}/${e.responseBytes}`
const AROUND = ['GET /', ' HTTP/1.1\r\n'] as const

/** `protocol request status text times bytes` of each exchange of a connection, every step a millisecond after the one before. */
export function told(
  steps: readonly Step[],
  { size = 1e9, middle = false, why = 'finished', port = 9999, line = lineOf, around = AROUND }: Options = {},
): string[] {
  const lines: string[] = []
  const [before, after] = around.map((text) => Buffer.from(text, 'latin1')) as [Buffer, Buffer]
  const streams = new ExchangeStreams({
    protocols: EXCHANGE_PROTOCOLS,
    fallback: raw,
    consumer: {
      onExchange: (e: Exchange) => lines.push(line(e)),
    },
  })
  const client = new Endpoint(4, 0, 0, 0, 0x0a000001, 40000)
  const c = new Connection(client, new Endpoint(4, 0, 0, 0, 0x0a000002, port), new Stream(), new Stream())
  c.openerKnown = !middle
  let moment = 0
  for (const [arrow, what] of steps) {
    const d: Direction = arrow === '>' ? 0 : 1
    const t = timeOf(moment++)
    if (typeof what === 'number') {
      streams.onGap(c, d, 0, what, 'capture', t)
      continue
    }
    const bytes = Buffer.from(what, 'latin1')
    for (let pos = 0; pos < bytes.length; pos += size) {
      const lent = Buffer.concat([before, bytes.subarray(pos, pos + size), after])
      streams.onData(c, d, 0, lent, before.length, lent.length - after.length, t)
      lent.fill(0x58)
    }
  }
  c.streams[1].sawFin = why === 'finished'
  c.streams[1].sawReset = why === 'reset'
  streams.onClose(c, why, timeOf(moment))
  return lines
}
