// What was said on one connection, given to TlsStreams in whatever pieces.

import { Connection, type Direction, Stream } from '../../../src/core/connection.ts'
import type { StreamConsumer } from '../../../src/core/consumers.ts'
import { Endpoint } from '../../../src/core/endpoint.ts'
import { epochMicros, Timestamp } from '../../../src/core/timestamp.ts'
import type { TlsEvent, TlsHandshake } from '../../../src/core/tls-handshake.ts'
import { TlsStreams } from '../../../src/protocol/tls/tls-streams.ts'

export interface Said {
  readonly direction: Direction
  readonly bytes: Buffer
  readonly micros?: number
}

export interface ReadTls {
  readonly events: TlsEvent[]
  /** The first handshake; undefined: none was seen. */
  readonly handshake: TlsHandshake | undefined
  /** Kept after the connection has closed: must be 0. */
  readonly heldBytes: number
}

/** `missing`: a hole of so many bytes before the piece with that number. */
export interface ReadOptions {
  readonly openerKnown?: boolean
  readonly holes?: ReadonlyMap<number, number>
  readonly onEvent?: (handshake: TlsHandshake, event: TlsEvent, micros: number) => void
}

export function client(bytes: Buffer | string): Said {
  return { direction: 0, bytes: typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes }
}

export function server(bytes: Buffer | string): Said {
  return { direction: 1, bytes: typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes }
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex')
}

export function readTls(said: readonly Said[], options: ReadOptions = {}): ReadTls {
  const events: TlsEvent[] = []
  const seen: TlsHandshake[] = []
  const tls = new TlsStreams({
    onTls(handshake, event, time) {
      events.push(event)
      options.onEvent?.(handshake, event, epochMicros(time))
      if (!seen.includes(handshake)) seen.push(handshake)
    },
  })
  const streams: StreamConsumer = tls
  const end = (last: number, port: number) => new Endpoint(4, 0, 0, 0, 0x0a000000 | last, port)
  const connection = new Connection(end(1, 40000), end(2, 443), new Stream(), new Stream())
  connection.openerKnown = options.openerKnown ?? true
  const t = new Timestamp(1_700_000_000, 0)
  streams.onOpen(connection, t)
  const offsets = [0, 0]
  said.forEach(({ direction, bytes, micros }, index) => {
    const at = micros ?? (1_700_000_000 + index / 1000) * 1e6
    t.seconds = Math.floor(at / 1e6)
    t.nanos = Math.round(at % 1e6) * 1000
    const missing = options.holes?.get(index) ?? 0
    if (missing > 0) streams.onGap(connection, direction, offsets[direction]!, missing, 'capture', t)
    offsets[direction]! += missing
    if (bytes.length > 0) {
      // lent: what stands around it, and in it afterwards, means nothing
      const lent = Buffer.concat([Buffer.from('##'), bytes, Buffer.from('##')])
      streams.onData(connection, direction, offsets[direction]!, lent, 2, 2 + bytes.length, t)
      lent.fill('#')
    }
    offsets[direction]! += bytes.length
  })
  streams.onClose(connection, 'finished', t)
  return { events, handshake: seen[0], heldBytes: tls.heldBytes }
}

/** The same words in pieces of at most `size` bytes, at the same times. */
export function split(said: readonly Said[], size: () => number): Said[] {
  const pieces: Said[] = []
  said.forEach(({ direction, bytes, micros }, index) => {
    const at = micros ?? (1_700_000_000 + index / 1000) * 1e6
    for (let pos = 0; pos < bytes.length; ) {
      const stop = pos + size()
      pieces.push({ direction, bytes: bytes.subarray(pos, stop), micros: at })
      pos = stop
    }
  })
  return pieces
}

/** All that is known, as plain data to compare. */
export function plainFacts(read: ReadTls): unknown {
  const { handshake: h, events } = read
  if (h === undefined) return { events }
  const side = (s: TlsHandshake['client']) => ({ ...s, certificates: s.certificates.map((c) => c.subject) })
  const { connection: _, ...rest } = h
  return { events, ...rest, client: side(h.client), server: side(h.server) }
}
