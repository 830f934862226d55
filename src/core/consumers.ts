// The interfaces through which stages hand on what they found. All calls are synchronous; nothing here may throw for
// anything that was on the wire. Buffers and scratch objects are lent: valid during the call, copy to keep.

import type { CloseReason, Connection, Direction, GapCause, WentOnAfter } from './connection.ts'
import type { Finding } from './finding.ts'
import type { Packet } from './packet.ts'
import type { Arp, Datagram, IcmpError, Segment } from './segment.ts'
import type { Timestamp } from './timestamp.ts'

/** Every captured packet, before decoding (`-w`). */
export interface PacketConsumer {
  onPacket(packet: Packet): void
}

/** Every TCP segment once its connection is known, before reassembly (`-K`, per-packet scripts). */
export interface SegmentConsumer {
  onSegment(connection: Connection, direction: Direction, segment: Segment, packet: Packet): void
}

/** Every TCP segment as it was decoded, also one of no connection, repeated or without payload (scripts). */
export interface RawSegmentConsumer {
  onRawSegment(segment: Segment, packet: Packet): void
}

/** UDP datagrams. */
export interface DatagramConsumer {
  onDatagram(datagram: Datagram, packet: Packet): void
}

/** Events of the network itself. */
export interface NetworkEventConsumer {
  onIcmpError(error: IcmpError): void
  onArp(arp: Arp): void
}

/** Connections as they come and go: onOpen once, then onClose once. */
export interface ConnectionConsumer {
  onOpen(c: Connection, t: Timestamp): void
  /**
   * A RST, or a SYN of another connection, seemed to come from the sender of `d`; what came since shows that nobody believed
   * it: the connection goes on. Told at once; of a SYN that nobody ever spoke of again, just before `onClose`.
   */
  onWentOn?(c: Connection, d: Direction, after: WentOnAfter, t: Timestamp): void
  onClose(c: Connection, why: CloseReason, t: Timestamp): void
}

/**
 * Reassembled bytes, between onOpen and onClose. Per direction the deliveries of onData and onGap are contiguous: the
 * first has offset 0, but in a connection that is `resumed`, and each begins where the one before ended. Offsets are those
 * of the layer that delivers: a decoded stream counts decoded bytes.
 */
export interface StreamConsumer extends ConnectionConsumer {
  /** `buf[start..end)`, lent, never empty; its first byte is at `offset` of the stream. */
  onData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void
  /** `missing` bytes from `offset` on are given up; what follows is delivered after this call. */
  onGap(c: Connection, d: Direction, offset: number, missing: number, cause: GapCause, t: Timestamp): void
  /** Bytes of a gap given up earlier came after all; `offset` is their stream offset. A file can fill its hole. */
  onLateData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void
}

/** Told that capture time has moved (by a packet or a tick of a live capture), at most every 50 ms of capture time. */
export interface ClockConsumer {
  onClock(t: Timestamp): void
}

/** What diagnosis/ has found. */
export interface FindingConsumer {
  /** When it is found, again when its count is final, or when it is withdrawn: `state` says which. `finding` is lent. */
  onFinding(finding: Finding): void
  /** One more case of a finding that was told before: of this connection, by its number, or of none. Lent as well. */
  onCase?(finding: Finding, connection: number | undefined): void
}

/** Consumers of traffic, by what they want to hear. One object may stand in several lists. */
export interface TrafficConsumers {
  readonly connections?: readonly ConnectionConsumer[]
  readonly streams?: readonly StreamConsumer[]
  readonly segments?: readonly SegmentConsumer[]
  readonly rawSegments?: readonly RawSegmentConsumer[]
  readonly datagrams?: readonly DatagramConsumer[]
  readonly events?: readonly NetworkEventConsumer[]
  readonly clocks?: readonly ClockConsumer[]
}

/** The end of the river: something that gathers output in memory. Views bring sinks. */
export interface Sink {
  /** True when output waits for a slow reader: the pipeline then awaits `drain()` before the next chunk of input. */
  readonly blocked: boolean
  /** Resolves when input may go on. Rejects with an OperatorError when the output is gone (disk full, closed pipe). */
  drain(): Promise<void>
  /** Writes what is gathered, without closing: called when the input pauses, so that live output is immediate. */
  flush(): void
  /** Writes everything and closes. Called once, also after an error or a signal. */
  finish(): Promise<void>
}
