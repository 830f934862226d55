// A simulated conversation as the packets of a capture that misses some of them, through the flow table to exchanges.

import type { ExchangeConsumer } from '../../src/core/exchange.ts'
import type { ExchangeProtocol } from '../../src/protocol/exchange-parser.ts'
import { ExchangeStreams } from '../../src/protocol/exchange-streams.ts'
import { Conversation } from '../support/conversation.ts'
import { type Told, timeOf, toldOf } from './exchange-transcript.ts'
import type { Simulation } from './pipeline-simulation.ts'

export interface LossyCapture {
  /** Whether the capture misses a segment, by its index in `simulation.segments`. */
  readonly isLost: (index: number) => boolean
  /** Stands for a connection that no protocol recognises. */
  readonly fallback?: ExchangeProtocol
  /** The capture begins behind the handshake. */
  readonly middle?: boolean
  /** Empty acknowledgements after segments of the other side, by index. */
  readonly isAcknowledged?: (index: number) => boolean
}

/** What is told of the conversation, of which both sides have received everything. */
export function capture(protocol: ExchangeProtocol, simulation: Simulation, options: LossyCapture): Told[] {
  const told: Told[] = []
  const consumer: ExchangeConsumer = { onExchange: (exchange) => told.push(toldOf(exchange)) }
  const isFallback = options.fallback !== undefined
  const streams = new ExchangeStreams({
    protocols: isFallback ? [] : [protocol],
    fallback: options.fallback,
    consumer,
  })
  const talk = new Conversation({ consumer: streams, serverPort: protocol.ports[0] ?? 9999 })
  talk.time.set(timeOf(-10))
  if (options.middle !== true) talk.open()
  for (const [index, { arrow, bytes, moment }] of simulation.segments.entries()) {
    const [from, to] = arrow === '>' ? [talk.client, talk.server] : [talk.server, talk.client]
    // a segment comes a millisecond after the conversation's time
    talk.time.set(timeOf(moment - 1))
    if (options.isLost(index)) from.lose(bytes.length)
    else from.send(bytes)
    if (options.isAcknowledged?.(index) === true) to.ack()
  }
  talk.end()
  return told
}
