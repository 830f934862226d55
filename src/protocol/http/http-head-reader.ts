// Gathers the head of an HTTP/1.x message, which may come in pieces and be of any length. How it begins was found by
// http-start-line.ts; what it says is read by http-head.ts.

import type { HeldBytes, HeldMemory } from '../held-bytes.ts'
import { BlankLineFinder } from './blank-line-finder.ts'
import { readFields, readHead, readStartLine } from './http-head.ts'
import { LongHead } from './http-long-head.ts'
import type { HttpMessage } from './http-message.ts'
import { isStatusLine } from './http-start-line.ts'

/** Of a head that is kept until it is complete. */
const MAXIMUM_KEPT_BYTES = 65536
const NOTHING = Buffer.alloc(0)

/** One for all heads of a direction, one after the other. */
export class HttpHeadReader {
  /** After `read`: the blank line was found. */
  complete: boolean
  isRequest: boolean
  /** So far. */
  bytes: number
  /** The head so far, where it came in pieces and is not too long: its owner puts the beginning of the start line there. */
  readonly #held: HeldBytes
  readonly #memory: HeldMemory
  readonly #lines: BlankLineFinder
  #long: LongHead | undefined
  /** A complete head: `#buf[#start..#end)`; its fields begin at `#fieldsRead` and were read, or that is 0. */
  #buf: Buffer
  #start: number
  #end: number
  #fieldsRead: number

  constructor(held: HeldBytes, memory: HeldMemory) {
    this.complete = false
    this.isRequest = false
    this.bytes = 0
    this.#held = held
    this.#memory = memory
    this.#lines = new BlankLineFinder()
    this.#long = undefined
    this.#buf = NOTHING
    this.#start = 0
    this.#end = 0
    this.#fieldsRead = 0
  }

  /** The start line, or its beginning, is in `held`. */
  beginHeld(): void {
    const held = this.#held
    this.#begin(held.buf, 0)
    this.bytes = held.length
    this.#lines.begin(held.buf, 0, held.length)
  }

  /**
   * The start line is `buf[start..line)`: reads on from `line`. The index behind the head, or `end`. After this and `read`,
   * when `complete`, `finish` has to be called before anything else is read.
   */
  beginAt(buf: Buffer, start: number, line: number, end: number): number {
    this.#begin(buf, start)
    const limit = Math.min(end, start + MAXIMUM_KEPT_BYTES)
    // a head that lies in one piece is read while its end is looked for
    const stop = readFields(buf, line, limit)
    if (stop === 0) {
      this.#held.append(buf, start, line)
      this.#lines.begin(NOTHING, 0, 0)
      this.bytes = line - start
      return this.read(buf, line, end)
    }
    this.bytes = stop - start
    this.#completeAt(buf, start, stop, line)
    return stop
  }

  read(buf: Buffer, start: number, end: number): number {
    const stop = this.#lines.findBlank(buf, start, end)
    const pos = stop > 0 ? stop : end
    this.bytes += pos - start
    if (this.#long === undefined && this.bytes > MAXIMUM_KEPT_BYTES) this.#giveUpKeeping()
    if (this.#long !== undefined) {
      this.#long.read(buf, start, pos)
      this.complete = stop > 0
      return pos
    }
    const held = this.#held
    held.append(buf, start, pos)
    if (stop > 0) {
      this.#completeAt(held.buf, 0, held.length, 0)
      held.clear()
    }
    return pos
  }

  /** Of a complete head: writes what it says to `message`. False when its fields contradict themselves. */
  finish(message: HttpMessage): boolean {
    const long = this.#long
    const sound =
      long === undefined ? readHead(message, this.#buf, this.#start, this.#end, this.#fieldsRead) : long.finish(message)
    this.#buf = NOTHING
    this.drop()
    return sound
  }

  /** Of one that is not complete: writes what its start line says to `message`. */
  readStartLine(message: HttpMessage): void {
    const { buf, length } = this.#held
    if (this.#long === undefined) readStartLine(message, buf, 0, length)
    else this.#long.readStartLine(message)
  }

  /** No more of the head comes. Held bytes stay with the owner. */
  drop(): void {
    this.#long?.clear()
    this.#long = undefined
  }

  #begin(buf: Buffer, start: number): void {
    this.complete = false
    this.isRequest = !isStatusLine(buf, start)
    this.#long = undefined
  }

  #completeAt(buf: Buffer, start: number, end: number, fieldsRead: number): void {
    this.complete = true
    this.#buf = buf
    this.#start = start
    this.#end = end
    this.#fieldsRead = fieldsRead
  }

  #giveUpKeeping(): void {
    const held = this.#held
    this.#long = new LongHead(this.#memory)
    this.#long.read(held.buf, 0, held.length)
    held.clear()
  }
}
