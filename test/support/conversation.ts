// A conversation language for the flow table: `client.syn(); server.synAck(); client.ack(); client.send('GET /')`. Each
// line makes a Segment by hand and gives it to a FlowTable; a recorder that checks the StreamConsumer contract keeps what
// comes out.

import assert from 'node:assert/strict'
import type { CloseReason, Connection, Direction, GapCause, WentOnAfter } from '../../src/core/connection.ts'
import type { StreamConsumer } from '../../src/core/consumers.ts'
import { Packet } from '../../src/core/packet.ts'
import { Segment, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '../../src/core/segment.ts'
import { compareTime, Timestamp } from '../../src/core/timestamp.ts'
import { FlowTable } from '../../src/flow/flow-table.ts'
import type { FlowTableOptions } from '../../src/flow/options.ts'
import { smallFlowTableOptions } from './small-flow-table.ts'

/** What a recorder keeps of one direction. */
export interface RecordedStream {
  /** Delivered bytes, without gaps. */
  readonly chunks: Buffer[]
  readonly gaps: { offset: number; length: number; cause: GapCause }[]
  readonly late: { offset: number; bytes: Buffer }[]
  offset: number
  time: Timestamp
}

/** What a recorder keeps of a connection. `connection` is the table's object: read it before the slot is used again. */
export interface RecordedConnection {
  readonly id: number
  readonly connection: Connection
  readonly occurrence: number
  readonly resumed: boolean
  readonly names: readonly [string, string]
  readonly streams: readonly [RecordedStream, RecordedStream]
  closed: CloseReason | undefined
}

/** A StreamConsumer that asserts what the interface promises, and remembers everything. */
export class RecordingConsumer implements StreamConsumer {
  readonly connections: RecordedConnection[] = []
  /** What happened, as text: `open`, `> GET`, `< OK`, `< [3 missing: capture]`, `< late 5 abc`, `close reset`. */
  readonly log: string[] = []
  /** False for tests whose packets have senseless timestamps. */
  timesGoForward = true
  readonly #open = new Map<Connection, RecordedConnection>()
  readonly #slots = new Map<number, Connection>()
  #lastDataOf = ''

  onOpen(c: Connection, t: Timestamp): void {
    assert.ok(!this.#open.has(c), 'onOpen once')
    assert.ok(!this.#slots.has(c.slot), 'slot is unique among open connections')
    assert.ok(c.streams[0].packets + c.streams[1].packets === 1, 'onOpen at the first packet')
    assert.equal(compareTime(c.openTime, t), 0)
    const stream = (d: Direction): RecordedStream => ({
      chunks: [],
      gaps: [],
      late: [],
      offset: c.streams[d].offset,
      time: new Timestamp(),
    })
    const recorded: RecordedConnection = {
      id: c.id,
      connection: c,
      occurrence: c.occurrence,
      resumed: c.resumed,
      names: [c.endpoints[0].toString(), c.endpoints[1].toString()],
      streams: [stream(0), stream(1)],
      closed: undefined,
    }
    const previous = this.connections.at(-1)
    assert.ok(previous === undefined || previous.id < c.id, 'ids grow')
    this.#open.set(c, recorded)
    this.#slots.set(c.slot, c)
    this.connections.push(recorded)
    this.#say(c.resumed ? 'resumed' : c.occurrence > 0 ? `open c${c.occurrence}` : 'open')
  }

  onData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const stream = this.#streamOf(c, d)
    assert.ok(start >= 0 && start < end && end <= buf.length, 'never empty, within the buffer')
    assert.equal(offset, stream.offset, 'deliveries are contiguous')
    assert.ok(
      compareTime(t, stream.time) >= 0 || t.seconds !== stream.time.seconds,
      'time of a direction does not go back',
    )
    stream.time = t.clone()
    stream.chunks.push(Buffer.from(buf.subarray(start, end)))
    stream.offset += end - start
    const direction = d === 0 ? '>' : '<'
    const text = buf.toString('latin1', start, end)
    if (this.#lastDataOf === `${c.id}${direction}`) this.log[this.log.length - 1] += text
    else this.#say(`${direction} ${text}`)
    this.#lastDataOf = `${c.id}${direction}`
  }

  onGap(c: Connection, d: Direction, offset: number, missing: number, cause: GapCause): void {
    const stream = this.#streamOf(c, d)
    assert.ok(missing > 0 && Number.isInteger(missing), 'a gap has a size')
    assert.equal(offset, stream.offset, 'deliveries are contiguous')
    stream.gaps.push({ offset: stream.offset, length: missing, cause })
    stream.offset += missing
    this.#say(`${d === 0 ? '>' : '<'} [${missing} missing: ${cause}]`)
  }

  onLateData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number): void {
    const stream = this.#streamOf(c, d)
    assert.ok(start >= 0 && start < end && end <= buf.length)
    const inGap = stream.gaps.some((gap) => offset < gap.offset + gap.length && gap.offset < offset + end - start)
    assert.ok(inGap && offset + end - start <= stream.offset, 'late data lies in a gap')
    stream.late.push({ offset, bytes: Buffer.from(buf.subarray(start, end)) })
    this.#say(`${d === 0 ? '>' : '<'} late ${offset} ${buf.toString('latin1', start, end)}`)
  }

  onWentOn(c: Connection, d: Direction, after: WentOnAfter): void {
    this.#streamOf(c, d)
    this.#say(`went on after ${after} of ${d}`)
  }

  onClose(c: Connection, why: CloseReason): void {
    this.#streamOf(c, 0)
    this.#streamOf(c, 1)
    const recorded = this.#open.get(c)!
    recorded.closed = why
    this.#open.delete(c)
    this.#slots.delete(c.slot)
    this.#say(`close ${why}`)
  }

  get openCount(): number {
    return this.#open.size
  }

  /** Delivered bytes of one direction of the connection that was opened as number `which`. */
  bytes(d: Direction, which = 0): Buffer {
    return Buffer.concat(this.connections[which]!.streams[d].chunks)
  }

  text(d: Direction, which = 0): string {
    return this.bytes(d, which).toString('latin1')
  }

  #streamOf(c: Connection, d: Direction): RecordedStream {
    const recorded = this.#open.get(c)
    assert.ok(recorded !== undefined, 'only between onOpen and onClose')
    assert.equal(c.id, recorded.id)
    assert.equal(c.occurrence, recorded.occurrence)
    assert.deepEqual([c.endpoints[0].toString(), c.endpoints[1].toString()], recorded.names)
    const stream = recorded.streams[d]
    assert.equal(c.streams[d].offset, stream.offset, 'deliveries are contiguous')
    return stream
  }

  #say(line: string): void {
    this.log.push(line)
    this.#lastDataOf = ''
  }
}

