// One stream of events to several consumers.

import type { CloseReason, Connection, Direction, GapCause, WentOnAfter } from '../core/connection.ts'
import type { ConnectionConsumer, SegmentConsumer, StreamConsumer } from '../core/consumers.ts'
import type { Packet } from '../core/packet.ts'
import type { Segment } from '../core/segment.ts'
import type { Timestamp } from '../core/timestamp.ts'

class FanOut implements StreamConsumer {
  readonly #streams: readonly StreamConsumer[]
  readonly #all: readonly ConnectionConsumer[]

  constructor(streams: readonly StreamConsumer[], connections: readonly ConnectionConsumer[]) {
    this.#streams = streams
    this.#all = [...streams, ...connections]
  }

  onOpen(c: Connection, t: Timestamp): void {
    for (const consumer of this.#all) consumer.onOpen(c, t)
  }

  onData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    for (const consumer of this.#streams) consumer.onData(c, d, offset, buf, start, end, t)
  }

  onGap(c: Connection, d: Direction, offset: number, missing: number, cause: GapCause, t: Timestamp): void {
    for (const consumer of this.#streams) consumer.onGap(c, d, offset, missing, cause, t)
  }

  onLateData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    for (const consumer of this.#streams) consumer.onLateData(c, d, offset, buf, start, end, t)
  }

  onWentOn(c: Connection, d: Direction, after: WentOnAfter, t: Timestamp): void {
    for (const consumer of this.#all) consumer.onWentOn?.(c, d, after, t)
  }

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    for (const consumer of this.#all) consumer.onClose(c, why, t)
  }
}

/** Gives every event to each consumer in turn, data only to `streams`. A single consumer of streams is returned as it is. */
export function fanOut(
  streams: readonly StreamConsumer[],
  connections: readonly ConnectionConsumer[] = [],
): StreamConsumer {
  return streams.length === 1 && connections.length === 0 ? streams[0]! : new FanOut(streams, connections)
}

class SegmentFanOut implements SegmentConsumer {
  readonly #consumers: readonly SegmentConsumer[]

  constructor(consumers: readonly SegmentConsumer[]) {
    this.#consumers = consumers
  }

  onSegment(c: Connection, d: Direction, segment: Segment, packet: Packet): void {
    for (const consumer of this.#consumers) consumer.onSegment(c, d, segment, packet)
  }
}

/** The same for segments. */
export function fanOutSegments(consumers: readonly SegmentConsumer[]): SegmentConsumer {
  return consumers.length === 1 ? consumers[0]! : new SegmentFanOut(consumers)
}
