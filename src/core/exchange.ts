// A request and its response, as protocol/ finds them and latency, metrics, JSON and scripts take them.

import type { Connection, Direction } from './connection.ts'
import type { Endpoint } from './endpoint.ts'
import { Timestamp } from './timestamp.ts'

/**
 * `unanswered`: the conversation ended, or we stopped waiting, before a response came. `unknown`: there was one, but bytes of
 * it or of its request are missing from the capture, so that neither its outcome nor its latency can be told; or the capture
 * ended too soon for one (`statusText` says so). `silent`: none was asked for (noreply, quiet gets that missed), so it counts
 * and has no latency.
 */
export type ExchangeStatus = 'ok' | 'error' | 'unanswered' | 'unknown' | 'silent'

/**
 * One exchange. One object a parser, used again for every exchange: valid during `onExchange` only, copy what you keep. Text
 * is as it was on the wire (latin1 where it is no UTF-8), not sanitised, and bounded: 256 characters, `request` 1024.
 */
export class Exchange {
  /** undefined for datagrams. */
  connection: Connection | undefined = undefined
  /** The direction in which the request went; 0 for datagrams. */
  requestDirection: Direction = 0
  place = 0
  client: Endpoint | undefined = undefined
  server: Endpoint | undefined = undefined
  /** The registry's name of the protocol: `redis`, `http`. */
  protocol = ''
  /** `GET`, `set`, `GET /users/1`, `AAAA`: what requests of one sort have in common. Upper or lower case as the protocol has it. */
  command = ''
  /** What the command is about: the first key, the path, the queried name; '' for none. */
  key = ''
  /** The request on one line, as tcpkit prints it: `set foo bared`, `GET /users/1`. */
  request = ''
  /** What follows on the request's line, where tcpkit prints it: `HTTP/1.1`; '' where nothing does. */
  version = ''
  status: ExchangeStatus = 'ok'
  /** The protocol's own word for the outcome: `200`, `-WRONGTYPE …`, `NXDOMAIN`, `STORED`; '' where it has none. */
  statusText = ''
  /** The server was asked to wait (BLPOP, XREAD BLOCK, WAIT), by this request or one ahead of it: its latency is no fault. */
  blocking = false
  /** Requests of this connection that were still unanswered when this one came; 0 without pipelining. */
  aheadInPipeline = 0
  /**
   * It was told before, as `unanswered`: this is its answer, which came after all. Counts are to be corrected, and the request
   * is not to be counted again.
   */
  late = false
  /** How often the same request was sent again before the answer (DNS over UDP); times are those of the first. */
  retries = 0
  /** When it was sent for the last time; means nothing while `retries` is 0. */
  readonly lastRetry = new Timestamp()
  /** Capture time of the segment that brought the first and the last byte of each. Response times are 0 without one. */
  readonly requestStart = new Timestamp()
  readonly requestEnd = new Timestamp()
  readonly responseStart = new Timestamp()
  readonly responseEnd = new Timestamp()
  /** On the wire, headers included, as seen: missing bytes count. */
  requestBytes = 0
  responseBytes = 0
  /**
   * How many announced bytes of each were never sent because one side ended the connection; -1: some, but it is not known how
   * many (chunks).
   */
  requestMissingBytes = 0
  responseMissingBytes = 0
}

export interface ExchangeConsumer {
  /** In the order in which exchanges end. `exchange` is lent. */
  onExchange(exchange: Exchange): void
}
