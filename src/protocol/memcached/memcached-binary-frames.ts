// Frames either side of memcached's binary protocol (docs.memcached.org/protocols/binary): a header of 24 bytes, extras, a
// key, and a value that is skipped.

import { Timestamp } from '../../core/timestamp.ts'
import { Beginning } from '../wire-text.ts'

export const REQUEST_MAGIC = 0x80
export const RESPONSE_MAGIC = 0x81
export const HEADER_BYTES = 24

export interface BinaryFrameConsumer {
  /** The first byte of a frame came, at a boundary; `known` unless that is only a guess. */
  onFrameBegin(frames: MemcachedBinaryFrames, known: boolean): void
  /** A frame is complete. */
  onFrame(frames: MemcachedBinaryFrames): void
  /** These bytes make no sense: the next frame is looked for. */
  onFramesLost(frames: MemcachedBinaryFrames): void
}

const HEADER = 0
const BODY = 1
const MAXIMUM_KEY = 250
const MAXIMUM_EXTRAS = 64
const MAXIMUM_BODY = 1 << 30
const GUESSED_BODY = 1 << 20
/** Opcodes of memcached itself; a guess is not made on others. */
const MAXIMUM_GUESSED_OPCODE = 0x24

export class MemcachedBinaryFrames {
  // --- the frame, valid during onFrame ---
  readonly start = new Timestamp()
  readonly end = new Timestamp()
  bytes = 0
  opcode = 0
  /** Of a response; of a request the virtual bucket. */
  status = 0
  opaque = 0
  /** `key.buf[0..key.length)`, whole. */
  readonly key = new Beginning(MAXIMUM_KEY)

  readonly #consumer: BinaryFrameConsumer
  readonly #magic: number
  #state: number
  #guessed: boolean
  readonly #header = new Beginning(HEADER_BYTES)
  #bodyBytes = 0
  #bodyLeft = 0
  #keyStart = 0
  #keyEnd = 0

  constructor(consumer: BinaryFrameConsumer, magic: number, fromBeginning: boolean) {
    this.#consumer = consumer
    this.#magic = magic
    this.#state = HEADER
    this.#guessed = !fromBeginning
  }

  get underWay(): boolean {
    return this.#state === BODY || this.#header.length > 0
  }

  get atBoundary(): boolean {
    return !this.underWay && !this.#guessed
  }

  read(buf: Buffer, start: number, end: number, t: Timestamp): void {
    let pos = start
    while (pos < end) pos = this.#state === HEADER ? this.#headerBytes(buf, pos, end, t) : this.#body(buf, pos, end, t)
  }

  /** True when only the inside of a value is missing, so that nothing is lost. */
  gap(missing: number): boolean {
    const pastKey = this.#bodyBytes - this.#bodyLeft >= this.#keyEnd
    if (this.#state === BODY && pastKey && missing < this.#bodyLeft && !this.#guessed) {
      this.#bodyLeft -= missing
      return true
    }
    this.#lookForHeader()
    return false
  }

  #lookForHeader(): void {
    this.#state = HEADER
    this.#guessed = true
    this.#header.clear()
  }

  #headerBytes(buf: Buffer, start: number, end: number, t: Timestamp): number {
    const header = this.#header
    if (header.length === 0) {
      if (this.#guessed && buf[start] !== this.#magic) return start + 1
      this.start.set(t)
      this.#consumer.onFrameBegin(this, !this.#guessed)
    }
    const stop = Math.min(end, start + HEADER_BYTES - header.length)
    header.hold(buf, start, stop)
    if (header.length < HEADER_BYTES) return stop
    if (!this.#isHeader(header.buf)) this.#nextGuess(t)
    else this.#startBody(header.buf, t)
    return stop
  }

  /** No header begins where it should: tries the next place inside the bytes held. */
  #nextGuess(t: Timestamp): void {
    const known = !this.#guessed
    this.#guessed = true
    const header = this.#header
    let next = 1
    while (next < HEADER_BYTES && header.buf[next] !== this.#magic) next++
    header.buf.copyWithin(0, next, HEADER_BYTES)
    header.length = HEADER_BYTES - next
    this.start.set(t)
    if (known) this.#consumer.onFramesLost(this)
  }

  #isHeader(header: Buffer): boolean {
    const body = bodyOf(header)
    if (!isBinaryHeader(header, 0, this.#magic)) return false
    return !this.#guessed || (body <= GUESSED_BODY && header[1]! <= MAXIMUM_GUESSED_OPCODE)
  }

  #startBody(header: Buffer, t: Timestamp): void {
    this.opcode = header[1]!
    this.status = (header[6]! << 8) | header[7]!
    this.opaque = (header[12]! << 24) | (header[13]! << 16) | (header[14]! << 8) | header[15]!
    this.#keyStart = header[4]!
    this.#keyEnd = this.#keyStart + ((header[2]! << 8) | header[3]!)
    this.#bodyBytes = bodyOf(header)
    this.#bodyLeft = this.#bodyBytes
    this.key.clear()
    this.#header.clear()
    if (this.#bodyLeft > 0) this.#state = BODY
    else this.#complete(t)
  }

  #body(buf: Buffer, pos: number, end: number, t: Timestamp): number {
    const offset = this.#bodyBytes - this.#bodyLeft
    const count = Math.min(this.#bodyLeft, end - pos)
    const keyFrom = Math.max(offset, this.#keyStart)
    const keyTo = Math.min(offset + count, this.#keyEnd)
    if (keyFrom < keyTo) this.key.hold(buf, pos + keyFrom - offset, pos + keyTo - offset)
    this.#bodyLeft -= count
    if (this.#bodyLeft === 0) this.#complete(t)
    return pos + count
  }

  #complete(t: Timestamp): void {
    this.#state = HEADER
    this.#guessed = false
    this.bytes = HEADER_BYTES + this.#bodyBytes
    this.end.set(t)
    this.#consumer.onFrame(this)
  }
}

function bodyOf(header: Buffer, start = 0): number {
  return (
    header[start + 8]! * 0x1000000 + ((header[start + 9]! << 16) | (header[start + 10]! << 8) | header[start + 11]!)
  )
}

/** Whether the 24 bytes from `start` can be a header. */
export function isBinaryHeader(buf: Buffer, start: number, magic: number): boolean {
  if (buf[start] !== magic) return false
  const key = (buf[start + 2]! << 8) | buf[start + 3]!
  const extras = buf[start + 4]!
  const body = bodyOf(buf, start)
  // The data type is 0, or a few bits of Couchbase's.
  return (
    key <= MAXIMUM_KEY &&
    extras <= MAXIMUM_EXTRAS &&
    key + extras <= body &&
    body <= MAXIMUM_BODY &&
    buf[start + 5]! < 8
  )
}
