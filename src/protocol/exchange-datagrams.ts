// What a protocol over UDP is to those who want exchanges: its datagrams are found and paired by it alone, as they have no
// connection.

import type { DatagramConsumer } from '../core/consumers.ts'
import type { ExchangeConsumer } from '../core/exchange.ts'
import type { Timestamp } from '../core/timestamp.ts'

/** One for all datagrams of a run. Nothing on the wire makes it throw, and what it keeps is bounded. */
export interface ExchangeDatagrams extends DatagramConsumer {
  /** Requests from before `before` that have no answer are told as unanswered. Their answers are told when they come. */
  expire(before: Timestamp): void
  /** Requests from before `before` that have no answer are told as unanswered, if they were not, and forgotten. */
  forget(before: Timestamp): void
  /** The capture has ended: what has no answer yet is told as `unknown`. */
  close(): void
}

export interface DatagramsContext {
  readonly consumer: ExchangeConsumer
  /** Once, when for the first time a request makes room for another; `what` says so to people. */
  readonly onFirstEvicted: (what: string) => void
}
