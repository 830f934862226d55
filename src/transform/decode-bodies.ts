// `--decode`: stands in front of a stream consumer and makes HTTP readable before it gets there.

import type { CloseReason, Connection, Direction, GapCause } from '../core/connection.ts'
import type { StreamConsumer } from '../core/consumers.ts'
import type { Timestamp } from '../core/timestamp.ts'
import { HeldMemory } from '../protocol/held-bytes.ts'
import { HttpFraming } from '../protocol/http/http-framing.ts'
import type { HttpMessage, HttpMessageConsumer, HttpMessageEnd } from '../protocol/http/http-message.ts'
import { DecodedBody, type DecodedBodyOutput } from './decoded-body.ts'
import type { UnpackBudget } from './unpack-budget.ts'

const MAXIMUM_HELD_BYTES = 64 * 1024 * 1024
const GATHER_BYTES = 64 * 1024
const NEW_LINE = Buffer.from('\r\n')
const NOTHING = Buffer.alloc(0)

/** A connection on which something was said. */
interface Decoding {
  readonly framing: HttpFraming
  readonly bodies: [DecodedBody | undefined, DecodedBody | undefined]
  /** How far each direction was handed on, as the consumer counts it. */
  readonly offsets: [number, number]
}

/**
 * Passes HTTP heads as sent, and bodies without chunk framing and decompressed; everything that is not HTTP passes as it is.
 * What could not be decoded says so in the stream, `[gzip body is damaged]`.
 *
 * The consumer behind it gets each delivery whole where it can (head and body of one packet in one call). Offsets are those of
 * what is handed on; late data has no such offset and keeps the one that it had in what was sent. A direction's bytes may be
 * delivered later than they came (an incomplete start line, a brotli body), at the latest before onGap and onClose.
 */
export class DecodeBodies implements StreamConsumer, HttpMessageConsumer, DecodedBodyOutput {
  readonly #consumer: StreamConsumer
  readonly #memory: HeldMemory
  readonly #budget: UnpackBudget
  /** Indexed by the connection's slot. */
  readonly #decodings: (Decoding | undefined)[]
  /** The buffer of the current onData, which stays as it is during the call. */
  #lent: Buffer
  /** What the call delivers: one slice of the lent buffer, or, once there is more to it, gathered bytes. */
  #sliceStart: number
  #sliceEnd: number
  readonly #gathered: Buffer
  #gatheredEnd: number
  #connection: Connection | undefined
  #decoding: Decoding | undefined
  #direction: Direction
  #time: Timestamp | undefined

  constructor(consumer: StreamConsumer, budget: UnpackBudget) {
    this.#budget = budget
    this.#consumer = consumer
    this.#memory = new HeldMemory(MAXIMUM_HELD_BYTES)
    this.#decodings = []
    this.#lent = NOTHING
    this.#sliceStart = 0
    this.#sliceEnd = 0
    this.#gathered = Buffer.allocUnsafeSlow(GATHER_BYTES)
    this.#gatheredEnd = 0
    this.#connection = undefined
    this.#decoding = undefined
    this.#direction = 0
    this.#time = undefined
  }

  onOpen(c: Connection, t: Timestamp): void {
    this.#consumer.onOpen(c, t)
  }

