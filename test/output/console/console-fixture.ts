// Connections, times and a place for output, for the tests of what is shown.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Arena } from '../../../src/core/arena.ts'
import { type CloseReason, Connection, type Direction, type GapCause, Stream } from '../../../src/core/connection.ts'
import type { ConnectionConsumer, StreamConsumer } from '../../../src/core/consumers.ts'
import { Endpoint } from '../../../src/core/endpoint.ts'
import { Packet } from '../../../src/core/packet.ts'
import { Datagram } from '../../../src/core/segment.ts'
import { Timestamp } from '../../../src/core/timestamp.ts'
import { ConsoleSink, type ConsoleSinkParts } from '../../../src/output/console/console-sink.ts'
import { OutputStream } from '../../../src/output/writing/output-stream.ts'
import type { ConsolePlan } from '../../../src/plan.ts'

/** 2026-01-31 12:00:00 UTC, plus so many milliseconds. */
export function at(millis: number): Timestamp {
  const seconds = Math.floor(millis / 1000)
  return new Timestamp(1_769_860_800 + seconds, Math.round((millis - seconds * 1000) * 1e6))
}

/** `192.0.2.ID` port 40000 + ID talking to 198.51.100.1 port 80. */
export function connectionOf(id: number, slot = id - 1): Connection {
  const client = new Endpoint(4, 0, 0, 0, (0xc0000200 + id) | 0, 40000 + id)
  const server = new Endpoint(4, 0, 0, 0, 0xc6336401 | 0, 80)
  return ready(new Connection(client, server, new Stream(), new Stream()), id, slot)
}

/** The same over IPv6. */
export function connectionOf6(id: number, slot = id - 1): Connection {
  const client = new Endpoint(6, 0x20010db8, 0, 0, id, 40000 + id)
  const server = new Endpoint(6, 0x20010db8, 0, 0, 0xffff, 443)
  return ready(new Connection(client, server, new Stream(), new Stream()), id, slot)
}

function ready(c: Connection, id: number, slot: number): Connection {
  c.id = id
  c.slot = slot
  c.openerKnown = true
  return c
}

/** Tells a consumer a story, keeping the connection's counters as the flow table would. */
export class Story {
  readonly #to: ConnectionConsumer & Partial<StreamConsumer>
  #now = at(0)

  constructor(to: ConnectionConsumer & Partial<StreamConsumer>) {
    this.#to = to
  }

  /** The time of what is told next, in milliseconds. */
  at(millis: number): this {
    this.#now = at(millis)
    return this
  }

  open(...connections: Connection[]): this {
    for (const c of connections) {
      c.openTime.set(this.#now)
      c.lastPacketTime.set(this.#now)
      this.#to.onOpen(c, this.#now)
    }
    return this
  }

  data(c: Connection, d: Direction, payload: string | Buffer): this {
    const bytes = Buffer.from(payload as string)
    const stream = c.streams[d]
    this.#packet(c, d)
    this.#to.onData?.(c, d, stream.offset, bytes, 0, bytes.length, this.#now)
    stream.offset += bytes.length
    stream.bytes += bytes.length
    c.lastDataTime.set(this.#now)
    return this
  }

  gap(c: Connection, d: Direction, missing: number, cause: GapCause = 'network'): this {
    const stream = c.streams[d]
    this.#to.onGap?.(c, d, stream.offset, missing, cause, this.#now)
    stream.offset += missing
    stream.missingBytes += missing
    stream.gaps++
    return this
  }

  late(c: Connection, d: Direction, offset: number, payload: string): this {
    const bytes = Buffer.from(payload)
    this.#to.onLateData?.(c, d, offset, bytes, 0, bytes.length, this.#now)
    return this
  }

  close(c: Connection, why: CloseReason = 'finished'): this {
    this.#to.onClose(c, why, this.#now)
    return this
  }

  #packet(c: Connection, d: Direction): void {
    const stream = c.streams[d]
    if (stream.packets++ === 0) stream.firstPacketTime.set(this.#now)
    stream.lastPacketTime.set(this.#now)
    c.lastPacketTime.set(this.#now)
  }
}

export function datagramOf(payload: string | Buffer, millis = 0): Datagram {
  const g = new Datagram()
  g.time.set(at(millis))
  g.sourceWord3 = 0xc0000205 | 0
  g.destinationWord3 = 0xc6336401 | 0
  g.sourcePort = 5353
  g.destinationPort = 53
  g.buf = Buffer.from(payload as string)
  g.payloadEnd = g.buf.length
  return g
}

export const noPacket = new Packet()

/** Whatever was written to it, once it is finished. */
export class Written {
  readonly #folder = mkdtempSync(join(tmpdir(), 'written-'))
  readonly fd = openSync(join(this.#folder, 'out'), 'w')

  take(): Buffer {
    closeSync(this.fd)
    const bytes = readFileSync(join(this.#folder, 'out'))
    rmSync(this.#folder, { recursive: true })
    return bytes
  }
}

export const textPlan: ConsolePlan = {
  format: 'text',
  asciiOnly: false,
  names: true,
  newline: true,
  color: false,
  timestamps: false,
  decodeBodies: false,
  maximumBytes: Number.POSITIVE_INFINITY,
  gaps: 'hole',
  nameTemplate: '',
}

/** Everything that a console with this plan shows of a story. */
export async function shown(
  plan: Partial<ConsolePlan>,
  tell: (sink: ConsoleSink, story: Story) => void,
  parts: Partial<ConsoleSinkParts> = {},
): Promise<Buffer> {
  const written = new Written()
  const arena = new Arena(1 << 20)
  const stream = new OutputStream(written.fd, { buffer: arena.allocate(1 << 18) })
  const sink = new ConsoleSink({
    plan: { ...textPlan, ...plan },
    arena,
    stream,
    nameOf: (c, d) => (d === 0 ? `c${c.id}-s` : `s-c${c.id}`),
    summary: false,
    ...parts,
  })
  tell(sink, new Story(sink))
  await sink.finish()
  return written.take()
}
