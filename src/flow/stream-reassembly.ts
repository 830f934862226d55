// Brings the payload of one direction into order and hands it on, each byte once (RFC 9293 §3.4, §3.10.7.4). A hole holds
// back what follows until it is filled, or given up: see `visit`, `#forceRoom` and `finish` for the three ways.

import type { GapCause } from '../core/connection.ts'
import type { StreamConsumer } from '../core/consumers.ts'
import { type Segment, TCP_PSH } from '../core/segment.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import type { Timestamp } from '../core/timestamp.ts'
import type { CaptureClock } from './capture-clock.ts'
import type { FlowCounters } from './counters.ts'
import {
  HELD_BYTE_FOLLOWS,
  HELD_BYTE_PROBE,
  HELD_BYTE_PROBES,
  HELD_BYTE_UNKNOWN,
  holdByte,
  judgeHeldByte,
  mayBeProbe,
} from './held-byte.ts'
import { believed, bytesToEdge, HoleList, hasHole } from './hole-list.ts'
import type { FlowTableOptions } from './options.ts'
import { conflictingBytes, OutOfOrderQueue } from './out-of-order-queue.ts'
import { PAGE_BYTES, PagePool } from './page-pool.ts'
import { isInWindow } from './plausibility.ts'
import { later, StreamDelivery } from './stream-delivery.ts'
import {
  PLAUSIBLE_BYTES,
  POSITION_ANCHORED,
  POSITION_HINT,
  POSITION_OWN,
  POSITION_UNKNOWN,
  type TrackedStream,
} from './tracked-connection.ts'

/**
 * In a capture that began mid-stream, data further ahead of an acknowledgement than this is not out of order: what lies between
 * was in flight before the capture began.
 */
const HINT_HOLD_BYTES = 262_144
/**
 * When all pages are in use, so many other streams are asked to give up a hole before the stream that needs pages gives up its
 * own.
 */
const RELIEF_ATTEMPTS = 16

export class StreamReassembly {
  /** Hands on what is due. On the usual path only `deliver` is called. */
  readonly delivery: StreamDelivery
  readonly #clock: CaptureClock
  readonly #consumer: StreamConsumer
  readonly #options: FlowTableOptions
  readonly #counters: FlowCounters
  readonly #pool: PagePool
  readonly #queue: OutOfOrderQueue
  readonly #maximumStreamPages: number
  readonly #graceMicros: number
  readonly #holes = new HoleList()

