// What is told of a connection whose protocol is found by its bytes, one line an exchange.

import { type CloseReason, Connection, type Direction, Stream } from '../../../src/core/connection.ts'
import { Endpoint } from '../../../src/core/endpoint.ts'
import type { Exchange } from '../../../src/core/exchange.ts'
import { ExchangeStreams } from '../../../src/protocol/exchange-streams.ts'
import { raw } from '../../../src/protocol/raw/raw.ts'
import { EXCHANGE_PROTOCOLS } from '../../../src/protocol/registry.ts'
import { timeOf } from '../exchange-transcript.ts'

export type Step = readonly ['>' | '<', string | number]

export interface Options {
  readonly size?: number
  readonly middle?: boolean
  readonly why?: CloseReason
  readonly port?: number
}

/** `protocol request status text times bytes` of each exchange of a connection that the server ends. */
export function told(
  steps: readonly Step[],
  { size = 1e9, middle = false, why = 'finished', port = 9999 }: Options = {},
): string[] {
  const lines: string[] = []
  const milli = (e: Exchange['requestStart']) => (e.seconds === 0 ? '-' : e.nanos / 1e6)
  const streams = new ExchangeStreams({
    protocols: EXCHANGE_PROTOCOLS,
    fallback: raw,
    consumer: {
      onExchange: (e: Exchange) =>
        lines.push(
          `${e.protocol} ${e.request} ${e.status} ${e.statusText} ${milli(e.requestEnd)}-${milli(e.responseEnd)} ${e.requestBytes}/${e.responseBytes}`,
        ),
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
      const lent = Buffer.concat([Buffer.from('GET /'), bytes.subarray(pos, pos + size), Buffer.from(' HTTP/1.1\r\n')])
      streams.onData(c, d, 0, lent, 5, lent.length - 11, t)
      lent.fill(0x58)
    }
  }
  c.streams[1].sawFin = why === 'finished'
  c.streams[1].sawReset = why === 'reset'
  streams.onClose(c, why, timeOf(moment))
  return lines
}
