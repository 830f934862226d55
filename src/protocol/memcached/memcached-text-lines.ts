// Frames either side of memcached's text protocol: lines, some followed by a block of data that is skipped, not kept.

import type { Timestamp } from '../../core/timestamp.ts'
import { Beginning } from '../wire-text.ts'

export interface TextLineConsumer {
  /** The first byte of a line came, at a boundary; `known` unless that is only a guess. */
  onLineBegin(t: Timestamp, known: boolean): void
  /**
   * A line without its end, at most its first 2048 bytes. Returns how many bytes of data follow it (-1: none), or
   * NOT_A_LINE.
   */
  onLine(buf: Buffer, start: number, end: number, guessed: boolean): number
  /**
   * No line end follows the data, but two other bytes. True: they are passed over all the same, and a line begins after
   * them; false: these bytes make no sense. Not asked of what is only guessed.
   */
  passesBadEnd(): boolean
  /** The line and its data are complete. */
  onEntry(bytes: number, t: Timestamp): void
  /** These bytes make no sense: the next line is looked for. */
  onLinesLost(): void
}

export const NOT_A_LINE = -2

const BOUNDARY = 0
const LINE = 1
const DATA = 2
const DATA_END = 3
const SEARCHING = 4
const SILENT = 5

const CR = 13
const LF = 10
const KEPT_BYTES = 2048
/** Lines of gets with thousands of keys are long; this one is no line. */
const MAXIMUM_LINE_BYTES = 1 << 20
const GUESSED_DATA_BYTES = 1 << 20

export class MemcachedTextLines {
  readonly #consumer: TextLineConsumer
  #state: number
  #guessed: boolean
  #lineBytes = 0
  #dataLeft = 0
  /** Of the two bytes after the data the first came, and it was a CR. */
  #afterFirst = false
  #afterCr = false
  readonly #held = new Beginning(KEPT_BYTES)
  #entryBytes = 0
  #begin = 0

  constructor(consumer: TextLineConsumer, fromBeginning: boolean) {
    this.#consumer = consumer
    this.#state = BOUNDARY
    this.#guessed = !fromBeginning
  }

  /** Between two entries, and that is no guess. */
  get atBoundary(): boolean {
    return this.#state === BOUNDARY && !this.#guessed
  }

  get underWay(): boolean {
    return this.#state === LINE || this.#state === DATA || this.#state === DATA_END
  }

  silence(): void {
    this.#state = SILENT
  }

  read(buf: Buffer, start: number, end: number, t: Timestamp): void {
    let pos = start
    this.#begin = start
    while (pos < end) {
      switch (this.#state) {
        case BOUNDARY:
          this.#consumer.onLineBegin(t, !this.#guessed)
          this.#begin = pos
          this.#entryBytes = 0
          this.#lineBytes = 0
          this.#held.clear()
          this.#state = LINE
          break
        case LINE:
          pos = this.#line(buf, pos, end, t)
          break
        case DATA: {
          const count = Math.min(this.#dataLeft, end - pos)
          pos += count
          this.#dataLeft -= count
          if (this.#dataLeft === 0) this.#startDataEnd()
          break
        }
        case DATA_END:
          pos = this.#dataEnd(buf, pos, end, t)
          break
        case SEARCHING:
          while (pos < end && buf[pos] !== LF) pos++
          if (pos < end) {
            this.#state = BOUNDARY
            pos++
          }
          break
        default:
          return
      }
    }
    this.#entryBytes += end - this.#begin
  }

  /** True when only the inside of a block of data is missing, so that nothing is lost. */
  gap(missing: number): boolean {
    if (this.#state === SILENT) return true
    if (this.#state === DATA && missing < this.#dataLeft && !this.#guessed) {
      this.#dataLeft -= missing
      this.#entryBytes += missing
      return true
    }
    // A segment often begins with a line, so that is tried at once.
    this.#state = BOUNDARY
    this.#guessed = true
    return false
  }

  #broken(): void {
    this.#state = SEARCHING
    this.#guessed = true
    this.#consumer.onLinesLost()
  }

  #line(buf: Buffer, start: number, end: number, t: Timestamp): number {
    let pos = start
    while (pos < end && buf[pos] !== LF) pos++
    this.#lineBytes += pos - start
    if (this.#lineBytes > MAXIMUM_LINE_BYTES) {
      this.#broken()
      return pos
    }
    const held = this.#held
    if (pos === end) {
      held.hold(buf, start, pos)
      return pos
    }
    let data: number
    if (held.length > 0) {
      held.hold(buf, start, pos)
      data = this.#tell(held.buf, 0, held.length)
    } else {
      data = this.#tell(buf, start, pos)
    }
    pos++
    if (data === NOT_A_LINE || (this.#guessed && data > GUESSED_DATA_BYTES)) {
      this.#broken()
      // Its end is where the next line is tried.
      this.#state = BOUNDARY
    } else if (data < 0) {
      this.#complete(pos, t)
    } else if (data === 0) {
      this.#startDataEnd()
    } else {
      this.#dataLeft = data
      this.#state = DATA
    }
    return pos
  }

  #tell(buf: Buffer, start: number, end: number): number {
    let stop = Math.min(end, start + KEPT_BYTES)
    if (this.#lineBytes <= KEPT_BYTES && stop > start && buf[stop - 1] === CR) stop--
    return this.#consumer.onLine(buf, start, stop, this.#guessed)
  }

  #startDataEnd(): void {
    this.#state = DATA_END
    this.#afterFirst = false
  }

  /** A line end, of which the server does not look at more than that it is two bytes. */
  #dataEnd(buf: Buffer, start: number, end: number, t: Timestamp): number {
    let pos = start
    if (!this.#afterFirst) {
      this.#afterCr = buf[pos] === CR
      if (!this.#afterCr && (this.#guessed || !this.#consumer.passesBadEnd())) {
        this.#broken()
        return pos
      }
      this.#afterFirst = true
      if (++pos === end) return pos
    }
    const ends = buf[pos] === LF || !this.#afterCr || (!this.#guessed && this.#consumer.passesBadEnd())
    if (ends) this.#complete(++pos, t)
    else this.#broken()
    return pos
  }

  #complete(pos: number, t: Timestamp): void {
    const bytes = this.#entryBytes + pos - this.#begin
    this.#begin = pos
    this.#entryBytes = 0
    this.#guessed = false
    this.#state = BOUNDARY
    this.#consumer.onEntry(bytes, t)
  }
}
