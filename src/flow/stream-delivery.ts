// Hands on a stream's bytes in order, and its gaps, and counts them.

import type { GapCause } from '../core/connection.ts'
import type { StreamConsumer } from '../core/consumers.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import { compareTime, Timestamp } from '../core/timestamp.ts'
import type { FlowCounters } from './counters.ts'
import { GivenUpRanges } from './given-up-ranges.ts'
import { removeFirst } from './out-of-order-queue.ts'
import type { Page, PagePool } from './page-pool.ts'
import { POSITION_ANCHORED, type TrackedStream } from './tracked-connection.ts'

export class StreamDelivery {
  /** When the bytes that are handed on became deliverable. Set it before `gap`, `drain` and `deliverFirst`. */
  readonly time = new Timestamp()
  readonly #consumer: StreamConsumer
  readonly #counters: FlowCounters
  readonly #pool: PagePool

  constructor(consumer: StreamConsumer, counters: FlowCounters, pool: PagePool) {
    this.#consumer = consumer
    this.#counters = counters
    this.#pool = pool
  }

  /** Hands on bytes that are due. */
  deliver(stream: TrackedStream, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const length = end - start
    this.#consumer.onData(stream.connection, stream.direction, stream.offset, buf, start, end, t)
    stream.noteDelivered(length)
    this.#counters.deliveredBytes += length
  }

  /** `missing` bytes that are due will not come. */
  gap(stream: TrackedStream, missing: number, cause: GapCause): void {
    if (stream.packets === 0) {
      // No packet of this side was seen, as with a filter for one direction: so nothing of it is missing.
      stream.expected = sequenceAdd(stream.expected, missing)
      return
    }
    stream.position = POSITION_ANCHORED
    this.#consumer.onGap(stream.connection, stream.direction, stream.offset, missing, cause, this.time)
    if (stream.givenUp === null) stream.givenUp = new GivenUpRanges()
    stream.givenUp.add(stream.offset, stream.offset + missing)
    stream.offset += missing
    stream.gaps++
    stream.missingBytes += missing
    stream.expected = sequenceAdd(stream.expected, missing)
    this.#counters.gaps++
    this.#counters.gapBytes += missing
    if (cause === 'limit') this.#counters.limitGaps++
    else if (cause !== 'network') this.#counters.captureGapBytes += missing
  }

  /** Delivers the pages that are due. Up to `reach`, what is missing has been cut off by the snapshot length. */
  drain(stream: TrackedStream, reach: number): void {
    for (;;) {
      const page = stream.first
      const before = page === null ? Number.POSITIVE_INFINITY : sequenceDistance(page.sequence, stream.expected)
      if (before === 0) {
        reach = later(reach, this.deliverFirst(stream))
        continue
      }
      const cut = Math.min(sequenceDistance(reach, stream.expected), before)
      if (cut <= 0) {
        // Times of one direction never go back: bytes behind the next hole are not earlier than those just delivered.
        if (page !== null && compareTime(page.time, this.time) < 0) page.time.set(this.time)
        return
      }
      this.gap(stream, cut, 'snaplen')
    }
  }

  /** Delivers the first page, which is due; returns the end of what is known to follow it. */
  deliverFirst(stream: TrackedStream): number {
    const page: Page = removeFirst(stream)
    if (compareTime(page.time, this.time) > 0) this.time.set(page.time)
    if (page.length > 0) this.deliver(stream, page.buf, page.start, page.start + page.length, this.time)
    const reach = sequenceAdd(stream.expected, page.missingAfter)
    this.#pool.give(page)
    return reach
  }
}

/** The later of two sequence numbers. */
export function later(a: number, b: number): number {
  return sequenceDistance(a, b) >= 0 ? a : b
}
