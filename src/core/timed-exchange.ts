// An exchange with its latency and the parts of it. latency/ makes it; output, metrics and tables use it.

import type { Exchange } from './exchange.ts'

/**
 * Where the capture point lies, and so what it can tell about the network. `server`: it is at the server, so the network lies
 * between it and the client and is no part of `latencyMicros`; `client`: it is at the client; `both`: they are on one machine;
 * `between`: it is near neither, and sees each side's share; `unknown`: no round trip was seen (datagrams, a connection joined
 * late).
 */
export type CaptureView = 'server' | 'client' | 'both' | 'between' | 'unknown'

/**
 * One object, used again for every exchange: valid during the call, like the exchange in it. Times are microseconds with
 * fractions where the capture has them, as seen from the capture point; -1 is "not known".
 *
 *     request first byte ── last byte ─────────────── response first byte ── last byte
 *        └ requestTransfer ─┘└ network ┘└ server ──────┘└ responseTransfer ──┘
 *                            └────── firstByte ────────┘
 *        └────────────────────────── latency ──────────────────────────────┘
 */
export class TimedExchange {
  exchange: Exchange
  /** First byte of the request to last byte of the response: the sum of the four parts. -1 without a (known) response. */
  latencyMicros = -1
  requestTransferMicros = -1
  /** Last byte of the request to first byte of the response: network and server together. */
  firstByteMicros = -1
  /** Of firstByteMicros: the round trip to the server and back, and what sending again cost. */
  networkMicros = -1
  /** The rest of firstByteMicros: the server worked, or was busy with others. */
  serverMicros = -1
  responseTransferMicros = -1
  /** Round trip from the capture point to the client: the client waits this much longer than `latencyMicros`. */
  clientNetworkMicros = -1
  view: CaptureView = 'unknown'

  constructor(exchange: Exchange) {
    this.exchange = exchange
  }
}

export interface TimedExchangeConsumer {
  /** In the order in which exchanges end. `timed` is lent. */
  onTimedExchange(timed: TimedExchange): void
}
