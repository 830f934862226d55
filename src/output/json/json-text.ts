// Strings and times as JSON text.

import type { Arena } from '../../core/arena.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import { KERNEL_SLACK, loadSanitizeKernel, type SanitizeKernel, unfinishedBytes } from '../terminal/sanitize.ts'
import { escapeHidden } from '../terminal/sanitize-text.ts'
import type { OutputStream } from '../writing/output-stream.ts'
import { Literal, putDigits, putLiteral } from '../writing/put-bytes.ts'

const NOTHING = new Literal('')
/** More than JsonTime.put puts. */
export const TIME_FIELDS_BYTES = 128

/** Last second of the year 9999: a damaged capture may claim any time, and JSON has no use for later ones. */
const LATEST_SECONDS = 253_402_300_799

/** Most input for one call of the kernel, and how much longer escapes can make it. */
const PIECE_BYTES = 8192
const GROWTH = 6

/** A string literal that no terminal acts on. */
export function jsonString(text: string): string {
  return escapeHidden(JSON.stringify(text))
}

/** `2026-01-31T12:00:00.123456Z`. */
export function isoTime(t: Timestamp): string {
  const seconds = Math.min(Math.max(t.seconds, 0), LATEST_SECONDS)
  const micros = String(Math.floor(t.nanos / 1000)).padStart(6, '0')
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${micros}Z`
}

/** The same for payload, without making strings. */
export class JsonText {
  readonly #arena: Arena
  readonly #kernel: SanitizeKernel
  readonly #constants: number
  // For bytes outside the arena.
  readonly #input: Buffer
  readonly #output: Buffer

  constructor(arena: Arena) {
    this.#arena = arena
    this.#kernel = loadSanitizeKernel(arena)
    const constants = arena.allocate(this.#kernel.constantBytes.value)
    this.#constants = constants.byteOffset
    this.#kernel.putConstants(this.#constants)
    this.#input = arena.allocate(PIECE_BYTES + KERNEL_SLACK)
    this.#output = arena.allocate(GROWTH * PIECE_BYTES + KERNEL_SLACK)
  }

  /** Writes `buf[start..end)`, which must be valid UTF-8, as the inside of a string literal. No copy within the arena. */
  write(stream: OutputStream, buf: Buffer, start: number, end: number): void {
    const base = this.#arena.addressOf(buf)
    const streamBase = this.#arena.addressOf(stream.buffer)
    for (let from = start; from < end; ) {
      let to = Math.min(end, from + PIECE_BYTES)
      if (to < end) to -= unfinishedBytes(buf, from, to)
      const source = this.#sourceOf(base, buf, from, to)
      if (streamBase < 0) {
        const target = this.#output.byteOffset
        const written = this.#kernel.json(source, source + to - from, target, this.#constants) - target
        stream.write(this.#output, 0, written)
      } else {
        const position = stream.reserve((to - from) * GROWTH + KERNEL_SLACK)
        const target = streamBase + position
        stream.commit(this.#kernel.json(source, source + to - from, target, this.#constants) - streamBase)
      }
      from = to
    }
  }

  /** The kernel reads a little past the end of its input, so there must be memory. */
  #sourceOf(base: number, buf: Buffer, from: number, to: number): number {
    if (base >= 0 && base + to + KERNEL_SLACK <= this.#arena.memory.buffer.byteLength) return base + from
    buf.copy(this.#input, 0, from, to)
    return this.#input.byteOffset
  }
}

export class JsonTime {
  #seconds = Number.NaN
  #second = ''
  #epoch = ''
  #beforeMicros = NOTHING
  #beforeMicrosAgain = NOTHING

  /** `"time":"2026-01-31T12:00:00.123456Z","epoch":1769860800.123456`. */
  fields(t: Timestamp): string {
    this.#setSecond(t.seconds)
    const micros = String(Math.floor(t.nanos / 1000)).padStart(6, '0')
    return `"time":"${this.#second}.${micros}Z","epoch":${this.#epoch}.${micros}`
  }

  /** The same into `out` from `at` on, where TIME_FIELDS_BYTES must be free; returns the position behind. */
  put(t: Timestamp, out: Buffer, at: number): number {
    this.#setSecond(t.seconds)
    const micros = Math.floor(t.nanos / 1000)
    const behindTime = putDigits(micros, 6, out, putLiteral(this.#beforeMicros, out, at))
    return putDigits(micros, 6, out, putLiteral(this.#beforeMicrosAgain, out, behindTime))
  }

  #setSecond(captured: number): void {
    if (captured === this.#seconds) return
    const seconds = Math.min(Math.max(captured, 0), LATEST_SECONDS)
    this.#seconds = captured
    this.#second = new Date(seconds * 1000).toISOString().slice(0, 19)
    this.#epoch = String(seconds)
    this.#beforeMicros = new Literal(`"time":"${this.#second}.`)
    this.#beforeMicrosAgain = new Literal(`Z","epoch":${this.#epoch}.`)
  }
}
