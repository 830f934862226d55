// The record layer (RFC 8446 §5.1, RFC 5246 §6.2.1): records of one direction, however the stream is cut. Holds no bytes but
// those of a header; fragments are handed on as they come.

import type { Timestamp } from '../../core/timestamp.ts'

export const CHANGE_CIPHER_SPEC = 20
export const ALERT = 21
export const HANDSHAKE = 22
export const APPLICATION_DATA = 23
const HEARTBEAT = 24

const HEADER_BYTES = 5
/** 2^14, and as much as RFC 5246 lets encryption and compression add. */
const MAXIMUM_RECORD_BYTES = 16384 + 2048

export interface RecordHandler {
  onRecord(type: number, length: number, t: Timestamp): void
  /** Part of the latest record, lent. */
  onFragment(type: number, buf: Buffer, start: number, end: number, t: Timestamp): void
  onRecordEnd(type: number, t: Timestamp): void
  /** Part of the latest record is missing. */
  onMissing(type: number): void
  /** No record begins here; `header[0..length)` and what follows in `buf[start..end)` are what stands in its place. */
  onNoRecord(header: Buffer, length: number, buf: Buffer, start: number, end: number, t: Timestamp): void
}

export class RecordReader {
  readonly #handler: RecordHandler
  readonly #header: Buffer
  #headerLength: number
  #type: number
  #remaining: number
  /** It is not known where the next record begins. */
  lost: boolean
  /** What comes next follows a hole: only a header that fits well is believed. */
  #afterGap: boolean

  constructor(handler: RecordHandler) {
    this.#handler = handler
    this.#header = Buffer.alloc(HEADER_BYTES)
    this.#headerLength = 0
    this.#type = 0
    this.#remaining = 0
    this.lost = false
    this.#afterGap = false
  }

  data(buf: Buffer, start: number, end: number, t: Timestamp): void {
    let pos = start
    if (this.lost && this.#afterGap) {
      this.lost = !isRecordHeader(buf, start, end) || end - start < HEADER_BYTES
      this.#afterGap = false
    }
    while (pos < end && !this.lost) {
      if (this.#remaining > 0) {
        const stop = Math.min(end, pos + this.#remaining)
        this.#remaining -= stop - pos
        this.#handler.onFragment(this.#type, buf, pos, stop, t)
        pos = stop
        if (this.#remaining === 0) this.#handler.onRecordEnd(this.#type, t)
      } else {
        this.#header[this.#headerLength++] = buf[pos++]!
        if (!isRecordHeader(this.#header, 0, this.#headerLength)) {
          this.lost = true
          this.#handler.onNoRecord(this.#header, this.#headerLength, buf, pos, end, t)
        } else if (this.#headerLength === HEADER_BYTES) {
          this.#begin(t)
        }
      }
    }
  }

  gap(missing: number): void {
    if (this.#remaining > 0) this.#handler.onMissing(this.#type)
    const atBoundary = this.#headerLength === 0 && missing === this.#remaining
    if (missing < this.#remaining) {
      this.#remaining -= missing
      return
    }
    this.#remaining = 0
    this.#headerLength = 0
    this.lost = !atBoundary
    this.#afterGap = this.lost
  }

  #begin(t: Timestamp): void {
    const header = this.#header
    this.#headerLength = 0
    this.#type = header[0]!
    this.#remaining = (header[3]! << 8) | header[4]!
    this.#handler.onRecord(this.#type, this.#remaining, t)
    if (this.#remaining === 0) this.#handler.onRecordEnd(this.#type, t)
  }
}

/** A record's header, or the beginning of one. */
export function isRecordHeader(buf: Buffer, start: number, end: number): boolean {
  const length = end - start
  const type = buf[start]!
  if (length > 0 && (type < CHANGE_CIPHER_SPEC || type > HEARTBEAT)) return false
  if (length > 1 && buf[start + 1] !== 3) return false
  if (length > 2 && buf[start + 2]! > 4) return false
  return length < HEADER_BYTES || ((buf[start + 3]! << 8) | buf[start + 4]!) <= MAXIMUM_RECORD_BYTES
}
