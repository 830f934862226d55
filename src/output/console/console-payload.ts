// How the console shows payload: as text, text in colour, raw bytes, or hex. The console sink decides where blocks
// begin and end; these write what is in them.

import type { Arena } from '../../core/arena.ts'
import type { Direction } from '../../core/connection.ts'
import type { ConsolePlan } from '../../plan.ts'
import { payloadColor, RESET } from '../terminal/color.ts'
import { KERNEL_SLACK, loadSanitizeKernel, type SanitizeKernel, Sanitizer } from '../terminal/sanitize.ts'
import type { OutputStream } from '../writing/output-stream.ts'
import { HexDump } from './hex.ts'

/** Most input for one call of the sanitising kernel. */
const PLAIN_PIECE_BYTES = 65536
/** In colour, text can become 9.5 times as long (lines of one byte); it must still fit the gathering buffer. */
const PAINTED_PIECE_BYTES = 8192
const PAINTED_GROWTH = 10

/** Writes the payload of many flows. `flow` is a small number; its state is kept between blocks. */
export interface ConsolePayload {
  write(flow: number, d: Direction, buf: Buffer, start: number, end: number): void
  /** Whether some bytes of the flow wait for more, because a character is incomplete. */
  hasPending(flow: number): boolean
  /** Shows the waiting bytes as they are. The flow's block must be open. */
  finishFlow(flow: number, d: Direction): void
  /**
   * Called before something else is written into the block, and at its end: completes a hex line, switches colour off.
   */
  interrupt(d: Direction): void
  /** The next payload is the first of a block. */
  beginBlock(): void
}

export function consolePayload(plan: ConsolePlan, stream: OutputStream, arena: Arena): ConsolePayload {
  switch (plan.format) {
    case 'binary':
      return plan.color ? new PaintedBinary(stream) : new Binary(stream)
    case 'hex':
      return new HexPayload(stream, plan.color)
    case 'text': {
      const kernel = loadSanitizeKernel(arena)
      const sanitizer = new Sanitizer(arena, kernel, plan)
      return plan.color ? new PaintedText(stream, sanitizer, kernel, arena) : new PlainText(stream, sanitizer)
    }
  }
}

/** One number for each flow, 0 until it is set; grows. */
class PendingTable {
  table = new Int32Array(256)

  ensure(flow: number): void {
    if (flow < this.table.length) return
    const larger = new Int32Array(Math.max(flow + 1, this.table.length * 2))
    larger.set(this.table)
    this.table = larger
  }
}

class PlainText implements ConsolePayload {
  readonly #stream: OutputStream
  readonly #sanitizer: Sanitizer
  readonly #pending = new PendingTable()

  constructor(stream: OutputStream, sanitizer: Sanitizer) {
    this.#stream = stream
    this.#sanitizer = sanitizer
  }

  write(flow: number, _d: Direction, buf: Buffer, start: number, end: number): void {
    this.#pending.ensure(flow)
    const stream = this.#stream
    for (let from = start; from < end; from += PLAIN_PIECE_BYTES) {
      const to = end - from > PLAIN_PIECE_BYTES ? from + PLAIN_PIECE_BYTES : end
      const position = stream.reserve(Sanitizer.bound(to - from))
      stream.commit(this.#sanitizer.sanitize(this.#pending.table, flow, buf, from, to, stream.buffer, position))
    }
  }

  hasPending(flow: number): boolean {
    return flow < this.#pending.table.length && this.#pending.table[flow] !== 0
  }

  finishFlow(flow: number): void {
    const position = this.#stream.reserve(Sanitizer.bound(0))
    this.#stream.commit(this.#sanitizer.finish(this.#pending.table, flow, this.#stream.buffer, position))
  }

  interrupt(): void {}

  beginBlock(): void {}
}

class PaintedText implements ConsolePayload {
  readonly #stream: OutputStream
  readonly #sanitizer: Sanitizer
  readonly #kernel: SanitizeKernel
  readonly #pending = new PendingTable()
  /** Sanitised text before it is coloured. */
  readonly #stage: Buffer
  readonly #colorAddress: [number, number]
  readonly #colorLength: [number, number]
  #on = 0

  constructor(stream: OutputStream, sanitizer: Sanitizer, kernel: SanitizeKernel, arena: Arena) {
    this.#stream = stream
    this.#sanitizer = sanitizer
    this.#kernel = kernel
    this.#stage = arena.allocate(PAINTED_PIECE_BYTES + 2 * KERNEL_SLACK)
    const address = (d: Direction): number => {
      const place = arena.allocate(16)
      payloadColor(d).copy(place)
      return place.byteOffset
    }
    this.#colorAddress = [address(0), address(1)]
    this.#colorLength = [payloadColor(0).length, payloadColor(1).length]
  }

  write(flow: number, d: Direction, buf: Buffer, start: number, end: number): void {
    this.#pending.ensure(flow)
    for (let from = start; from < end; from += PAINTED_PIECE_BYTES) {
      const to = end - from > PAINTED_PIECE_BYTES ? from + PAINTED_PIECE_BYTES : end
      this.#paint(this.#sanitizer.sanitize(this.#pending.table, flow, buf, from, to, this.#stage, 0), d)
    }
  }

  hasPending(flow: number): boolean {
    return flow < this.#pending.table.length && this.#pending.table[flow] !== 0
  }

  finishFlow(flow: number, d: Direction): void {
    this.#paint(this.#sanitizer.finish(this.#pending.table, flow, this.#stage, 0), d)
  }

  interrupt(): void {
    if (this.#on !== 0) this.#stream.write(RESET, 0, RESET.length)
    this.#on = 0
  }

  beginBlock(): void {}

  #paint(length: number, d: Direction): void {
    if (length === 0) return
    const stream = this.#stream
    const position = stream.reserve(length * PAINTED_GROWTH + KERNEL_SLACK)
    const source = this.#stage.byteOffset
    const base = stream.buffer.byteOffset
    const end = this.#kernel.paint(
      source,
      source + length,
      base + position,
      this.#colorAddress[d],
      this.#colorLength[d],
      this.#on,
    )
    this.#on = this.#kernel.on.value
    stream.commit(end - base)
  }
}

class Binary implements ConsolePayload {
  protected readonly stream: OutputStream

  constructor(stream: OutputStream) {
    this.stream = stream
  }

  write(_flow: number, _d: Direction, buf: Buffer, start: number, end: number): void {
    this.stream.write(buf, start, end)
  }

  hasPending(): boolean {
    return false
  }

  finishFlow(): void {}

  interrupt(): void {}

  beginBlock(): void {}
}

/** The bytes as they are, but each block in the colour of its side. */
class PaintedBinary extends Binary {
  #on = false

  override write(_flow: number, d: Direction, buf: Buffer, start: number, end: number): void {
    const color = payloadColor(d)
    if (!this.#on) this.stream.write(color, 0, color.length)
    this.#on = true
    this.stream.write(buf, start, end)
  }

  override interrupt(): void {
    if (this.#on) this.stream.write(RESET, 0, RESET.length)
    this.#on = false
  }
}

class HexPayload implements ConsolePayload {
  readonly #dump: HexDump

  constructor(stream: OutputStream, color: boolean) {
    this.#dump = new HexDump(stream, color)
  }

  write(_flow: number, d: Direction, buf: Buffer, start: number, end: number): void {
    this.#dump.write(d, buf, start, end)
  }

  hasPending(): boolean {
    return false
  }

  finishFlow(): void {}

  interrupt(d: Direction): void {
    this.#dump.endLine(d)
  }

  beginBlock(): void {
    this.#dump.restart()
  }
}
