// Measures how far the two ends of each connection are from the capture point, by how fast they acknowledge (RFC 9293 §3.8.1,
// with Karn's rule: what was sent twice is not timed).

import type { Connection, Direction } from '../core/connection.ts'
import type { SegmentConsumer } from '../core/consumers.ts'
import type { Packet } from '../core/packet.ts'
import { type Segment, TCP_ACK, TCP_SYN } from '../core/segment.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import { epochMicros, type Timestamp } from '../core/timestamp.ts'

const FIRST_SLOTS = 256

/** Nothing was sent yet that could be sent again. */
const NOTHING_SENT = 0
const SENT = 1

/**
 * Keeps, for each direction of each connection, the fastest acknowledgement seen: of a SYN, or of data by a segment that
 * carries none itself (one that carries a response waited for it to be ready). An acknowledgement that was delayed is slow,
 * never too fast, so the fastest one is an upper bound that gets better. Typed arrays, two entries a slot.
 */
export class RoundTrips implements SegmentConsumer {
  #connectionIds: Float64Array
  /** What is being timed: the sequence number behind it, since when (0: nothing), whether it is a SYN. */
  #awaitedEnd: Int32Array
  #awaitedSince: Float64Array
  #awaitedSyn: Uint8Array
  #sent: Uint8Array
  /** Behind the furthest byte sent. */
  #furthest: Int32Array
  /** When bytes were last sent again. */
  #resentAt: Float64Array
  #fastest: Float64Array

  constructor() {
    this.#connectionIds = new Float64Array(FIRST_SLOTS)
    this.#awaitedEnd = new Int32Array(FIRST_SLOTS * 2)
    this.#awaitedSince = new Float64Array(FIRST_SLOTS * 2)
    this.#awaitedSyn = new Uint8Array(FIRST_SLOTS * 2)
    this.#sent = new Uint8Array(FIRST_SLOTS * 2)
    this.#furthest = new Int32Array(FIRST_SLOTS * 2)
    this.#resentAt = new Float64Array(FIRST_SLOTS * 2)
    this.#fastest = new Float64Array(FIRST_SLOTS * 2)
  }

  onSegment(c: Connection, d: Direction, s: Segment, _packet: Packet): void {
    const { slot } = c
    if (this.#connectionIds[slot] !== c.id) this.#begin(c)
    const own = slot * 2 + d
    const { flags } = s
    const payload = s.payloadEnd - s.payloadStart + s.missingBytes
    const length = (flags & TCP_SYN) === 0 ? payload : payload + 1
    if ((flags & TCP_ACK) !== 0) this.#acknowledge(own ^ 1, s, payload)
    if (length > 0) this.#send(own, sequenceAdd(s.sequence, length), flags, s.time)
  }

  /** Fastest round trip from the capture point to who receives direction `d` and back, in microseconds; -1 for none. */
  fastest(c: Connection, d: Direction): number {
    return this.#connectionIds[c.slot] === c.id ? this.#fastest[c.slot * 2 + d]! : -1
  }

  /** A side that answers this fast cannot be further away. Makes a known round trip shorter; an unknown one stays unknown. */
  boundBy(c: Connection, d: Direction, micros: number): void {
    const at = c.slot * 2 + d
    if (this.#connectionIds[c.slot] === c.id && this.#fastest[at]! > micros) this.#fastest[at] = micros
  }

  /** When direction `d` last sent bytes again, as epochMicros() counts; 0 for never. */
  resentAt(c: Connection, d: Direction): number {
    return this.#connectionIds[c.slot] === c.id ? this.#resentAt[c.slot * 2 + d]! : 0
  }

  #acknowledge(at: number, s: Segment, payload: number): void {
    const since = this.#awaitedSince[at]!
    if (since === 0 || sequenceDistance(s.acknowledgement, this.#awaitedEnd[at]!) < 0) return
    this.#awaitedSince[at] = 0
    if (!s.time.known || (payload > 0 && this.#awaitedSyn[at] === 0)) return
    const micros = epochMicros(s.time) - since
    const fastest = this.#fastest[at]!
    if (micros >= 0 && (fastest < 0 || micros < fastest)) this.#fastest[at] = micros
  }

  #send(at: number, end: number, flags: number, t: Timestamp): void {
    if (this.#sent[at] === SENT && sequenceDistance(end, this.#furthest[at]!) <= 0) {
      if (t.known) this.#resentAt[at] = epochMicros(t)
      this.#awaitedSince[at] = 0
      return
    }
    this.#sent[at] = SENT
    this.#furthest[at] = end
    if (this.#awaitedSince[at] !== 0 || !t.known) return
    this.#awaitedEnd[at] = end
    this.#awaitedSince[at] = epochMicros(t)
    this.#awaitedSyn[at] = (flags & TCP_SYN) === 0 ? 0 : 1
  }

  #begin(c: Connection): void {
    while (c.slot >= this.#connectionIds.length) this.#grow()
    this.#connectionIds[c.slot] = c.id
    for (let at = c.slot * 2; at < c.slot * 2 + 2; at++) {
      this.#awaitedSince[at] = 0
      this.#sent[at] = NOTHING_SENT
      this.#resentAt[at] = 0
      this.#fastest[at] = -1
    }
  }

  #grow(): void {
    this.#connectionIds = grown(this.#connectionIds, new Float64Array(this.#connectionIds.length * 2))
    this.#awaitedEnd = grown(this.#awaitedEnd, new Int32Array(this.#awaitedEnd.length * 2))
    this.#awaitedSince = grown(this.#awaitedSince, new Float64Array(this.#awaitedSince.length * 2))
    this.#awaitedSyn = grown(this.#awaitedSyn, new Uint8Array(this.#awaitedSyn.length * 2))
    this.#sent = grown(this.#sent, new Uint8Array(this.#sent.length * 2))
    this.#furthest = grown(this.#furthest, new Int32Array(this.#furthest.length * 2))
    this.#resentAt = grown(this.#resentAt, new Float64Array(this.#resentAt.length * 2))
    this.#fastest = grown(this.#fastest, new Float64Array(this.#fastest.length * 2))
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from)
  return to
}
