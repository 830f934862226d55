// Stands behind or before a stream adapter in tests: writes down what it delivers, and feeds it.

import { type CloseReason, Connection, type Direction, type GapCause, Stream } from '../../src/core/connection.ts'
import type { StreamConsumer } from '../../src/core/consumers.ts'
import { Endpoint } from '../../src/core/endpoint.ts'
import { Timestamp } from '../../src/core/timestamp.ts'

export function connection(slot = 0): Connection {
  const c = new Connection(
    new Endpoint(4, 0, 0, 0, 0x0a000001, 40000 + slot),
    new Endpoint(4, 0, 0, 0, 0x0a000002, 80),
    new Stream(),
    new Stream(),
  )
  c.slot = slot
  return c
}

export class StreamRecorder implements StreamConsumer {
  /** All of it in order: `> text`, `< text`, `gap 3 <`, `open`, `close`. */
  readonly events: string[] = []
  readonly buffers: Buffer[] = []
  readonly #offsets: [number, number] = [0, 0]
  onOpen(): void {
    this.#offsets.fill(0)
    this.events.push('open')
  }
  onData(_c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number): void {
    this.#take(d, offset, end - start)
    if (end <= start) throw new Error('empty delivery')
    this.events.push(`${d === 0 ? '>' : '<'} ${buf.toString('latin1', start, end)}`)
    this.buffers.push(buf)
  }
  onGap(_c: Connection, d: Direction, offset: number, missing: number): void {
    this.#take(d, offset, missing)
    this.events.push(`gap ${missing} ${d === 0 ? '>' : '<'}`)
  }
  onLateData(_c: Connection, _d: Direction, offset: number): void {
    this.events.push(`late at ${offset}`)
  }
  onClose(): void {
    this.events.push('close')
  }
  /** Deliveries are contiguous, also those of a layer that changes the bytes. */
  #take(d: Direction, offset: number, length: number): void {
    if (offset !== this.#offsets[d]) throw new Error(`at ${offset}, due ${this.#offsets[d]}`)
    this.#offsets[d] += length
  }
  /** All bytes to the client or server, gaps left out. */
  bytes(arrow: '>' | '<'): string {
    return this.events
      .filter((event) => event.startsWith(`${arrow} `))
      .map((event) => event.slice(2))
      .join('')
  }
}

/** Feeds one connection. */
export class Feeder {
  readonly c: Connection
  readonly #consumer: StreamConsumer
  readonly #time = new Timestamp(1, 0)

  constructor(consumer: StreamConsumer, slot = 0) {
    this.c = connection(slot)
    this.#consumer = consumer
    consumer.onOpen(this.c, this.#time)
  }

  /** `pieceBytes`: cut into pieces of so many. The buffers are overwritten after each call, as lent ones may be. */
  data(arrow: '>' | '<', bytes: Buffer | string, pieceBytes = Number.POSITIVE_INFINITY): this {
    const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
    const d: Direction = arrow === '>' ? 0 : 1
    for (let at = 0; at < all.length; at += pieceBytes) {
      const piece = all.subarray(at, at + pieceBytes)
      const lent = Buffer.concat([Buffer.from('##'), piece, Buffer.from('##')])
      this.#consumer.onData(this.c, d, this.c.streams[d].offset, lent, 2, 2 + piece.length, this.#time)
      lent.fill(0x58)
      this.c.streams[d].offset += piece.length
    }
    return this
  }

  gap(arrow: '>' | '<', missing: number, cause: GapCause = 'capture'): this {
    const d: Direction = arrow === '>' ? 0 : 1
    this.#consumer.onGap(this.c, d, this.c.streams[d].offset, missing, cause, this.#time)
    this.c.streams[d].offset += missing
    return this
  }

  close(why: CloseReason = 'finished'): void {
    if (why === 'finished') for (const stream of this.c.streams) stream.sawFin = true
    this.#consumer.onClose(this.c, why, this.#time)
  }
}

/** `bytes` as chunks of `size`. */
export function chunked(bytes: Buffer, size: number, trailers = ''): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size)
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from(`0\r\n${trailers}\r\n`)])
}
