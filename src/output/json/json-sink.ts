// Events as JSON (--json), one object a line. Every line can be read alone and is safe on a terminal: control, invisible
// and bidirectional characters in strings are \u escapes.
//
// Fields of every line:
//   event        open, data, gap, late-data, close or datagram
//   time         of the capture, "2026-01-31T12:00:00.123456Z"; epoch: the same as a number of seconds since 1970
// Of every line but datagram:
//   connection   1, 2, 3 … in the order of their first packets
//   client, server   {"address", "port"}; IPv6 in RFC 5952's form. Where they are known, "name" (of the host: a container's
//                name, or what a capture file calls the address), "container" (its id), "image" and "network" (on which it
//                has the address) stand beside: as they were when the connection began, at most 256 characters each.
//   vlan         id of the innermost VLAN tag; absent without one
// open:          openerKnown (false: who is client and server is a guess), resumed (only when true: the connection was
//                closed for want of room or long silence, and speaks again)
// data, gap, late-data:
//   direction    who sent it: "client" or "server"; flow: the name that a flow's file has
//   offset       in the stream, missing bytes counted; length: how many bytes
//   text or base64   the bytes: text where they are valid UTF-8 and text is wanted, else base64; absent with "none". A
//                character that is cut between two segments comes whole with the later one.
//   cause        (gap) "network": never acknowledged; "capture": the receiver had it, the capture did not; "snaplen": cut
//                off by the snapshot length; "limit": given up to stay within memory
//   late-data    bytes of an earlier gap that came after all
// close:         reason (finished, reset, timeout, evicted, replaced, jump, capture-ended, interface-gone, container-gone), resetBy
//                ("client" or "server", only when reset), duration in seconds, handshake in seconds (absent if unknown),
//                refutedResets, straySyns (RSTs and SYNs after which both sides went on; only if any),
//                sent and received (as the client sees it): {"bytes", "packets", "retransmittedBytes", "gaps",
//                "missingBytes"}
// datagram:      flow, source and destination (as client and server above), vlan, length, missing (bytes cut off; only if any),
//                text or base64

import { isUtf8 } from 'node:buffer'
import type { Arena } from '../../core/arena.ts'
import type { CloseReason, Connection, Direction, GapCause, Stream } from '../../core/connection.ts'
import type { DatagramConsumer, Sink, StreamConsumer } from '../../core/consumers.ts'
import { Endpoint } from '../../core/endpoint.ts'
import type { Packet } from '../../core/packet.ts'
import type { Names } from '../../core/ports.ts'
import { type Datagram, NO_VLAN } from '../../core/segment.ts'
import { elapsedMicros, type Timestamp } from '../../core/timestamp.ts'
import type { JsonPlan } from '../../plan.ts'
import { datagramName } from '../console/console-datagrams.ts'
import { unfinishedBytes } from '../terminal/sanitize.ts'
import type { OutputStream } from '../writing/output-stream.ts'
import { Literal, putLiteral, putNumber } from '../writing/put-bytes.ts'
import { JsonText, JsonTime, jsonString, TIME_FIELDS_BYTES } from './json-text.ts'

const SIDES = ['client', 'server'] as const
const NOTHING = Buffer.alloc(0)
/** In the order in which they are written. */
const HOST_FIELDS = ['name', 'container', 'image', 'network'] as const
const MAXIMUM_HOST_CHARACTERS = 256
const NO_TEXT = new Literal('')
const DATA = new Literal('{"event":"data",')
const LATE_DATA = new Literal('{"event":"late-data",')
const GAP = new Literal('{"event":"gap",')
const TEXT = new Literal(',"text":"')
const TEXT_END = new Literal('"}\n')
/** putLiteral overwrites up to three bytes behind. */
const LITERAL_SLACK = 3
const OFFSET = new Literal(',"offset":')
const LENGTH = new Literal(',"length":')
/** Room for what `begin` writes besides the flow's text, two numbers included. */
const LINE_BYTES = TIME_FIELDS_BYTES + 128

export interface JsonSinkParts {
  /**
   * Payload in the arena is not copied before it is escaped; if the stream's buffer is in the arena too, the result is
   * not copied either.
   */
  readonly arena: Arena
  readonly plan: JsonPlan
  readonly stream: OutputStream
  /** Asked once for each flow. */
  readonly nameOf: (c: Connection, d: Direction) => string
  /** Asked for each datagram; tcpflow's form if absent. */
  readonly nameOfDatagram?: (g: Datagram) => string
  readonly names?: Names | undefined
}

/** Kept only for connections that carry data: a flood consists of the others. */
interface Kept {
  /** The fields that say which connection it is, as JSON text. */
  readonly who: string
  /** `who`, flow and direction, made at a direction's first line. */
  readonly flows: [Literal, Literal]
  /** The beginning of a character that the next delivery may complete (text only). */
  readonly pending: [Buffer, Buffer]
  /** Its offset in the stream. */
  readonly pendingAt: [number, number]
  readonly shown: [number, number]
}

