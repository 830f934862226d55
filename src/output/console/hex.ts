// Hex dump in tcpflow's layout (-D): offset, 32 bytes in pairs, and the same bytes as ASCII.

import type { Direction } from '../../core/connection.ts'
import { payloadColor, RESET } from '../terminal/color.ts'
import type { OutputStream } from '../writing/output-stream.ts'

const BYTES_PER_LINE = 32
/** Width of the hex column: two digits a byte, a space after each second one, and one more. */
const HEX_WIDTH = BYTES_PER_LINE * 2 + BYTES_PER_LINE / 2 + 1
/** Colour, offset of up to 14 digits, colon and space, hex, ASCII, colour reset, line end. */
const LINE_BOUND = 16 + 16 + HEX_WIDTH + BYTES_PER_LINE + RESET.length + 1

const DIGITS = Buffer.from('0123456789abcdef')
const SPACE = 32
const COLON = 58
/** What is shown for each byte in the ASCII column. */
const ASCII = Buffer.from(Array.from({ length: 256 }, (_, byte) => (byte >= 32 && byte < 127 ? byte : 46)))
const LF = 10

/** Writes a line as soon as it is full; the last line of a block is shorter. */
export class HexDump {
  readonly #stream: OutputStream
  readonly #color: boolean
  readonly #line = Buffer.alloc(BYTES_PER_LINE)
  #filled = 0
  /** Of the line's first byte within the block. */
  #offset = 0

  constructor(stream: OutputStream, color: boolean) {
    this.#stream = stream
    this.#color = color
  }

  /** The next offset is 0 again. */
  restart(): void {
    this.#filled = 0
    this.#offset = 0
  }

  write(d: Direction, buf: Buffer, start: number, end: number): void {
    let from = start
    while (from < end) {
      if (this.#filled === 0 && end - from >= BYTES_PER_LINE) {
        this.#putLine(d, buf, from, BYTES_PER_LINE)
        from += BYTES_PER_LINE
        continue
      }
      this.#line[this.#filled++] = buf[from++]!
      if (this.#filled === BYTES_PER_LINE) this.endLine(d)
    }
  }

  endLine(d: Direction): void {
    if (this.#filled > 0) this.#putLine(d, this.#line, 0, this.#filled)
    this.#filled = 0
  }

  #putLine(d: Direction, buf: Buffer, start: number, count: number): void {
    const out = this.#stream.buffer
    let at = this.#stream.reserve(LINE_BOUND)
    if (this.#color) at += payloadColor(d).copy(out, at)
    at = this.#putOffset(out, at)
    const hexStart = at
    const end = start + count
    let from = start
    for (; from + 1 < end; from += 2) {
      const first = buf[from]!
      const second = buf[from + 1]!
      out[at] = DIGITS[first >> 4]!
      out[at + 1] = DIGITS[first & 15]!
      out[at + 2] = DIGITS[second >> 4]!
      out[at + 3] = DIGITS[second & 15]!
      out[at + 4] = SPACE
      at += 5
    }
    if (from < end) {
      out[at++] = DIGITS[buf[from]! >> 4]!
      out[at++] = DIGITS[buf[from]! & 15]!
    }
    out[at++] = SPACE
    // the last line keeps to the columns of the full lines above it; a line alone stays short, as in tcpflow
    if (this.#offset > 0) while (at < hexStart + HEX_WIDTH) out[at++] = SPACE
    for (from = start; from < end; from++) out[at++] = ASCII[buf[from]!]!
    if (this.#color) at += RESET.copy(out, at)
    out[at++] = LF
    this.#stream.commit(at)
    this.#offset += count
  }

  #putOffset(out: Buffer, position: number): number {
    let offset = this.#offset
    let digits = 4
    for (let rest = Math.floor(offset / 0x10000); rest > 0; rest = Math.floor(rest / 16)) digits++
    for (let i = digits - 1; i >= 0; i--) {
      out[position + i] = DIGITS[offset & 15]!
      offset = offset < 0x1_0000_0000 ? offset >>> 4 : Math.floor(offset / 16)
    }
    out[position + digits] = COLON
    out[position + digits + 1] = SPACE
    return position + digits + 2
  }
}
