// Finds HTTP bodies in streams (-e http, -a), makes them readable and hands them on one by one.

import type { BodyConsumer } from '../core/body-consumer.ts'
import type { CloseReason, Connection, Direction, GapCause } from '../core/connection.ts'
import type { StreamConsumer } from '../core/consumers.ts'
import type { Timestamp } from '../core/timestamp.ts'
import { HeldMemory } from '../protocol/held-bytes.ts'
import { HttpFraming } from '../protocol/http/http-framing.ts'
import type { HttpMessage, HttpMessageConsumer, HttpMessageEnd } from '../protocol/http/http-message.ts'
import { DecodedBody, type DecodedBodyOutput } from './decoded-body.ts'
import type { UnpackBudget } from './unpack-budget.ts'

const MAXIMUM_HELD_BYTES = 64 * 1024 * 1024
/** How many holes of one body are remembered; late bytes for older holes are lost. */
const MAXIMUM_HOLES = 64

/** A hole: missing bytes of a body that is given out as it was sent. */
interface Hole {
  /** Offset in the stream. */
  readonly offset: number
  readonly length: number
  /** Position in the body. */
  readonly position: number
}

/** The bodies of one direction, one after the other, on their way to the consumer. */
class BodyLane implements DecodedBodyOutput {
  readonly #consumer: BodyConsumer
  readonly #connection: Connection
  readonly #direction: Direction
  readonly #memory: HeldMemory
  readonly #budget: UnpackBudget
  readonly #decompress: boolean
  #body: DecodedBody | undefined
  #started: boolean
  #message: HttpMessage | undefined
  #time: Timestamp | undefined
  /** Length of the body as it is given out, holes included. */
  #position: number
  #holes: Hole[]
  #filledBytes: number

  constructor(
    c: Connection,
    d: Direction,
    consumer: BodyConsumer,
    memory: HeldMemory,
    decompress: boolean,
    budget: UnpackBudget,
  ) {
    this.#consumer = consumer
    this.#budget = budget
    this.#connection = c
    this.#direction = d
    this.#memory = memory
    this.#decompress = decompress
    this.#body = undefined
    this.#started = false
    this.#message = undefined
    this.#time = undefined
    this.#position = 0
    this.#holes = []
    this.#filledBytes = 0
  }