export interface SegmentFields {
  /** Stream offset of the payload, instead of where the side has got to (0: the byte behind the SYN). */
  at?: number
  sequence?: number
  ack?: number
  flags?: number
  missing?: number
  ipId?: number
  interfaceId?: number
  vlanId?: number
}

/** One side of the conversation. Sequence numbers move as in a TCP that has no losses; fields override them. */
export class Side {
  readonly port: number
  /** Last byte of 10.0.0.x. */
  readonly address: number
  initialSequence: number
  /** Stream offset of the next byte to send. */
  next = 0
  #finished = 0
  readonly #talk: Conversation
  readonly #peer: () => Side

  constructor(talk: Conversation, peer: () => Side, address: number, port: number, initialSequence: number) {
    this.#talk = talk
    this.#peer = peer
    this.address = address
    this.port = port
    this.initialSequence = initialSequence
  }

  /** Sequence number of the byte at stream offset `offset`. */
  sequenceAt(offset: number): number {
    return (this.initialSequence + 1 + offset) | 0
  }

  get #due(): number {
    return this.sequenceAt(this.next + this.#finished)
  }

  syn(payload = '', fields: SegmentFields = {}): void {
    this.#talk.segment(this, TCP_SYN, this.initialSequence, 0, payload, fields)
    this.next += payload.length
  }

  synAck(fields: SegmentFields = {}): void {
    this.#talk.segment(this, TCP_SYN | TCP_ACK, this.initialSequence, this.#peer().#due, '', fields)
  }

  /** An ACK of all that the other side has sent; `upTo`: only of what lies before that offset of its stream. */
  ack(upTo?: number, fields: SegmentFields = {}): void {
    const peer = this.#peer()
    this.#talk.segment(this, TCP_ACK, this.#due, upTo === undefined ? peer.#due : peer.sequenceAt(upTo), '', fields)
  }

  /** Payload where the side has got to, or again (or early) at `at`. */
  send(payload: string | Buffer, fields: SegmentFields = {}): void {
    const at = fields.at ?? this.next
    this.#talk.segment(this, TCP_ACK | TCP_PSH, this.sequenceAt(at), this.#peer().#due, payload, fields)
    this.next = Math.max(this.next, at + payload.length + (fields.missing ?? 0))
  }

  /** The side sends so many bytes, but the capture does not see them. */
  lose(bytes: number): void {
    this.next += bytes
  }

