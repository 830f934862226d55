// Restores the order in which the two directions of a connection were sent, where reassembly holds one of them back.
//
// Behind a hole nothing is delivered until the bytes come or are given up, while the other direction goes on. If they were used
// as they are delivered, the requests of those 200 ms would look like a pipeline and their answers like a burst. So while one
// direction has a hole, the other direction's bytes wait here. Then both are put in order:
// - by acknowledgements: a side had received the bytes that it acknowledges before it sent what came with the acknowledgement
// (RFC 9293 §3.4). This also tells where in a gap the missing bytes belong: a gap of several answers is cut at each request
// that acknowledged some of them;
// - otherwise by capture time.

import { type Connection, type Direction, opposite } from '../core/connection.ts'
import { compareTime, Timestamp } from '../core/timestamp.ts'
import type { HeldMemory } from './held-bytes.ts'

/** Bound for one connection: when more waits, everything is handed on as it came. */
const MAXIMUM_WAITING_BYTES = 1024 * 1024
/** Memory of a delivery beside its bytes. */
const DELIVERY_BYTES = 256

const NOTHING = Buffer.alloc(0)

/** Gets the deliveries in order. Like StreamConsumer, but without the connection, which is known. */
export interface OrderedConsumer {
  onOrderedData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void
  onOrderedGap(d: Direction, missing: number, t: Timestamp): void
}

/** Bytes, or a gap, that wait. */
class Waiting {
  readonly bytes: Buffer
  missing: number
  /** Offset of its first byte in its own stream. */
  offset: number
  /** Its sender had received the other stream up to there; 0 where that is not known. */
  readonly acknowledged: number
  readonly time: Timestamp
  /** In the order of delivery. */
  readonly number: number

  constructor(bytes: Buffer, missing: number, offset: number, acknowledged: number, t: Timestamp, number: number) {
    this.bytes = bytes
    this.missing = missing
    this.offset = offset
    this.acknowledged = acknowledged
    this.time = t.clone()
    this.number = number
  }

  /** Its sender had received a part of `other`. */
  isAfter(other: Waiting): boolean {
    return this.acknowledged > other.offset
  }
}

/** Of one connection, made when it has its first hole. */
export class CausalOrder {
  readonly #connection: Connection
  readonly #consumer: OrderedConsumer
  readonly #memory: HeldMemory
  readonly #waiting: [Waiting[], Waiting[]]
  #waitingBytes: number
  #number: number
  readonly #gapTime: Timestamp

  /** `memory` is shared by all connections of a run: where it is full, nothing waits. */
  constructor(connection: Connection, consumer: OrderedConsumer, memory: HeldMemory) {
    this.#connection = connection
    this.#consumer = consumer
    this.#memory = memory
    this.#waiting = [[], []]
    this.#waitingBytes = 0
    this.#number = 0
    this.#gapTime = new Timestamp()
  }

  /** True when nothing waits. */
  get empty(): boolean {
    return this.#waitingBytes === 0
  }

  /** As StreamConsumer's: to be called for a connection that has a hole, and while something waits. The bytes are copied. */
  onData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const bytes = Buffer.from(buf.subarray(start, end))
    // what was held back behind a hole of its own came with another acknowledgement than the latest
    const isNew = compareTime(t, this.#connection.lastPacketTime) === 0
    this.#add(d, bytes, 0, isNew ? this.#acknowledgedBy(d) : 0, t)
    this.#handOn(d, end - start)
  }

  onGap(d: Direction, missing: number, t: Timestamp): void {
    this.#add(d, NOTHING, missing, 0, t)
    this.#handOn(d, missing)
  }

  /** Time has passed: hands on what has waited since before `before`, and what waited for a hole that is closed now. */
  expire(before: Timestamp): void {
    for (const { 0: oldest } of this.#waiting) {
      if (oldest !== undefined && compareTime(oldest.time, before) < 0) this.release()
    }
    this.#handOn(0, 0)
  }

  /** Hands on everything, whether or not there are holes. */
  release(): void {
    while (this.#handOnNext());
  }

  #add(d: Direction, bytes: Buffer, missing: number, acknowledged: number, t: Timestamp): void {
    const { offset } = this.#connection.streams[d]
    this.#waiting[d].push(new Waiting(bytes, missing, offset, acknowledged, t, this.#number++))
    this.#count(bytes.length + DELIVERY_BYTES)
  }

  #count(bytes: number): void {
    this.#waitingBytes += bytes
    this.#memory.usedBytes += bytes
  }

  #acknowledgedBy(d: Direction): number {
    const other = this.#connection.streams[opposite(d)]
    return other.offset + other.acknowledgedAhead
  }

  /** Hands on what need not wait (any more). `length` bytes of direction `d` are just being delivered. */
  #handOn(d: Direction, length: number): void {
    if (this.#waitingBytes > MAXIMUM_WAITING_BYTES || this.#memory.full) this.release()
    const [there, back] = this.#waiting
    while (there.length + back.length > 0) {
      if (there.length === 0 && this.#hasHole(0, d === 0 ? length : 0)) return
      if (back.length === 0 && this.#hasHole(1, d === 1 ? length : 0)) return
      this.#handOnNext()
    }
  }

  #hasHole(d: Direction, delivered: number): boolean {
    const stream = this.#connection.streams[d]
    return stream.holdsBack || stream.acknowledgedAhead > delivered
  }

  /** False when nothing waits. */
  #handOnNext(): boolean {
    const [there, back] = this.#waiting
    const [a, b] = [there[0], back[0]]
    if (a === undefined && b === undefined) return false
    if (b === undefined || (a !== undefined && isFirst(a, b))) this.#handOnFirst(0, b)
    else this.#handOnFirst(1, a)
    return true
  }

  #handOnFirst(d: Direction, other: Waiting | undefined): void {
    const first = this.#waiting[d][0]!
    if (first.bytes.length > 0) {
      this.#forgetFirst(d)
      this.#consumer.onOrderedData(d, first.bytes, 0, first.bytes.length, first.time)
      return
    }
    const acknowledged = other === undefined ? 0 : other.acknowledged - first.offset
    const missing = acknowledged > 0 ? Math.min(acknowledged, first.missing) : first.missing
    const time = this.#gapTime
    time.set(first.time)
    if (acknowledged > 0 && compareTime(other!.time, time) < 0) time.set(other!.time)
    first.missing -= missing
    first.offset += missing
    if (first.missing === 0) this.#forgetFirst(d)
    this.#consumer.onOrderedGap(d, missing, time)
  }

  #forgetFirst(d: Direction): void {
    const { bytes } = this.#waiting[d].shift()!
    this.#count(-(bytes.length + DELIVERY_BYTES))
  }
}

/** Whether `a` was said before `b`, of the other direction. */
function isFirst(a: Waiting, b: Waiting): boolean {
  const byTime = compareTime(a.time, b.time) || a.number - b.number
  const isAfter = a.isAfter(b)
  if (isAfter !== b.isAfter(a)) return !isAfter
  // If each claims to be later, the one that was captured last was sent again, and the other's claim holds.
  return isAfter ? byTime > 0 : byTime < 0
}
