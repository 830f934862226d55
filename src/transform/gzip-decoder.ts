// gzip (RFC 1952) as a content coding.

import type { HeldMemory } from '../protocol/held-bytes.ts'
import { type ContentDecoder, EARLY_END, type PieceWriter } from './content-decoder.ts'
import { GZIP_WRAPPER, ZLIB_STREAM_BYTES, ZlibStream } from './zlib-stream.ts'

const FIRST_MAGIC_BYTE = 0x1f

/** Any number of members; the checksums are checked. */
export class GzipDecoder implements ContentDecoder {
  failure = ''
  readonly #memory: HeldMemory
  readonly #write: PieceWriter
  /** Made when the first byte comes. */
  #stream: ZlibStream | undefined = undefined
  #held = 0

  constructor(write: PieceWriter, memory: HeldMemory) {
    this.#memory = memory
    this.#write = write
  }

  push(buf: Buffer, start: number, end: number): void {
    const stream = this.#stream ?? this.#begin()
    let pos = start
    while (pos < end && this.failure === '') {
      if (stream.done) {
        // some senders pad the end with zeros
        if (buf[pos] === 0) {
          pos++
          continue
        }
        if (buf[pos] !== FIRST_MAGIC_BYTE) {
          this.failure = 'has other bytes behind it'
          return
        }
        stream.reset()
      }
      pos = stream.push(buf, pos, end)
      this.failure = stream.failure
    }
  }

  #begin(): ZlibStream {
    this.#held = ZLIB_STREAM_BYTES
    this.#memory.usedBytes += ZLIB_STREAM_BYTES
    this.#stream = new ZlibStream(GZIP_WRAPPER, this.#write)
    return this.#stream
  }

  end(whole: boolean): void {
    if (whole && this.failure === '' && this.#stream?.done !== true) this.failure = EARLY_END
    this.release()
  }

  release(): void {
    this.#memory.usedBytes -= this.#held
    this.#held = 0
  }

  stop(): void {
    this.#stream?.stop()
  }
}