export class JsonSink implements StreamConsumer, DatagramConsumer, Sink {
  readonly #plan: JsonPlan
  readonly #stream: OutputStream
  readonly #nameOf: (c: Connection, d: Direction) => string
  readonly #nameOfDatagram: (g: Datagram) => string
  /** By slot. */
  readonly #kept: (Kept | undefined)[] = []
  readonly #time = new JsonTime()
  readonly #text: JsonText | undefined
  readonly #names: Names | undefined

  constructor(parts: JsonSinkParts) {
    this.#plan = parts.plan
    this.#stream = parts.stream
    this.#nameOf = parts.nameOf
    this.#text = parts.plan.payload === 'text' ? new JsonText(parts.arena) : undefined
    this.#nameOfDatagram = parts.nameOfDatagram ?? datagramName
    this.#names = parts.names
  }

  get blocked(): boolean {
    return this.#stream.blocked
  }

  drain(): Promise<void> {
    return this.#stream.drain()
  }

  flush(): void {
    this.#stream.flush()
  }

  finish(): Promise<void> {
    return this.#stream.finish()
  }

  onOpen(c: Connection, t: Timestamp): void {
    this.#kept[c.slot] = undefined
    const resumed = c.resumed ? ',"resumed":true' : ''
    // Connections of a flood are not kept; if there are names, a connection keeps those that it began with.
    const who = this.#names === undefined ? this.#identity(c) : this.#keep(c).who
    this.#line('open', t, `${who},"openerKnown":${c.openerKnown}${resumed}`)
  }

