// One direction of DNS over TCP: where each message begins and ends (RFC 1035 §4.2.2), also after a loss.

import { Timestamp } from '../../core/timestamp.ts'
import { RECOGNISED_MAYBE, RECOGNISED_NO } from '../exchange-parser.ts'
import { HeldBytes, HeldMemory } from '../held-bytes.ts'
import { DnsMessage, HEADER_BYTES, MAXIMUM_QUESTION_END, recogniseMessage } from './dns-message.ts'

const LENGTH_BYTES = 2
/** Messages up to this are read whole, with their EDNS; of longer ones only the beginning. */
const MAXIMUM_WHOLE_BYTES = 1024
const MAXIMUM_HELD_BYTES = 16 * 1024 * 1024

/** Shared by all connections. */
const memory = new HeldMemory(MAXIMUM_HELD_BYTES)

/** Told of a message once it has ended, with its times and length in the frames' own fields. `buf` is lent. */
export type DnsMessageListener = (message: DnsMessage, buf: Buffer, frames: DnsFrames) => void

export class DnsFrames {
  /** Of the message that is told: capture time of its first and last byte, its size with the length before it. */
  readonly start: Timestamp
  readonly end: Timestamp
  length: number
  /** Its last bytes are missing, so that `end` is not known. */
  tailMissing: boolean
  readonly #listener: DnsMessageListener
  readonly #message: DnsMessage
  /** The beginning of a message, its length first, while there is too little of it. */
  readonly #held: HeldBytes
  /** Bytes of the message in `#held` that are still to come and need not be kept. */
  #skip: number
  #skipping: boolean
  /** It is not known where messages begin; one may begin with a delivery. */
  #searching: boolean

  constructor(fromTheBeginning: boolean, listener: DnsMessageListener) {
    this.start = new Timestamp()
    this.end = new Timestamp()
    this.length = 0
    this.tailMissing = false
    this.#listener = listener
    this.#message = new DnsMessage()
    this.#held = new HeldBytes(memory)
    this.#skip = 0
    this.#skipping = false
    this.#searching = !fromTheBeginning
  }

  data(buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (memory.full && this.#held.length > 0) this.#lose()
    if (this.#searching && !this.#find(buf, start, end, t)) return
    let pos = start
    while (pos < end && !this.#searching) {
      if (this.#skipping) pos = this.#skipOver(pos, end, t)
      else if (this.#held.length > 0) pos = this.#goOn(buf, pos, end, t)
      else pos = this.#begin(buf, pos, end, t)
    }
  }

  /** False when the gap may have swallowed (the beginning of) a message. */
  gap(missing: number): boolean {
    if (this.#skipping && missing <= this.#skip) {
      this.#skip -= missing
      this.tailMissing = true
      if (this.#skip === 0) this.#endOfSkipped()
      return true
    }
    this.#lose()
    return false
  }

  close(): void {
    this.#lose()
  }

  /** A message's first byte. */
  #begin(buf: Buffer, start: number, end: number, t: Timestamp): number {
    this.start.set(t)
    this.tailMissing = false
    const available = end - start
    if (available >= LENGTH_BYTES) {
      const size = (buf[start]! << 8) | buf[start + 1]!
      if (available >= LENGTH_BYTES + size) {
        this.length = LENGTH_BYTES + size
        this.end.set(t)
        // of a long message, only as much as would be read if it came in pieces
        const whole = size <= MAXIMUM_WHOLE_BYTES ? size : MAXIMUM_QUESTION_END
        this.#read(buf, start + LENGTH_BYTES, start + LENGTH_BYTES + whole)
        return start + LENGTH_BYTES + size
      }
    }
    return this.#goOn(buf, start, end, t)
  }

  /** Gathers as much of a message as is needed. */
  #goOn(buf: Buffer, start: number, end: number, t: Timestamp): number {
    const held = this.#held
    let pos = start
    if (held.length < LENGTH_BYTES) {
      pos = Math.min(end, start + LENGTH_BYTES - held.length)
      held.append(buf, start, pos)
      if (held.length < LENGTH_BYTES) return pos
    }
    const size = (held.buf[0]! << 8) | held.buf[1]!
    if (size < HEADER_BYTES) {
      this.#lose()
      return end
    }
    const needed = LENGTH_BYTES + (size <= MAXIMUM_WHOLE_BYTES ? size : MAXIMUM_QUESTION_END)
    const taken = Math.min(end - pos, needed - held.length)
    if (taken > 0) held.append(buf, pos, pos + taken)
    if (held.length < needed) return end
    this.length = LENGTH_BYTES + size
    this.end.set(t)
    this.#skip = this.length - needed
    this.#skipping = true
    if (this.#skip === 0) this.#endOfSkipped()
    return pos + taken
  }

  #skipOver(start: number, end: number, t: Timestamp): number {
    const taken = Math.min(end - start, this.#skip)
    this.#skip -= taken
    this.tailMissing = false
    this.end.set(t)
    if (this.#skip === 0) this.#endOfSkipped()
    return start + taken
  }

  #endOfSkipped(): void {
    const held = this.#held
    const { buf, length } = held
    this.#skipping = false
    held.clear()
    this.#read(buf, LENGTH_BYTES, length)
  }

  #read(buf: Buffer, start: number, end: number): void {
    if (this.#message.read(buf, start, end)) this.#listener(this.#message, buf, this)
    else this.#lose()
  }

  /** Looks for a message at the beginning of a delivery, or of the one before it. True when there is one. */
  #find(buf: Buffer, start: number, end: number, t: Timestamp): boolean {
    const held = this.#held
    if (held.length > 0) {
      const before = held.length
      held.append(buf, start, Math.min(end, start + LENGTH_BYTES + MAXIMUM_QUESTION_END - before))
      const found = recogniseFrame(held.buf, 0, held.length)
      if (found === RECOGNISED_MAYBE) return false
      if (found !== RECOGNISED_NO) {
        held.length = before
        this.#searching = false
        return true
      }
      held.clear()
    }
    const found = recogniseFrame(buf, start, end)
    if (found === RECOGNISED_NO) return false
    if (found === RECOGNISED_MAYBE) {
      this.start.set(t)
      held.append(buf, start, end)
      return false
    }
    this.#searching = false
    return true
  }

  #lose(): void {
    this.#held.clear()
    this.#skip = 0
    this.#skipping = false
    this.#searching = true
  }
}

/** As `recogniseMessage`, for a message behind its length. */
export function recogniseFrame(buf: Buffer, start: number, end: number): number {
  if (end - start < LENGTH_BYTES) return RECOGNISED_MAYBE
  const size = (buf[start]! << 8) | buf[start + 1]!
  const from = start + LENGTH_BYTES
  return recogniseMessage(buf, from, Math.min(end, from + size), size)
}
