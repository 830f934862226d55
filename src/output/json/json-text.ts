// Strings and times as JSON text.

import { Arena } from '../../core/arena.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import { KERNEL_SLACK, loadSanitizeKernel, type SanitizeKernel, unfinishedBytes } from '../terminal/sanitize.ts'
import { escapeHidden } from '../terminal/sanitize-text.ts'
import type { OutputStream } from '../writing/output-stream.ts'

/** Last second of the year 9999: a damaged capture may claim any number, and JSON has no use for it. */
const LATEST_SECONDS = 253_402_300_799

/** Most input of one call of the kernel, and how much longer escapes can make it. */
const PIECE_BYTES = 8192
const GROWTH = 6

/** A string literal that no terminal acts on. */
export function jsonString(text: string): string {
  return escapeHidden(JSON.stringify(text))
}

/** The same for payload, without making strings of it. */
export class JsonText {
  readonly #kernel: SanitizeKernel
  readonly #constants: number
  readonly #input: Buffer
  readonly #output: Buffer

  constructor() {
    const arena = new Arena((GROWTH + 2) * PIECE_BYTES)
    this.#kernel = loadSanitizeKernel(arena)
    const constants = arena.allocate(this.#kernel.constantBytes.value)
    this.#constants = constants.byteOffset
    this.#kernel.putConstants(this.#constants)
    this.#input = arena.allocate(PIECE_BYTES + KERNEL_SLACK)
    this.#output = arena.allocate(GROWTH * PIECE_BYTES + KERNEL_SLACK)
  }

  /** Writes `buf[start..end)`, which must be valid UTF-8, as the inside of a string literal. */
  write(stream: OutputStream, buf: Buffer, start: number, end: number): void {
    for (let from = start; from < end; ) {
      let to = Math.min(end, from + PIECE_BYTES)
      if (to < end) to -= unfinishedBytes(buf, from, to)
      buf.copy(this.#input, 0, from, to)
      const source = this.#input.byteOffset
      const target = this.#output.byteOffset
      const written = this.#kernel.json(source, source + to - from, target, this.#constants) - target
      stream.write(this.#output, 0, written)
      from = to
    }
  }
}

export class JsonTime {
  #seconds = Number.NaN
  #second = ''
  #epoch = ''

  /** `"time":"2026-01-31T12:00:00.123456Z","epoch":1769860800.123456`. */
  fields(t: Timestamp): string {
    if (t.seconds !== this.#seconds) {
      const seconds = Math.min(Math.max(t.seconds, 0), LATEST_SECONDS)
      this.#seconds = t.seconds
      this.#second = new Date(seconds * 1000).toISOString().slice(0, 19)
      this.#epoch = String(seconds)
    }
    const micros = String(Math.floor(t.nanos / 1000)).padStart(6, '0')
    return `"time":"${this.#second}.${micros}Z","epoch":${this.#epoch}.${micros}`
  }
}