  begin(m: HttpMessage): void {
    this.#message = m
    this.#started = false
    this.#position = 0
    this.#holes = []
    this.#filledBytes = 0
    this.#body =
      m.framing === 'none' ? undefined : new DecodedBody(m, this, this.#memory, this.#decompress, this.#budget)
  }

  push(buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#time = t
    this.#body?.push(buf, start, end)
  }

  /** A body that is stored as it was sent gets a hole; a compressed one ends here. */
  gap(missing: number, t: Timestamp): void {
    this.#time = t
    this.#body?.gap()
    if (this.#decompress && this.#message!.codings.length > 0) return
    this.#start()
    this.#consumer.onBodyGap(this.#connection, this.#direction, missing, t)
    const { offset } = this.#connection.streams[this.#direction]
    if (this.#holes.length >= MAXIMUM_HOLES) this.#holes.shift()
    this.#holes.push({ offset, length: missing, position: this.#position })
    this.#position += missing
  }

  /** Late bytes of the stream at `offset`. They fill holes of the body that has not ended yet. */
  late(offset: number, buf: Buffer, start: number, end: number): void {
    if (this.#message === undefined) return
    for (const hole of this.#holes) {
      const from = Math.max(offset, hole.offset)
      const to = Math.min(offset + end - start, hole.offset + hole.length)
      if (from >= to) continue
      this.#filledBytes += to - from
      const position = hole.position + from - hole.offset
      const first = start + from - offset
      this.#consumer.onBodyLateData(this.#connection, this.#direction, position, buf, first, first + to - from)
    }
  }

  end(how: HttpMessageEnd, t: Timestamp): void {
    this.#time = t
    this.#body?.end(how)
    const missing = this.#message!.missingBodyBytes - this.#filledBytes
    const whole = how === 'complete' && missing === 0 && this.#body?.failed !== true
    this.#body = undefined
    this.#message = undefined
    if (this.#started) this.#consumer.onBodyEnd(this.#connection, this.#direction, whole, t)
  }

  bodyData(buf: Buffer, start: number, end: number): void {
    this.#start()
    this.#consumer.onBodyData(this.#connection, this.#direction, buf, start, end, this.#time!)
    this.#position += end - start
  }

  bodyRemark(_reason: string): void {
    // a file holds what was sent and no remarks; `onBodyEnd` says that it is not whole
  }

  #start(): void {
    if (this.#started) return
    this.#started = true
    this.#consumer.onBodyStart(this.#connection, this.#direction, this.#message!.contentType, this.#time!)
  }
}

interface Lanes {
  readonly framing: HttpFraming
  readonly lanes: [BodyLane, BodyLane]
}

/** Give it stream events; `consumer` gets the bodies of both directions. `decompress` false (-Z): only de-chunked. */
export class HttpBodies implements StreamConsumer, HttpMessageConsumer {
  readonly #consumer: BodyConsumer
  readonly #decompress: boolean
  readonly #memory: HeldMemory
  readonly #budget: UnpackBudget
  /** Indexed by the connection's slot. */
  readonly #lanes: (Lanes | undefined)[]

  constructor(consumer: BodyConsumer, decompress: boolean, budget: UnpackBudget) {
    this.#budget = budget
    this.#consumer = consumer
    this.#decompress = decompress
    this.#memory = new HeldMemory(MAXIMUM_HELD_BYTES)
    this.#lanes = []
  }

  onOpen(_c: Connection, _t: Timestamp): void {
    // nothing to do before the first byte
  }

  onData(c: Connection, d: Direction, _offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const lanes = this.#lanes[c.slot] ?? this.#begin(c)
    lanes.framing.onData(d, buf, start, end, t)
  }

  onGap(c: Connection, d: Direction, _offset: number, missing: number, cause: GapCause, t: Timestamp): void {
    this.#lanes[c.slot]?.framing.onGap(d, missing, cause, t)
  }

  onLateData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number): void {
    this.#lanes[c.slot]?.lanes[d].late(offset, buf, start, end)
  }

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    this.#lanes[c.slot]?.framing.onClose(why, t)
    this.#lanes[c.slot] = undefined
  }

  #begin(c: Connection): Lanes {
    const lane = (d: Direction) => new BodyLane(c, d, this.#consumer, this.#memory, this.#decompress, this.#budget)
    const lanes: Lanes = { framing: new HttpFraming(c, this, this.#memory), lanes: [lane(0), lane(1)] }
    while (this.#lanes.length <= c.slot) this.#lanes.push(undefined)
    this.#lanes[c.slot] = lanes
    return lanes
  }

  onOther(_c: Connection, _d: Direction, _buf: Buffer, _start: number, _end: number, _t: Timestamp): void {
    // no body
  }

  onHeadBytes(_c: Connection, _d: Direction, _buf: Buffer, _start: number, _end: number, _t: Timestamp): void {
    // no body
  }

  onHead(c: Connection, d: Direction, m: HttpMessage): void {
    this.#lanes[c.slot]!.lanes[d].begin(m)
  }

  onBody(c: Connection, d: Direction, _m: HttpMessage, buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#lanes[c.slot]!.lanes[d].push(buf, start, end, t)
  }

  onBodyGap(c: Connection, d: Direction, _m: HttpMessage, missing: number, _cause: GapCause, t: Timestamp): void {
    this.#lanes[c.slot]!.lanes[d].gap(missing, t)
  }

  onTrailers(): void {
    // no body
  }

  onEnd(c: Connection, d: Direction, _m: HttpMessage, how: HttpMessageEnd, t: Timestamp): void {
    this.#lanes[c.slot]!.lanes[d].end(how, t)
  }
}
