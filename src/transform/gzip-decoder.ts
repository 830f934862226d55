// gzip (RFC 1952) as a content coding.

import { crc32 } from 'node:zlib'
import type { HeldMemory } from '../protocol/held-bytes.ts'
import { type ContentDecoder, DAMAGED, EARLY_END, INFLATER_BYTES, type PieceWriter } from './content-coding.ts'
import { Inflater } from './inflate.ts'

// Parts of a member, in their order.
const GZIP_FIXED = 0
const GZIP_EXTRA_LENGTH = 1
const GZIP_EXTRA = 2
const GZIP_NAME = 3
const GZIP_COMMENT = 4
const GZIP_HEADER_CRC = 5
const GZIP_DATA = 6
const GZIP_TRAILER = 7

const FLAG_HEADER_CRC = 2
const FLAG_EXTRA = 4
const FLAG_NAME = 8
const FLAG_COMMENT = 16

/** RFC 1952, any number of members; the checksums are checked. */
export class GzipDecoder implements ContentDecoder {
  failure = ''
  readonly #memory: HeldMemory
  readonly #inflater: Inflater
  #state = GZIP_FIXED
  /** Bytes of the current part seen; `#need`, how many it has. */
  #seen = 0
  #need = 10
  #flags = 0
  #checksum = 0
  #size = 0
  #expectedChecksum = 0
  #expectedSize = 0
  #members = 0
  #held: number

  constructor(write: PieceWriter, memory: HeldMemory) {
    this.#memory = memory
    this.#held = INFLATER_BYTES
    memory.usedBytes += INFLATER_BYTES
    this.#inflater = new Inflater((buf, start, end) => {
      this.#checksum = crc32(buf.subarray(start, end), this.#checksum)
      this.#size = (this.#size + end - start) >>> 0
      write(buf, start, end)
    })
  }

  push(buf: Buffer, start: number, end: number): void {
    let pos = start
    while (pos < end && this.failure === '') {
      if (this.#state === GZIP_DATA) {
        pos = this.#inflater.push(buf, pos, end)
        if (this.#inflater.failed) this.failure = DAMAGED
        else if (this.#inflater.done) this.#enter(GZIP_TRAILER, 8)
      } else {
        this.#byte(buf[pos++]!)
      }
    }
  }

  end(whole: boolean): void {
    const atMemberEnd = this.#state === GZIP_FIXED && this.#seen === 0 && this.#members > 0
    if (whole && this.failure === '' && !atMemberEnd) this.failure = EARLY_END
    this.release()
  }

  release(): void {
    this.#memory.usedBytes -= this.#held
    this.#held = 0
  }

  stop(): void {
    this.#inflater.stop()
  }

  #byte(byte: number): void {
    const index = this.#seen++
    switch (this.#state) {
      case GZIP_FIXED:
        // some senders pad the end with zeros
        if (index === 0 && byte === 0 && this.#members > 0) this.#seen = 0
        else if (index === 0 && byte !== 0x1f) this.failure = this.#members > 0 ? 'has other bytes behind it' : DAMAGED
        else if ((index === 1 && byte !== 0x8b) || (index === 2 && byte !== 8)) this.failure = DAMAGED
        else if (index === 3) this.#flags = byte
        break
      case GZIP_EXTRA_LENGTH:
        if (index === 0) this.#expectedSize = byte
        else this.#expectedSize |= byte << 8
        break
      case GZIP_NAME:
      case GZIP_COMMENT:
        if (byte === 0) this.#need = this.#seen
        break
      case GZIP_TRAILER:
        if (index < 4) this.#expectedChecksum |= byte << (8 * index)
        else this.#expectedSize |= byte << (8 * (index - 4))
        break
    }
    if (this.#seen === this.#need && this.failure === '') this.#partComplete()
  }

  #enter(state: number, need: number): void {
    this.#state = state
    this.#seen = 0
    this.#need = need
    if (state === GZIP_TRAILER) {
      this.#expectedChecksum = 0
      this.#expectedSize = 0
    }
  }

  /** A part of header or trailer has been read: on to the next one that is there. */
  #partComplete(): void {
    const state = this.#state
    if (state === GZIP_TRAILER) {
      const sound = this.#expectedChecksum >>> 0 === this.#checksum && this.#expectedSize >>> 0 === this.#size
      if (!sound) this.failure = 'does not match its checksum'
      this.#members++
      this.#enter(GZIP_FIXED, 10)
    } else if (state < GZIP_EXTRA_LENGTH && this.#flags & FLAG_EXTRA) this.#enter(GZIP_EXTRA_LENGTH, 2)
    else if (state === GZIP_EXTRA_LENGTH && this.#expectedSize > 0) this.#enter(GZIP_EXTRA, this.#expectedSize)
    else if (state < GZIP_NAME && this.#flags & FLAG_NAME) this.#enter(GZIP_NAME, Number.POSITIVE_INFINITY)
    else if (state < GZIP_COMMENT && this.#flags & FLAG_COMMENT) this.#enter(GZIP_COMMENT, Number.POSITIVE_INFINITY)
    else if (state < GZIP_HEADER_CRC && this.#flags & FLAG_HEADER_CRC) this.#enter(GZIP_HEADER_CRC, 2)
    else {
      this.#enter(GZIP_DATA, 0)
      this.#inflater.reset()
      this.#checksum = 0
      this.#size = 0
    }
  }
}
