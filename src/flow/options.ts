// The bounds and waiting times of the flow table, as plain data.

import type { Arena } from '../core/arena.ts'

export interface FlowTableOptions {
  /** Connections tracked at once. When full, half-open ones go first, then the one that was silent longest. */
  readonly maximumConnections: number
  /** How many of these may be without a finished handshake: the share that a SYN flood may take. */
  readonly maximumHalfOpen: number
  /** Ended connections remembered, for their late packets and for counting occurrences; oldest forgotten first. */
  readonly maximumRemembered: number
  /** Out-of-order bytes held back for one direction of a connection, and for all together (in pages, see PagePool). */
  readonly maximumQueuedBytesPerStream: number
  readonly maximumQueuedBytes: number
  /** tcpflow's -m: data further than this from the expected sequence number starts a new flow. */
  readonly maximumJumpBytes: number
  /** How long bytes may still come after the receiver acknowledged them: captures often show the ACK first. */
  readonly acknowledgedHoleGraceMicros: number
  /** How long a hole that nobody acknowledged waits for a retransmission. */
  readonly holeTimeoutMicros: number
  /** Silence after which an unanswered connection attempt has timed out; more than the longest pause of a SYN's retries. */
  readonly halfOpenTimeoutMicros: number
  /** Silence after which a connection that one side has finished is given up. */
  readonly halfClosedTimeoutMicros: number
  /** How long packets may still straggle in for an ended connection: TIME-WAIT, RFC 9293 §3.6.1. */
  readonly lingerMicros: number
  /** Where queued pages are cut from, up to `maximumQueuedBytes` plus 256 KiB; undefined: ordinary Buffers. */
  readonly arena: Arena | undefined
}

export const defaultFlowTableOptions: FlowTableOptions = {
  maximumConnections: 65_536,
  maximumHalfOpen: 8_192,
  maximumRemembered: 131_072,
  maximumQueuedBytesPerStream: 4 * 1024 * 1024,
  maximumQueuedBytes: 64 * 1024 * 1024,
  maximumJumpBytes: 16_777_216,
  acknowledgedHoleGraceMicros: 200_000,
  holeTimeoutMicros: 60_000_000,
  halfOpenTimeoutMicros: 75_000_000,
  halfClosedTimeoutMicros: 300_000_000,
  lingerMicros: 60_000_000,
  arena: undefined,
}