  onData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const kept = this.#keep(c)
    const to = Math.min(end, start + this.#plan.maximumBytes - kept.shown[d])
    if (to <= start) return
    kept.shown[d] += to - start
    if (this.#plan.payload === 'text') this.#textual(c, d, buf, start, to, offset, t)
    else this.#payload(DATA, c, d, buf, start, to, offset, t)
  }

  onGap(c: Connection, d: Direction, offset: number, missing: number, cause: GapCause, t: Timestamp): void {
    this.#release(c, d, t)
    this.#begin(GAP, t, c, d, offset, missing)
    this.#stream.writeText(`,"cause":"${cause}"}\n`)
  }

  onLateData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (offset + end - start > this.#plan.maximumBytes) return
    this.#payload(LATE_DATA, c, d, buf, start, end, offset, t)
  }

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    this.#release(c, 0, t)
    this.#release(c, 1, t)
    const seconds = (micros: number): string => (Math.max(0, Math.round(micros)) / 1e6).toFixed(6)
    const by = why !== 'reset' ? undefined : c.streams[0].sawReset ? 0 : c.streams[1].sawReset ? 1 : undefined
    this.#line(
      'close',
      t,
      `${this.#kept[c.slot]?.who ?? this.#identity(c)},"reason":"${why}"${by === undefined ? '' : `,"resetBy":"${SIDES[by]}"`}` +
        `,"duration":${seconds(elapsedMicros(c.openTime, c.lastPacketTime))}` +
        `${c.handshakeMicros < 0 ? '' : `,"handshake":${seconds(c.handshakeMicros)}`}` +
        `${c.refutedResets > 0 ? `,"refutedResets":${c.refutedResets}` : ''}` +
        `${c.straySyns > 0 ? `,"straySyns":${c.straySyns}` : ''}` +
        `,"sent":${counters(c.streams[0])},"received":${counters(c.streams[1])}`,
    )
    this.#kept[c.slot] = undefined
  }

  /** `maximumBytes` holds for each datagram. */
  onDatagram(g: Datagram, _packet: Packet): void {
    const end = Math.min(g.payloadEnd, g.payloadStart + this.#plan.maximumBytes)
    const source = new Endpoint(g.family, g.sourceWord0, g.sourceWord1, g.sourceWord2, g.sourceWord3, g.sourcePort)
    const destination = new Endpoint(
      g.family,
      g.destinationWord0,
      g.destinationWord1,
      g.destinationWord2,
      g.destinationWord3,
      g.destinationPort,
    )
    this.#stream.writeText(
      `{"event":"datagram",${this.#time.fields(g.time)},"flow":${jsonString(this.#nameOfDatagram(g))},"source":${this.#endpoint(g.place, source)}` +
        `,"destination":${this.#endpoint(g.place, destination)}${g.vlanId === NO_VLAN ? '' : `,"vlan":${g.vlanId}`}` +
        `,"length":${g.payloadEnd - g.payloadStart}${g.missingBytes > 0 ? `,"missing":${g.missingBytes}` : ''}`,
    )
    this.#endWithBytes(g.buf, g.payloadStart, end)
  }

  #keep(c: Connection): Kept {
    let kept = this.#kept[c.slot]
    if (kept === undefined) {
      kept = {
        who: this.#identity(c),
        flows: [NO_TEXT, NO_TEXT],
        pending: [NOTHING, NOTHING],
        pendingAt: [0, 0],
        shown: [0, 0],
      }
      while (this.#kept.length <= c.slot) this.#kept.push(undefined)
      this.#kept[c.slot] = kept
    }
    return kept
  }

  /** The fields that say which connection it is. */
  #identity(c: Connection): string {
    const [client, server] = c.endpoints
    const vlan = c.vlanId === NO_VLAN ? '' : `,"vlan":${c.vlanId}`
    const ends = `"client":${this.#endpoint(c.place, client)},"server":${this.#endpoint(c.place, server)}`
    return `,"connection":${c.id},${ends}${vlan}`
  }

  #endpoint(place: number, endpoint: Endpoint): string {
    const host = this.#names?.hostOf(place, endpoint)
    let known = ''
    if (host !== undefined) {
      for (const field of HOST_FIELDS) {
        const text = (host[field] ?? '').slice(0, MAXIMUM_HOST_CHARACTERS)
        if (text !== '') known += `,"${field}":${jsonString(text)}`
      }
    }
    return `{"address":"${endpoint.address}","port":${endpoint.port}${known}}`
  }

  #flow(c: Connection, d: Direction): Literal {
    const kept = this.#keep(c)
    if (kept.flows[d] === NO_TEXT) {
      kept.flows[d] = new Literal(`${kept.who},"direction":"${SIDES[d]}","flow":${jsonString(this.#nameOf(c, d))}`)
    }
    return kept.flows[d]
  }

  /**
   * Text if possible: begins with what was left of the last delivery, and keeps an incomplete character at the end of
   * this one.
   */
  #textual(c: Connection, d: Direction, buf: Buffer, start: number, end: number, offset: number, t: Timestamp): void {
    const kept = this.#keep(c)
    const before = kept.pending[d]
    if (before.length > 0) {
      kept.pending[d] = NOTHING
      const joined = Buffer.concat([before, buf.subarray(start, end)])
      this.#textual(c, d, joined, 0, joined.length, offset - before.length, t)
      return
    }
    const cut = end - unfinishedBytes(buf, start, end)
    if (cut < end && isUtf8(buf.subarray(start, cut))) {
      kept.pending[d] = Buffer.from(buf.subarray(cut, end))
      kept.pendingAt[d] = offset + cut - start
      if (cut > start) this.#payload(DATA, c, d, buf, start, cut, offset, t)
      return
    }
    this.#payload(DATA, c, d, buf, start, end, offset, t)
  }

  /** The rest of a character never came. */
  #release(c: Connection, d: Direction, t: Timestamp): void {
    const kept = this.#kept[c.slot]
    if (kept === undefined || kept.pending[d].length === 0) return
    const pending = kept.pending[d]
    kept.pending[d] = NOTHING
    this.#payload(DATA, c, d, pending, 0, pending.length, kept.pendingAt[d], t)
  }

  #payload(
    event: Literal,
    c: Connection,
    d: Direction,
    buf: Buffer,
    start: number,
    end: number,
    offset: number,
    t: Timestamp,
  ): void {
    this.#begin(event, t, c, d, offset, end - start)
    this.#endWithBytes(buf, start, end)
  }

  /** The part that all lines about a direction share. These are the most common lines, so no string is made for it. */
  #begin(event: Literal, t: Timestamp, c: Connection, d: Direction, offset: number, length: number): void {
    const stream = this.#stream
    const flow = this.#flow(c, d)
    const start = stream.reserve(flow.length + LINE_BYTES)
    const out = stream.buffer
    let at = this.#time.put(t, out, putLiteral(event, out, start))
    at = putNumber(offset, out, putLiteral(OFFSET, out, putLiteral(flow, out, at)))
    stream.commit(putNumber(length, out, putLiteral(LENGTH, out, at)))
  }

  #line(event: string, t: Timestamp, fields: string): void {
    this.#stream.writeText(`{"event":"${event}",${this.#time.fields(t)}${fields}}\n`)
  }

  #put(literal: Literal): void {
    const position = this.#stream.reserve(literal.length + LITERAL_SLACK)
    this.#stream.commit(putLiteral(literal, this.#stream.buffer, position))
  }

  #endWithBytes(buf: Buffer, start: number, end: number): void {
    const stream = this.#stream
    if (this.#plan.payload === 'none') {
      stream.writeText('}\n')
    } else if (this.#text !== undefined && isUtf8(buf.subarray(start, end))) {
      this.#put(TEXT)
      this.#text.write(stream, buf, start, end)
      this.#put(TEXT_END)
    } else {
      stream.writeText(`,"base64":"${buf.toString('base64', start, end)}"}\n`)
    }
  }
}

function counters(s: Stream): string {
  return (
    `{"bytes":${s.bytes},"packets":${s.packets},"retransmittedBytes":${s.retransmittedBytes}` +
    `,"gaps":${s.gaps},"missingBytes":${s.missingBytes}}`
  )
}