  onData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const decoding = this.#decodings[c.slot] ?? this.#begin(c, d, offset)
    this.#lent = buf
    decoding.framing.onData(d, buf, start, end, t)
    this.#deliver()
    this.#lent = NOTHING
  }

  onGap(c: Connection, d: Direction, offset: number, missing: number, cause: GapCause, t: Timestamp): void {
    const before = this.#decodings[c.slot]
    before?.framing.onGap(d, missing, cause, t)
    this.#deliver()
    const { offsets } = before ?? this.#begin(c, d, offset)
    this.#consumer.onGap(c, d, offsets[d], missing, cause, t)
    offsets[d] += missing
  }

  onLateData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#consumer.onLateData(c, d, offset, buf, start, end, t)
  }

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    this.#decodings[c.slot]?.framing.onClose(why, t)
    this.#decodings[c.slot] = undefined
    this.#deliver()
    this.#consumer.onClose(c, why, t)
  }

  #begin(c: Connection, d: Direction, offset: number): Decoding {
    const decoding: Decoding = {
      framing: new HttpFraming(c, this, this.#memory),
      bodies: [undefined, undefined],
      offsets: [0, 0],
    }
    decoding.offsets[d] = offset
    while (this.#decodings.length <= c.slot) this.#decodings.push(undefined)
    this.#decodings[c.slot] = decoding
    return decoding
  }

  // --- what the HTTP framer tells ---

  onOther(c: Connection, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#turnTo(c, d, t)
    this.#put(buf, start, end)
  }

  onHeadBytes(c: Connection, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#turnTo(c, d, t)
    this.#put(buf, start, end)
  }

  onHead(c: Connection, d: Direction, m: HttpMessage): void {
    this.#decodings[c.slot]!.bodies[d] =
      m.framing === 'none' ? undefined : new DecodedBody(m, this, this.#memory, true, this.#budget)
  }

  onBody(c: Connection, d: Direction, _m: HttpMessage, buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#turnTo(c, d, t)
    this.#decodings[c.slot]!.bodies[d]!.push(buf, start, end)
  }

  onBodyGap(c: Connection, d: Direction, _m: HttpMessage, _missing: number, _cause: GapCause, t: Timestamp): void {
    this.#turnTo(c, d, t)
    this.#decodings[c.slot]!.bodies[d]!.gap()
  }

  onTrailers(
    c: Connection,
    d: Direction,
    _m: HttpMessage,
    buf: Buffer,
    start: number,
    end: number,
    t: Timestamp,
  ): void {
    this.#turnTo(c, d, t)
    this.#endBody(c, d, 'complete')
    this.#put(NEW_LINE, 0, NEW_LINE.length)
    this.#put(buf, start, end)
  }

  onEnd(c: Connection, d: Direction, _m: HttpMessage, how: HttpMessageEnd, t: Timestamp): void {
    this.#turnTo(c, d, t)
    this.#endBody(c, d, how)
  }

  #endBody(c: Connection, d: Direction, how: HttpMessageEnd): void {
    const { bodies } = this.#decodings[c.slot]!
    bodies[d]?.end(how)
    bodies[d] = undefined
  }

  // --- what the body's decoder gives ---

  bodyData(buf: Buffer, start: number, end: number): void {
    this.#put(buf, start, end)
  }

  bodyRemark(reason: string): void {
    const remark = Buffer.from(`[${reason}]`, 'latin1')
    this.#put(remark, 0, remark.length)
  }

  // --- gathering what one call delivers ---

  /** Sets which direction the next bytes belong to: the framer may tell of both directions within one call. */
  #turnTo(c: Connection, d: Direction, t: Timestamp): void {
    if (this.#connection !== c || this.#direction !== d) this.#deliver()
    this.#connection = c
    this.#decoding = this.#decodings[c.slot]
    this.#direction = d
    this.#time = t
  }

  #put(buf: Buffer, start: number, end: number): void {
    if (buf === this.#lent) {
      if (this.#sliceEnd === start && this.#sliceEnd > this.#sliceStart) {
        this.#sliceEnd = end
        return
      }
      if (this.#sliceEnd === this.#sliceStart && this.#gatheredEnd === 0) {
        this.#sliceStart = start
        this.#sliceEnd = end
        return
      }
    }
    const { length } = this.#gathered
    if (this.#sliceEnd > this.#sliceStart) {
      if (this.#sliceEnd - this.#sliceStart > length) this.#deliver()
      else this.#gather(this.#lent, this.#sliceStart, this.#sliceEnd)
      this.#sliceEnd = this.#sliceStart
    }
    for (let at = start; at < end; at += length) this.#gather(buf, at, Math.min(end, at + length))
  }

  /** Appends at most GATHER_BYTES. */
  #gather(buf: Buffer, start: number, end: number): void {
    if (this.#gatheredEnd + end - start > GATHER_BYTES) this.#deliver()
    buf.copy(this.#gathered, this.#gatheredEnd, start, end)
    this.#gatheredEnd += end - start
  }

  /** Hands on the slice, or the gathered bytes: there are never both. */
  #deliver(): void {
    const start = this.#sliceStart
    const end = this.#sliceEnd
    const gatheredEnd = this.#gatheredEnd
    this.#sliceEnd = start
    this.#gatheredEnd = 0
    if (end > start) this.#handOn(this.#lent, start, end)
    else if (gatheredEnd > 0) this.#handOn(this.#gathered, 0, gatheredEnd)
  }

  #handOn(buf: Buffer, start: number, end: number): void {
    const d = this.#direction
    const { offsets } = this.#decoding!
    this.#consumer.onData(this.#connection!, d, offsets[d], buf, start, end, this.#time!)
    offsets[d] += end - start
  }
}
