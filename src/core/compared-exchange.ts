// An exchange that two captures have seen, one at the client and one at the server.

import type { ExchangeStatus } from './exchange.ts'

/** Times are microseconds. */
export interface ComparedExchange {
  /** Of the response's last byte at the client, by the client's clock, since 1970. */
  readonly endMicros: number
  /** As the client's capture calls them. */
  readonly client: string
  readonly server: string
  /** The same connection as the server's capture calls it: other addresses, behind NAT. */
  readonly atServerClient: string
  readonly atServerServer: string
  readonly protocol: string
  readonly command: string
  readonly key: string
  readonly request: string
  readonly status: ExchangeStatus
  readonly requestBytes: number
  readonly responseBytes: number
  /** First byte of the request to last byte of the response, as the client saw it. */
  readonly latencyMicros: number
  /** What the server took, as in TimedExchange and by its capture: from the request's last byte to the response's first. */
  readonly serverMicros: number
  /** By how much the latency is longer at the client than at the server: the way there and back, whatever the clocks say. */
  readonly networkMicros: number
  /** The rest: from first to last byte of request and response at the server, and the way from the server's capture to it. */
  readonly transferMicros: number
  /** The time of each way, after the clocks have been aligned. */
  readonly thereMicros: number
  readonly backMicros: number
}