  constructor(consumer: StreamConsumer, options: FlowTableOptions, counters: FlowCounters, clock: CaptureClock) {
    this.#clock = clock
    this.#consumer = consumer
    this.#options = options
    this.#counters = counters
    this.#pool = new PagePool(options.maximumQueuedBytes, options.arena)
    this.#queue = new OutOfOrderQueue(this.#pool)
    this.delivery = new StreamDelivery(consumer, counters, this.#pool)
    this.#maximumStreamPages = Math.max(1, Math.floor(options.maximumQueuedBytesPerStream / PAGE_BYTES))
    // not 0, because a stream that was just visited must not be due again at once
    this.#graceMicros = Math.max(1, options.acknowledgedHoleGraceMicros)
  }

  /** Bytes of memory in the queues of all streams. */
  get queuedBytes(): number {
    return this.#pool.inUse * PAGE_BYTES
  }

  /**
   * Takes a segment with payload (or with bytes missing behind it), the first byte of which is `sequence`. False when it
   * was a keep-alive probe and no data (RFC 1122 §4.2.3.6).
   */
  accept(stream: TrackedStream, s: Segment, sequence: number): boolean {
    const length = s.payloadEnd - s.payloadStart
    if (stream.position < POSITION_ANCHORED && !this.#settle(stream, s, sequence, length)) return false
    if (stream.finKnown) {
      const beyond = sequenceDistance(sequenceAdd(sequence, length + s.missingBytes), stream.finSequence)
      if (beyond > 0) {
        if (stream.finished) {
          this.#counters.bytesAfterFin += beyond
          return true
        }
        // There is data behind the FIN, so the FIN was not sent by the connected peer.
        stream.finKnown = false
      }
    }
    const ahead = sequenceDistance(sequence, stream.expected)
    if (ahead <= 0) {
      const isData = this.#acceptDue(stream, s, sequence, -ahead)
      if (stream.heldByte >= 0) this.#deliverHeldByte(stream, s.time)
      return isData
    }
    this.#enqueue(stream, s, sequence)
    return true
  }

  /** An empty segment of this side: where nothing is known yet, its sequence number says where the stream stands. */
  noteSequence(stream: TrackedStream, sequence: number): void {
    if (stream.first !== null || stream.finKnown) return
    if (stream.position !== POSITION_UNKNOWN && sequenceDistance(sequence, stream.expected) < 0) return
    if (stream.position === POSITION_OWN) return
    if (stream.position === POSITION_UNKNOWN) stream.acknowledged = sequence
    stream.position = POSITION_OWN
    stream.expected = sequence
  }

  /** The other side, in a segment with `sequence` on its stream `from`, has acknowledged all before `acknowledgement`. */
  acknowledge(stream: TrackedStream, acknowledgement: number, from: TrackedStream, sequence: number): void {
    if (stream.position === POSITION_UNKNOWN) {
      stream.position = POSITION_HINT
      stream.expected = acknowledgement
      stream.acknowledged = acknowledgement
      return
    }
    const beyond = sequenceDistance(acknowledgement, stream.expected)
    if (beyond <= 0) {
      if (beyond < -PLAUSIBLE_BYTES) return
      // `acknowledged` only moves forward. It may have been left behind by half the sequence space.
      const lag = sequenceDistance(stream.expected, stream.acknowledged)
      if (lag > -beyond || lag < -PLAUSIBLE_BYTES) stream.acknowledged = acknowledgement
      return
    }
    if (beyond > PLAUSIBLE_BYTES || !isInWindow(from, sequence)) {
      this.#counters.ignoredAcknowledgements++
      return
    }
    if (stream.position < POSITION_ANCHORED && stream.first === null && !stream.finKnown) {
      // A difference of one byte may come from a keep-alive probe.
      if (stream.position === POSITION_HINT || beyond === 1) stream.expected = acknowledgement
    }
    if (sequenceDistance(acknowledgement, stream.acknowledged) > 0) stream.acknowledged = acknowledgement
    if (!hasHole(stream)) return
    // The grace of this hole begins now, unless one that was acknowledged earlier is still in front.
    if (stream.listed && sequenceDistance(stream.markAcknowledged, stream.expected) <= 0) this.#holes.remove(stream)
    this.#holes.add(stream, this.#clock.now)
  }

  /** A FIN at `sequence`, that is behind the payload of its segment. False when it was not believed. */
  noteFin(stream: TrackedStream, sequence: number): boolean {
    if (stream.finKnown) return sequence === stream.finSequence
    this.#dropHeldByte(stream)
    const ahead = sequenceDistance(sequence, stream.expected)
    if (stream.position < POSITION_ANCHORED && stream.first === null) {
      const held = stream.position === POSITION_OWN && ahead > 1 && ahead <= PLAUSIBLE_BYTES
      anchor(stream, held ? stream.expected : sequence)
    } else if (sequenceDistance(sequence, stream.reach) < 0 || ahead > PLAUSIBLE_BYTES) {
      return false
    }
    stream.finKnown = true
    stream.finSequence = sequence
    if (hasHole(stream)) this.#holes.add(stream, this.#clock.now)
    return true
  }

  /** The stream begins at `sequence`, no later than what is held back of it; what is due by that is delivered. */
  startAt(stream: TrackedStream, sequence: number): void {
    anchor(stream, sequence)
    if (stream.heldByte >= 0) this.#deliverHeldByte(stream, stream.heldByteTime)
    if (stream.first === null) return
    this.delivery.time.set(stream.first.time)
    this.delivery.drain(stream, sequence)
  }

  /** The next stream whose holes are due for `visit`, or null. */
  dueHole(): TrackedStream | null {
    const stream = this.#holes.first
    if (stream === null) return null
    const waited = this.#clock.now - stream.markMicros
    // It is below 0 after an absurd timestamp, which must not block the list.
    return waited >= this.#graceMicros || waited < 0 ? stream : null
  }

  /**
   * Gives up bytes that were acknowledged a grace period ago and never came, and holes that have waited too long for a
   * retransmission. Marks the stream for another visit when a hole is left.
   */
  visit(stream: TrackedStream): void {
    const matured = stream.markAcknowledged
    this.#holes.remove(stream)
    if (stream.position === POSITION_HINT) this.#startAtFirstSeen(stream)
    while (hasHole(stream)) {
      const acknowledged = Math.min(believed(sequenceDistance(matured, stream.expected)), bytesToEdge(stream))
      if (acknowledged > 0) {
        this.#giveUp(stream, acknowledged, 'capture')
        continue
      }
      const page = stream.first
      if (page === null || this.#clock.now - page.arrivalMicros < this.#options.holeTimeoutMicros) break
      this.#giveUp(stream, bytesToEdge(stream), 'network')
    }
    if (hasHole(stream)) this.#holes.add(stream, this.#clock.now)
  }

  /** At close: gives up every hole and delivers all that is held back. */
  finish(stream: TrackedStream): void {
    this.#holes.remove(stream)
    // Nothing has shown what the held byte was, so it may be data.
    if (stream.heldByte >= 0) this.startAt(stream, stream.heldByteSequence)
    if (stream.position === POSITION_HINT) this.#startAtFirstSeen(stream)
    while (hasHole(stream)) {
      const edge = bytesToEdge(stream)
      const acknowledged = Math.min(believed(sequenceDistance(stream.acknowledged, stream.expected)), edge)
      if (acknowledged > 0) this.#giveUp(stream, acknowledged, 'capture')
      else this.#giveUp(stream, edge, 'network')
    }
  }

  /** Decides where a stream starts that was not seen from its SYN on. False when the segment is a keep-alive probe. */
  #settle(stream: TrackedStream, s: Segment, sequence: number, length: number): boolean {
    if (stream.heldByte >= 0) {
      const verdict = judgeHeldByte(stream, s, sequence)
      if (verdict === HELD_BYTE_UNKNOWN || verdict === HELD_BYTE_PROBES) this.#counters.keepAlives++
      if (verdict === HELD_BYTE_UNKNOWN) return false
      if (verdict !== HELD_BYTE_FOLLOWS) this.#dropHeldByte(stream)
      if (verdict === HELD_BYTE_PROBES) return false
      if (verdict !== HELD_BYTE_PROBE) {
        anchor(stream, sequence)
        return true
      }
    }
    const ahead = sequenceDistance(sequence, stream.expected)
    const { position } = stream
    if (position === POSITION_UNKNOWN && mayBeProbe(s)) {
      holdByte(stream, s, sequence)
      return false
    }
    if (position !== POSITION_UNKNOWN) {
      if (ahead === -1 && length <= 1 && ((s.flags & TCP_PSH) === 0 || mayBeProbe(s))) {
        this.#counters.keepAlives++
        return false
      }
      const hold = position === POSITION_HINT ? HINT_HOLD_BYTES : PLAUSIBLE_BYTES
      const nearest = position === POSITION_HINT ? 0 : 1
      if (ahead > nearest && ahead <= hold) return true
      // Queued data is nearer to the expected number than this segment, so the stream begins with that.
      if (stream.first !== null && sequenceDistance(stream.first.sequence, sequence) < 0) {
        this.#startAtFirstSeen(stream)
        return true
      }
    }
    anchor(stream, sequence)
    return true
  }

  /** The held byte is data if the stream has reached it. */
  #deliverHeldByte(stream: TrackedStream, t: Timestamp): void {
    if (stream.expected !== stream.heldByteSequence) {
      this.#dropHeldByte(stream)
      return
    }
    const byte = Buffer.of(stream.heldByte)
    stream.heldByte = -1
    this.delivery.deliver(stream, byte, 0, 1, t)
  }

  /** Drops the held byte: it was a probe's, or comes again. */
  #dropHeldByte(stream: TrackedStream): void {
    if (stream.heldByte < 0) return
    stream.heldByte = -1
    this.#counters.keepAlives++
  }

