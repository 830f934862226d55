// A head that is too long to be kept: read line by line as it comes. Its start line is cut, and of each field line enough is
// kept for those that framing needs, so that a Content-Length behind a megabyte of cookies is still obeyed.

import { HeldBytes, type HeldMemory } from '../held-bytes.ts'
import { Fields, readStartLine } from './http-head.ts'
import type { HttpMessage } from './http-message.ts'

/** Bytes kept of a line, folds included. */
const MAXIMUM_LINE_BYTES = 2048

const LF = 10
const SP = 32
const TAB = 9
const NOTHING = Buffer.alloc(0)

export class LongHead {
  readonly #fields: Fields
  /** The line so far, cut. A field line lasts until the next line is known not to be its fold. */
  readonly #line: HeldBytes
  /** The last byte was a line's end. */
  #atLineStart: boolean
  #inStartLine: boolean
  /** Of the start line, once it is complete. */
  #startLine: Buffer

  constructor(memory: HeldMemory) {
    this.#fields = new Fields()
    this.#line = new HeldBytes(memory)
    this.#atLineStart = false
    this.#inStartLine = true
    this.#startLine = NOTHING
  }

  /** The next bytes of the head, from its first one on. */
  read(buf: Buffer, start: number, end: number): void {
    let pos = start
    while (pos < end) {
      if (this.#atLineStart && buf[pos] !== SP && buf[pos] !== TAB) this.#endOfLine()
      let line = pos
      while (line < end && buf[line] !== LF) line++
      this.#keep(buf, pos, line)
      this.#atLineStart = line < end
      if (this.#atLineStart && this.#inStartLine) this.#endOfStartLine()
      pos = line + 1
    }
  }

  /** The start line is written to `message`, as far as it was read and kept. */
  readStartLine(message: HttpMessage): void {
    const line = this.#inStartLine ? this.#line.buf.subarray(0, this.#line.length) : this.#startLine
    readStartLine(message, line, 0, line.length)
  }

  /** The head is complete: as readHead. */
  finish(message: HttpMessage): boolean {
    if (this.#line.length > 0) this.#endOfLine()
    this.readStartLine(message)
    return this.#fields.judge(message)
  }

  clear(): void {
    this.#line.clear()
  }

  #keep(buf: Buffer, start: number, end: number): void {
    const kept = Math.min(end, start + MAXIMUM_LINE_BYTES - this.#line.length)
    if (kept > start) this.#line.append(buf, start, kept)
  }

  #endOfStartLine(): void {
    this.#startLine = Buffer.from(this.#line.buf.subarray(0, this.#line.length))
    this.#line.clear()
    this.#inStartLine = false
  }

  #endOfLine(): void {
    const line = this.#line
    if (line.length > 0) this.#fields.readLine(line.buf, 0, line.length)
    line.length = 0
  }
}
