// The console (-c): what each side said, in order and once, in blocks under the name of the flow that speaks.

import type { Arena } from '../../core/arena.ts'
import type { CloseReason, Connection, Direction, GapCause } from '../../core/connection.ts'
import type { ClockConsumer, DatagramConsumer, Sink, StreamConsumer } from '../../core/consumers.ts'
import type { Packet } from '../../core/packet.ts'
import type { Names } from '../../core/ports.ts'
import type { Datagram } from '../../core/segment.ts'
import { elapsedMicros, Timestamp } from '../../core/timestamp.ts'
import type { ConsolePlan } from '../../plan.ts'
import { summaryLine } from '../messages/connection-summary.ts'
import { nameColor, REMARK, RESET } from '../terminal/color.ts'
import { sanitizeLine } from '../terminal/sanitize-text.ts'
import { TIME_PREFIX_BYTES, TimePrefix } from '../writing/console-time.ts'
import type { OutputStream } from '../writing/output-stream.ts'
import { DatagramHeaders } from './console-datagrams.ts'
import { type ConsolePayload, consolePayload } from './console-payload.ts'
import { FlowHeaders } from './flow-headers.ts'

/** A flow that is silent for this long in capture time has ended its block. */
const BLOCK_PAUSE_MICROS = 200_000
const MAXIMUM_NAME_CHARACTERS = 512
const NO_FLOW = -1
const NEITHER = Buffer.alloc(0)
const MAXIMUM_PUT_NAME_BYTES = 64
const COLON = 58
const SPACE = 32
/** Flow numbers: 0 for whatever datagram is being shown, then two for each slot of the connection table. */
const DATAGRAM_FLOW = 0
const FIRST_STREAM_FLOW = 2
const NEWLINE = 10

export type PutName = (c: Connection, d: Direction, into: Buffer, at: number) => number

export interface ConsoleSinkParts {
  readonly plan: ConsolePlan
  /** Holds the stream's buffer, the kernel's tables and, for speed, the captured bytes. */
  readonly arena: Arena
  /** Its buffer must be allocated from `arena` and be at least 128 KiB. */
  readonly stream: OutputStream
  /** Asked once for each flow, and again when `names` has changed. */
  readonly nameOf: (c: Connection, d: Direction) => string
  /**
   * A faster way for most names: puts at most 64 bytes of printable ASCII into `into` from `at` on and returns the end.
   * Or it returns -1, and nameOf is asked; that is so where an end of the flow has a name.
   */
  readonly putName?: PutName
  /** Asked for the flow of each datagram; tcpflow's form if absent. */
  readonly nameOfDatagram?: (g: Datagram) => string
  /** A line for each connection when it closes. */
  readonly summary: boolean
  /** The names of hosts that `nameOf` and `nameOfDatagram` use, if any. */
  readonly names?: Names | undefined
}

/**
 * Deliveries of one flow are one block as long as nothing else comes between them and there is no pause of 200 ms of
 * capture time. A block is the header, the payload, and a newline. An incomplete character is shown with the flow's
 * next block; when the block ends by a pause, at a gap or at the close, it is shown as dots.
 */
export class ConsoleSink implements StreamConsumer, DatagramConsumer, ClockConsumer, Sink {
  readonly #plan: ConsolePlan
  readonly #stream: OutputStream
  readonly #payload: ConsolePayload
  readonly #nameOf: (c: Connection, d: Direction) => string
  readonly #putName: PutName | undefined
  /** No colour and no hex: only the name and `: `. */
  readonly #plainHeaders: boolean
  readonly #datagramHeaders: DatagramHeaders
  readonly #summary: boolean
  readonly #names: Names | undefined
  readonly #showGaps: boolean
  readonly #limited: boolean
  readonly #time = new TimePrefix()
  readonly #headers = new FlowHeaders()
  /** The stream's gathering buffer. */
  readonly #out: DataView
  /** Payload bytes of each flow that were shown; counted only if there is a limit. */
  readonly #shown: number[] = []
  /** The flow whose block is open, and its direction. */
  #flow = NO_FLOW
  #direction: Direction = 0
  readonly #lastTime = new Timestamp()
  #kernelDrops = 0
  /** Bytes that came after their gap had been shown already. */
  lateBytes = 0

