// Exchanges made by hand, for what takes them.

import { Connection, Stream } from '../../src/core/connection.ts'
import { Endpoint } from '../../src/core/endpoint.ts'
import { Exchange } from '../../src/core/exchange.ts'
import { TimedExchange } from '../../src/core/timed-exchange.ts'
import type { Timestamp } from '../../src/core/timestamp.ts'

/** 2020-03-08 11:23:06 UTC. */
export const EXCHANGE_SECONDS = 1_583_666_586

export function endpoint(lastByte: number, port: number): Endpoint {
  return new Endpoint(4, 0, 0, 0, 0xc0a80000 | lastByte, port)
}

export function connection(slot = 0, id = 1, client = endpoint(1, 51137), server = endpoint(2, 6379)): Connection {
  const made = new Connection(client, server, new Stream(), new Stream())
  made.slot = slot
  made.id = id
  return made
}

export interface ExchangeFields
  extends Partial<Omit<Exchange, 'requestStart' | 'requestEnd' | 'responseStart' | 'responseEnd'>> {
  /** Microseconds after EXCHANGE_SECONDS. */
  at?: number
  requestMicros?: number
  firstByteMicros?: number
  responseMicros?: number
}

/** A Redis SET that took 1.102 ms, unless fields say something else. */
export function exchange(fields: ExchangeFields = {}): Exchange {
  const { at = 0, requestMicros = 0, firstByteMicros = 1102, responseMicros = 0, ...rest } = fields
  const made = new Exchange()
  made.client = endpoint(1, 51137)
  made.server = endpoint(2, 6379)
  made.protocol = 'redis'
  made.command = 'SET'
  made.key = 'foo'
  made.request = 'set foo bared'
  made.requestBytes = 33
  made.responseBytes = 5
  Object.assign(made, rest)
  setMicros(made.requestStart, at)
  setMicros(made.requestEnd, at + requestMicros)
  if (made.status === 'ok' || made.status === 'error') {
    setMicros(made.responseStart, at + requestMicros + firstByteMicros)
    setMicros(made.responseEnd, at + requestMicros + firstByteMicros + responseMicros)
  } else {
    made.responseBytes = fields.responseBytes ?? 0
  }
  return made
}

/** The same with its parts, as the timer would find them where it knows no round trips. */
export function timed(fields: ExchangeFields = {}, parts: Partial<TimedExchange> = {}): TimedExchange {
  const made = new TimedExchange(exchange(fields))
  const { status } = made.exchange
  if (status === 'ok' || status === 'error') {
    made.requestTransferMicros = fields.requestMicros ?? 0
    made.firstByteMicros = fields.firstByteMicros ?? 1102
    made.responseTransferMicros = fields.responseMicros ?? 0
    made.latencyMicros = made.requestTransferMicros + made.firstByteMicros + made.responseTransferMicros
  }
  return Object.assign(made, parts)
}

function setMicros(t: Timestamp, micros: number): void {
  t.seconds = EXCHANGE_SECONDS + Math.floor(micros / 1e6)
  t.nanos = Math.round((micros - Math.floor(micros / 1e6) * 1e6) * 1000)
}
