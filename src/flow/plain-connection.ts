// What it takes for somebody else to process a connection's segments in the table's place: both sides established, nothing
// held back, and until it is asked for back only segments that change no more than SegmentRun says.

import { compareTime, Timestamp } from '../core/timestamp.ts'
import type { FlowCounters } from './counters.ts'
import { hasHole } from './hole-list.ts'
import {
  PHASE_ESTABLISHED,
  POSITION_ANCHORED,
  type TrackedConnection,
  type TrackedStream,
} from './tracked-connection.ts'

/** Processes segments of plain connections; the table asks for one back before it looks at it. */
export interface SegmentBypass {
  /** Tells the table what has passed, if anything has (`FlowTable.takeRuns`), and takes no more: `c.bypassed` is false then. */
  giveBack(c: TrackedConnection): void
  /** Tells what has passed of all connections, and keeps them. */
  settle(): void
}

/**
 * Segments of one direction: ACK without SYN, FIN and RST, their payload (complete, each beginning where the one before
 * ended) delivered by whoever processed them. One object, reused.
 */
export class SegmentRun {
  packets = 0
  payloadBytes = 0
  /** Meaningful with packets, with payload. */
  readonly lastTime = new Timestamp()
  readonly lastDataTime = new Timestamp()
  /** Highest acknowledgement by the other side of what has passed this way, by StreamReassembly.acknowledge's rules. */
  acknowledged = 0
}

/** True when ACKs and data that is due can change nothing but what a SegmentRun says. */
export function isPlain(c: TrackedConnection): boolean {
  const { toServer, toClient } = c
  // its phase says that there was no FIN and no RST
  if (c.heldSyn !== null || c.phase !== PHASE_ESTABLISHED || !isPlainStream(toServer) || !isPlainStream(toClient))
    return false
  const handshakeMayEnd = c.handshakeMicros < 0 && toServer.sawSyn && toClient.sawSyn && !c.resumed
  return !handshakeMayEnd
}

function isPlainStream(stream: TrackedStream): boolean {
  return stream.position === POSITION_ANCHORED && stream.packets > 0 && !hasHole(stream)
}

/** Writes what has passed into the connection: a run each to the server and to the client. */
export function applyRuns(
  c: TrackedConnection,
  toServer: SegmentRun,
  toClient: SegmentRun,
  counters: FlowCounters,
): void {
  applyRun(c.toServer, toServer, counters)
  applyRun(c.toClient, toClient, counters)
  if (toServer.packets > 0) c.lastPacketTime.set(toServer.lastTime)
  if (isLater(toClient.packets, toClient.lastTime, toServer.packets, toServer.lastTime)) {
    c.lastPacketTime.set(toClient.lastTime)
  }
  if (toServer.payloadBytes > 0) c.lastDataTime.set(toServer.lastDataTime)
  if (isLater(toClient.payloadBytes, toClient.lastDataTime, toServer.payloadBytes, toServer.lastDataTime)) {
    c.lastDataTime.set(toClient.lastDataTime)
  }
}

function applyRun(stream: TrackedStream, run: SegmentRun, counters: FlowCounters): void {
  stream.acknowledged = run.acknowledged
  if (run.packets === 0) return
  stream.packets += run.packets
  stream.lastPacketTime.set(run.lastTime)
  stream.noteDelivered(run.payloadBytes)
  counters.segments += run.packets
  counters.payloadBytes += run.payloadBytes
  counters.deliveredBytes += run.payloadBytes
}

/** The first of two happened, and after the second if that did, too. */
function isLater(count: number, time: Timestamp, otherCount: number, otherTime: Timestamp): boolean {
  return count > 0 && (otherCount === 0 || compareTime(time, otherTime) > 0)
}