  constructor(parts: ConsoleSinkParts) {
    this.#plan = parts.plan
    this.#stream = parts.stream
    const { buffer } = parts.stream
    this.#out = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
    this.#payload = consolePayload(parts.plan, parts.stream, parts.arena)
    this.#nameOf = parts.nameOf
    this.#putName = parts.putName
    this.#plainHeaders = !parts.plan.color && parts.plan.format !== 'hex'
    this.#datagramHeaders = new DatagramHeaders((name) => Buffer.from(this.#header(name, 0)), parts.nameOfDatagram)
    this.#summary = parts.summary
    this.#names = parts.names
    this.#showGaps = parts.plan.gaps === 'mark' || (parts.plan.gaps === 'hole' && parts.plan.format !== 'binary')
    this.#limited = parts.plan.maximumBytes < Number.POSITIVE_INFINITY
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
    this.#endBlock(true)
    return this.#stream.finish()
  }

  /** The kernel has dropped so many more packets, so gaps may be the fault of the capture. */
  noteKernelDrops(packets: number): void {
    this.#kernelDrops += packets
  }

  onClock(t: Timestamp): void {
    if (this.#flow !== NO_FLOW && this.#paused(t)) this.#endBlock(true)
  }

  onOpen(c: Connection): void {
    this.#forget(c)
  }

  onData(c: Connection, d: Direction, _offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const flow = flowOf(c, d)
    let to = end
    if (this.#limited) {
      const left = this.#plan.maximumBytes - (this.#shown[flow] ?? 0)
      if (left <= 0) return
      if (to - start > left) to = start + left
      this.#shown[flow] = (this.#shown[flow] ?? 0) + to - start
    }
    if (flow !== this.#flow || this.#paused(t)) this.#enter(c, d, flow, t)
    this.#lastTime.seconds = t.seconds
    this.#lastTime.nanos = t.nanos
    this.#payload.write(flow, d, buf, start, to)
    if (to < end) this.#payload.finishFlow(flow, d)
  }

  onGap(c: Connection, d: Direction, _offset: number, missing: number, cause: GapCause, t: Timestamp): void {
    const flow = flowOf(c, d)
    if (this.#limited && (this.#shown[flow] ?? 0) >= this.#plan.maximumBytes) return
    if (!this.#showGaps && !this.#payload.hasPending(flow)) return
    if (flow !== this.#flow || this.#paused(t)) this.#enter(c, d, flow, t)
    this.#lastTime.set(t)
    this.#payload.finishFlow(flow, d)
    if (this.#showGaps) this.#remark(this.#gapText(missing, cause))
  }

  onLateData(_c: Connection, _d: Direction, _offset: number, _buf: Buffer, start: number, end: number): void {
    this.lateBytes += end - start
  }

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    for (const d of [0, 1] as const) {
      const flow = flowOf(c, d)
      if (!this.#payload.hasPending(flow)) continue
      if (flow !== this.#flow) this.#enter(c, d, flow, t)
      this.#payload.finishFlow(flow, d)
    }
    if (this.#isOf(c) || this.#summary) this.#endBlock(true)
    if (this.#summary) this.#putSummary(summaryLine(c, why, this.#names))
    this.#forget(c)
  }

  /** Each datagram is a block of its own, and `maximumBytes` holds for each. */
  onDatagram(g: Datagram, _packet: Packet): void {
    if (this.#flow !== NO_FLOW) this.#endBlock(this.#paused(g.time))
    // the lower port is taken for the server's: the best guess from a single datagram
    const d = g.sourcePort < g.destinationPort ? 1 : 0
    this.#flow = DATAGRAM_FLOW
    this.#direction = d
    this.#lastTime.set(g.time)
    const header = this.#plan.names ? this.#datagramHeaders.of(g, this.#names?.version ?? 0) : NEITHER
    const position = this.#putTime(header.length, g.time)
    this.#stream.commit(position + header.copy(this.#stream.buffer, position))
    this.#payload.beginBlock()
    const to = Math.min(g.payloadEnd, g.payloadStart + this.#plan.maximumBytes)
    if (to > g.payloadStart) this.#payload.write(DATAGRAM_FLOW, d, g.buf, g.payloadStart, to)
    if (g.missingBytes > 0 && this.#showGaps) {
      this.#payload.finishFlow(DATAGRAM_FLOW, d)
      this.#remark(this.#gapText(g.missingBytes, 'snaplen'))
    }
    this.#endBlock(true)
  }

  /** Something else is about to be printed to the same stream: the open block, if any, ends its line. */
  makeWay(): void {
    this.#endBlock(false)
  }

  #paused(t: Timestamp): boolean {
    return elapsedMicros(this.#lastTime, t) >= BLOCK_PAUSE_MICROS
  }

  /** Ends the open block and begins a block of this flow. */
  #enter(c: Connection, d: Direction, flow: number, t: Timestamp): void {
    if (this.#flow !== NO_FLOW) this.#endBlock(this.#paused(t))
    this.#flow = flow
    this.#direction = d
    this.#lastTime.set(t)
    if (this.#plan.names) {
      if (this.#names !== undefined) this.#headers.version = this.#names.version
      if (this.#headers.lengthOf(flow) === 0) this.#makeHeader(c, d, flow)
      const position = this.#putTime(this.#headers.lengthOf(flow) + 3, t)
      this.#stream.commit(this.#headers.put(flow, this.#out, position))
    } else if (this.#plan.timestamps) {
      this.#stream.commit(this.#putTime(0, t))
    }
    this.#payload.beginBlock()
  }

  /** `complete`: nothing more of the flow follows soon, so incomplete characters are shown now. */
  #endBlock(complete: boolean): void {
    if (this.#flow === NO_FLOW) return
    if (complete) this.#payload.finishFlow(this.#flow, this.#direction)
    this.#payload.interrupt(this.#direction)
    if (this.#plan.newline) {
      const position = this.#stream.reserve(1)
      this.#stream.buffer[position] = NEWLINE
      this.#stream.commit(position + 1)
    }
    this.#flow = NO_FLOW
  }

  /** Makes room for the time and `bytes` more, writes the time if it is wanted, and returns the position after it. */
  #putTime(bytes: number, t: Timestamp): number {
    const position = this.#stream.reserve(TIME_PREFIX_BYTES + bytes)
    return this.#plan.timestamps ? this.#time.put(t, this.#stream.buffer, position) : position
  }

  #makeHeader(c: Connection, d: Direction, flow: number): void {
    if (this.#putName !== undefined && this.#plainHeaders && !this.#isNamed(c)) {
      const room = this.#headers.room(flow, MAXIMUM_PUT_NAME_BYTES + 2)
      const end = this.#putName(c, d, room, 0)
      if (end >= 0) {
        room[end] = COLON
        room[end + 1] = SPACE
        this.#headers.setLength(flow, end + 2)
        return
      }
    }
    this.#headers.set(flow, this.#header(this.#nameOf(c, d), c.id))
  }

  #isNamed(c: Connection): boolean {
    const [client, server] = c.endpoints
    const names = this.#names
    return names?.hostOf(c.place, client) !== undefined || names?.hostOf(c.place, server) !== undefined
  }

  #header(name: string, connectionId: number): string {
    const text = sanitizeLine(name.slice(0, MAXIMUM_NAME_CHARACTERS))
    const end = this.#plan.format === 'hex' ? ': \n' : ': '
    return this.#plan.color ? `${nameColor(connectionId)}${text}${RESET}${end}` : `${text}${end}`
  }

  /** A message of our own within the stream; in hex on a line by itself. */
  #remark(text: string): void {
    this.#payload.interrupt(this.#direction)
    const styled = this.#plan.color ? `${REMARK}${text}${RESET}` : text
    this.#stream.writeText(this.#plan.format === 'hex' ? `${styled}\n` : styled)
  }

  #gapText(missing: number, cause: GapCause): string {
    const text = `[${missing} ${missing === 1 ? 'byte' : 'bytes'} missing]`
    if (cause === 'snaplen') return `${text} [cut off by the snapshot length]`
    if (cause !== 'capture') return text
    if (this.#kernelDrops === 0) return `${text} [not captured]`
    return `${text} [not captured: the kernel has dropped ${this.#kernelDrops} ${this.#kernelDrops === 1 ? 'packet' : 'packets'}]`
  }

  #putSummary(line: string): void {
    // without -0 each block has ended its line
    const text = this.#plan.newline ? `${line}\n` : `\n${line}\n`
    this.#stream.writeText(text)
  }

  #isOf(c: Connection): boolean {
    return this.#flow === flowOf(c, 0) || this.#flow === flowOf(c, 1)
  }

  #forget(c: Connection): void {
    const flow = flowOf(c, 0)
    this.#headers.forget(flow)
    this.#headers.forget(flow + 1)
    if (!this.#limited) return
    this.#shown[flow] = 0
    this.#shown[flow + 1] = 0
  }
}

function flowOf(c: Connection, d: Direction): number {
  return c.slot * 2 + d + FIRST_STREAM_FLOW
}