  fin(payload = '', fields: SegmentFields = {}): void {
    const at = fields.at ?? this.next
    this.#talk.segment(this, TCP_FIN | TCP_ACK, this.sequenceAt(at), this.#peer().#due, payload, fields)
    this.next = Math.max(this.next, at + payload.length)
    this.#finished = 1
  }

  /** The RST of an abort; with `fields.ack`, of a refusal. */
  rst(fields: SegmentFields = {}): void {
    const flags = fields.ack === undefined ? TCP_RST : TCP_RST | TCP_ACK
    this.#talk.segment(this, flags, this.#due, this.#peer().#due, '', fields)
  }

  /** Begins anew, with another initial sequence number, for another connection on the same ports. */
  renew(initialSequence: number): void {
    this.initialSequence = initialSequence
    this.next = 0
    this.#finished = 0
  }
}

export interface ConversationSetup extends Partial<FlowTableOptions> {
  clientPort?: number
  serverPort?: number
  clientInitialSequence?: number
  serverInitialSequence?: number
  /** Used in place of the recorder. */
  consumer?: StreamConsumer
}

/** Two sides, a table and a recorder. Time goes on by 1 ms with every segment. */
export class Conversation {
  readonly recorder = new RecordingConsumer()
  readonly table: FlowTable
  readonly client: Side
  readonly server: Side
  readonly time = new Timestamp(1_700_000_000, 0)
  readonly packet = new Packet()
  /** Set for the segments to come. */
  place = 0
  readonly #segment = new Segment()

  constructor(setup: ConversationSetup = {}) {
    this.table = new FlowTable(setup.consumer ?? this.recorder, { ...smallFlowTableOptions, ...setup })
    const { clientPort = 40000, serverPort = 80 } = setup
    this.client = new Side(this, () => this.server, 1, clientPort, setup.clientInitialSequence ?? 1000)
    this.server = new Side(this, () => this.client, 2, serverPort, setup.serverInitialSequence ?? 5_000_000)
  }

  get log(): string[] {
    return this.recorder.log
  }

  /** A handshake. */
  open(): this {
    this.client.syn()
    this.server.synAck()
    this.client.ack()
    return this
  }

  /** Capture time goes on with nothing being said but the clock's ticks, 200 ms apart as in a live capture. */
  wait(millis: number): void {
    for (let left = millis; left > 0; left -= 200) {
      this.#elapse(Math.min(200, left))
      this.table.advance(this.time)
    }
  }

  /** Capture time jumps without a tick. */
  skip(millis: number): void {
    this.#elapse(millis)
  }

  end(reason: CloseReason = 'capture-ended'): void {
    this.table.closeAll(reason, this.time)
  }

  #elapse(millis: number): void {
    const nanos = this.time.nanos + millis * 1e6
    this.time.seconds += Math.floor(nanos / 1e9)
    this.time.nanos = ((nanos % 1e9) + 1e9) % 1e9
  }

  /** Gives the table a segment of `side`. */
  segment(
    side: Side,
    flags: number,
    sequence: number,
    acknowledgement: number,
    payload: string | Buffer,
    fields: SegmentFields,
  ): void {
    const peer = side === this.client ? this.server : this.client
    const s = this.#segment
    this.#elapse(1)
    s.time.set(this.time)
    s.place = this.place
    s.interfaceId = fields.interfaceId ?? 0
    s.vlanId = fields.vlanId ?? -1
    s.sourceMacHigh = s.sourceMacLow = side.address
    s.destinationMacHigh = s.destinationMacLow = peer.address
    s.sourceWord3 = 0x0a000000 | side.address
    s.destinationWord3 = 0x0a000000 | peer.address
    s.sourcePort = side.port
    s.destinationPort = peer.port
    s.ipId = fields.ipId ?? 0
    s.flags = fields.flags ?? flags
    s.sequence = (fields.sequence ?? sequence) | 0
    s.acknowledgement = (s.flags & TCP_ACK) !== 0 ? (fields.ack ?? acknowledgement) | 0 : 0
    s.window = 65535
    // The payload is lent for the call only: bytes around it, and the payload afterwards, are filled with junk.
    const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(payload, 'latin1')
    const lent = Buffer.concat([Buffer.from('##'), bytes, Buffer.from('##')])
    s.buf = lent
    s.payloadStart = 2
    s.payloadEnd = 2 + bytes.length
    s.missingBytes = fields.missing ?? 0
    this.packet.time.set(this.time)
    this.table.onSegment(s, this.packet)
    lent.fill('#')
  }
}