  /** Takes a segment whose first `behind` bytes lie before `expected`; the rest is due now. */
  #acceptDue(stream: TrackedStream, s: Segment, sequence: number, behind: number): boolean {
    const { buf, payloadStart, payloadEnd } = s
    const length = payloadEnd - payloadStart
    let start = payloadStart
    if (behind > 0) {
      if (behind === 1 && length === 1 && (s.flags & TCP_PSH) === 0 && s.missingBytes === 0) {
        this.#counters.keepAlives++
        return false
      }
      const past = Math.min(behind, length)
      if (past > 0) this.#acceptPast(stream, buf, start, start + past, stream.offset - behind, s.time)
      start += past
      if (behind >= length + s.missingBytes) return true
    }
    let reach = sequenceAdd(sequence, length + s.missingBytes)
    this.delivery.time.set(s.time)
    for (let page = stream.first; page !== null && start < payloadEnd; page = stream.first) {
      const before = sequenceDistance(page.sequence, stream.expected)
      if (before >= payloadEnd - start) break
      if (before > 0) this.delivery.deliver(stream, buf, start, start + before, this.delivery.time)
      start += before
      const repeated = Math.min(page.length, payloadEnd - start)
      this.#countRepeated(stream, repeated, conflictingBytes(page, 0, buf, start, repeated))
      start += repeated
      reach = later(reach, this.delivery.deliverFirst(stream))
    }
    if (start < payloadEnd) this.delivery.deliver(stream, buf, start, payloadEnd, this.delivery.time)
    this.delivery.drain(stream, reach)
    return true
  }

  /** Counts bytes from before `expected`: late for a gap, from before the start, or sent again. */
  #acceptPast(stream: TrackedStream, buf: Buffer, start: number, end: number, offset: number, t: Timestamp): void {
    let repeated = end - start
    if (offset < 0) {
      const early = Math.min(repeated, -offset)
      this.#counters.bytesBeforeStart += early
      repeated -= early
    }
    const ranges = stream.givenUp
    if (ranges !== null) {
      const { connection, direction } = stream
      while (ranges.take(offset, offset + end - start)) {
        const lateStart = start + ranges.foundStart - offset
        const lateEnd = start + ranges.foundEnd - offset
        this.#counters.lateBytes += lateEnd - lateStart
        repeated -= lateEnd - lateStart
        this.#consumer.onLateData(connection, direction, ranges.foundStart, buf, lateStart, lateEnd, t)
      }
    }
    this.#countRepeated(stream, repeated, 0)
  }

  /** Queues a segment that is ahead of a hole, giving up holes where the bounds leave no room for it. */
  #enqueue(stream: TrackedStream, s: Segment, sequence: number): void {
    const needed = Math.ceil((s.payloadEnd - s.payloadStart) / PAGE_BYTES) + 1
    while (!this.#hasRoom(stream, needed)) {
      this.#forceRoom(stream, sequence)
      const ahead = sequenceDistance(sequence, stream.expected)
      if (ahead <= 0) {
        this.#acceptDue(stream, s, sequence, -ahead)
        return
      }
    }
    stream.outOfOrderSegments++
    this.#counters.outOfOrderSegments++
    this.#queue.insert(stream, s, sequence, this.#clock.now)
    this.#countRepeated(stream, this.#queue.repeated, this.#queue.conflicting)
    this.#holes.add(stream, this.#clock.now)
  }

  #hasRoom(stream: TrackedStream, pages: number): boolean {
    if (stream.queuedPages + pages > this.#maximumStreamPages) return false
    if (this.#pool.hasRoom(pages)) return true
    let victim = this.#holes.first
    for (let i = 0; i < RELIEF_ATTEMPTS && victim !== null; i++) {
      const next = victim.nextHole
      // The victim stays listed, so that the table looks at it soon and notices if it has finished.
      if (victim !== stream && victim.first !== null) {
        this.#forceRoom(victim, victim.first.sequence)
        if (this.#pool.hasRoom(pages)) return true
      }
      victim = next
    }
    return false
  }

  /** Gives up the first hole, before the queue's first page or before `sequence`, whichever comes first. */
  #forceRoom(stream: TrackedStream, sequence: number): void {
    let missing = sequenceDistance(sequence, stream.expected)
    if (stream.first !== null) missing = Math.min(missing, sequenceDistance(stream.first.sequence, stream.expected))
    const acknowledged = believed(sequenceDistance(stream.acknowledged, stream.expected))
    if (stream.position === POSITION_HINT) this.startAt(stream, sequenceAdd(stream.expected, missing))
    else this.#giveUp(stream, missing, acknowledged >= missing ? 'capture' : 'limit')
  }

  /** Gives up `missing` bytes that are due and delivers what is queued right behind them. */
  #giveUp(stream: TrackedStream, missing: number, cause: GapCause): void {
    const page = stream.first
    if (page !== null) this.delivery.time.set(page.time)
    else this.delivery.time.set(stream.connection.lastPacketTime)
    this.delivery.gap(stream, missing, cause)
    this.delivery.drain(stream, stream.expected)
  }

  /** Starts a stream, whose position was only a guess, at the first byte that was seen, without a gap. */
  #startAtFirstSeen(stream: TrackedStream): void {
    if (stream.first !== null) this.startAt(stream, stream.first.sequence)
  }

  #countRepeated(stream: TrackedStream, repeated: number, conflicting: number): void {
    stream.retransmittedBytes += repeated
    stream.conflictingBytes += conflicting
    this.#counters.retransmittedBytes += repeated
    this.#counters.conflictingBytes += conflicting
  }
}

/** From now on the stream stands at `sequence`. Nothing of it may have been delivered yet. */
export function anchor(stream: TrackedStream, sequence: number): void {
  if (stream.position === POSITION_UNKNOWN || sequenceDistance(stream.acknowledged, sequence) < 0) {
    stream.acknowledged = sequence
  }
  stream.expected = sequence
  stream.position = POSITION_ANCHORED
}
