// One stream of events to several consumers.

import type { CloseReason, Connection, Direction, GapCause, WentOnAfter } from '../core/connection.ts'
import type { SegmentConsumer, StreamConsumer } from '../core/consumers.ts'
import type { Packet } from '../core/packet.ts'
import type { Segment } from '../core/segment.ts'
import type { Timestamp } from '../core/timestamp.ts'

class FanOut implements StreamConsumer {
  readonly #consumers: readonly StreamConsumer[]
  readonly #ofData: readonly StreamConsumer[]

  constructor(consumers: readonly StreamConsumer[]) {
    this.#consumers = consumers
    this.#ofData = consumers.filter((consumer) => !consumer.ignoresData)
  }

  onOpen(c: Connection, t: Timestamp): void {
    for (const consumer of this.#consumers) consumer.onOpen(c, t)
  }

  onData(c: Connection, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    for (const consumer of this.#ofData) consumer.onData(c, d, buf, start, end, t)
  }

  onGap(c: Connection, d: Direction, missing: number, cause: GapCause, t: Timestamp): void {
    for (const consumer of this.#ofData) consumer.onGap(c, d, missing, cause, t)
  }

  onLateData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    for (const consumer of this.#ofData) consumer.onLateData(c, d, offset, buf, start, end, t)
  }

  onWentOn(c: Connection, d: Direction, after: WentOnAfter, t: Timestamp): void {
    for (const consumer of this.#consumers) consumer.onWentOn?.(c, d, after, t)
  }

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    for (const consumer of this.#consumers) consumer.onClose(c, why, t)
  }
}

/** Gives every event to each consumer in turn, data to those that do not ignore it; a single consumer is returned as it is. */
export function fanOut(consumers: readonly StreamConsumer[]): StreamConsumer {
  return consumers.length === 1 ? consumers[0]! : new FanOut(consumers)
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
