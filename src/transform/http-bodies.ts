// Finds the bodies that HTTP carries in streams (-e http, -a) and hands them on one by one, readable.

import type { BodyConsumer } from '../core/body-consumer.ts'
import type { CloseReason, Connection, Direction, GapCause } from '../core/connection.ts'
import type { StreamConsumer } from '../core/consumers.ts'
import type { Timestamp } from '../core/timestamp.ts'
import { HeldMemory } from '../protocol/held-bytes.ts'
import { HttpFraming } from '../protocol/http-framing.ts'
import type { HttpMessage, HttpMessageConsumer, HttpMessageEnd } from '../protocol/http-message.ts'
import { DecodedBody, type DecodedBodyOutput } from './decoded-body.ts'

const MAXIMUM_HELD_BYTES = 64 * 1024 * 1024

/** The bodies of one direction, one after the other, on their way to the consumer. */
class BodyLane implements DecodedBodyOutput {
  readonly #consumer: BodyConsumer
  readonly #connection: Connection
  readonly #direction: Direction
  readonly #memory: HeldMemory
  readonly #decompress: boolean
  #body: DecodedBody | undefined
  #started: boolean
  #message: HttpMessage | undefined
  #time: Timestamp | undefined

  constructor(c: Connection, d: Direction, consumer: BodyConsumer, memory: HeldMemory, decompress: boolean) {
    this.#consumer = consumer
    this.#connection = c
    this.#direction = d
    this.#memory = memory
    this.#decompress = decompress
    this.#body = undefined
    this.#started = false
    this.#message = undefined
    this.#time = undefined
  }

  begin(m: HttpMessage): void {
    this.#message = m
    this.#started = false
    this.#body = m.framing === 'none' ? undefined : new DecodedBody(m, this, this.#memory, this.#decompress)
  }

  push(buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#time = t
    this.#body?.push(buf, start, end)
  }

  /** A hole where the body is stored as it was sent; a compressed one ends there. */
  gap(missing: number, t: Timestamp): void {
    this.#time = t
    this.#body?.gap()
    if (this.#decompress && this.#message!.codings.length > 0) return
    this.#start()
    this.#consumer.onBodyGap(this.#connection, this.#direction, missing, t)
  }

  end(how: HttpMessageEnd, t: Timestamp): void {
    this.#time = t
    this.#body?.end(how)
    const whole = how === 'complete' && this.#message!.missingBodyBytes === 0 && this.#body?.failed !== true
    this.#body = undefined
    this.#message = undefined
    if (this.#started) this.#consumer.onBodyEnd(this.#connection, this.#direction, whole, t)
  }

  bodyData(buf: Buffer, start: number, end: number): void {
    this.#start()
    this.#consumer.onBodyData(this.#connection, this.#direction, buf, start, end, this.#time!)
  }

  bodyRemark(_reason: string): void {
    // a file holds what was sent and no remarks; that it is not whole is told at its end
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
  /** By slot. */
  readonly #lanes: (Lanes | undefined)[]

  constructor(consumer: BodyConsumer, decompress: boolean) {
    this.#consumer = consumer
    this.#decompress = decompress
    this.#memory = new HeldMemory(MAXIMUM_HELD_BYTES)
    this.#lanes = []
  }

  onOpen(_c: Connection, _t: Timestamp): void {
    // nothing to do before the first byte
  }

  onData(c: Connection, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const lanes = this.#lanes[c.slot] ?? this.#begin(c)
    lanes.framing.onData(d, buf, start, end, t)
  }

  onGap(c: Connection, d: Direction, missing: number, cause: GapCause, t: Timestamp): void {
    this.#lanes[c.slot]?.framing.onGap(d, missing, cause, t)
  }

  onLateData(_c: Connection, _d: Direction, _offset: number, _buf: Buffer, _start: number, _end: number): void {
    // comes after the body has gone on: its hole stays
  }

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    this.#lanes[c.slot]?.framing.onClose(why, t)
    this.#lanes[c.slot] = undefined
  }

  #begin(c: Connection): Lanes {
    const lane = (d: Direction) => new BodyLane(c, d, this.#consumer, this.#memory, this.#decompress)
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
