// DEFLATE (RFC 1951) and its wrappers as a synchronous stream, by pako: Node's own zlib streams are asynchronous and its
// synchronous calls want the whole body, so neither can show a server-sent event when it happens.

import {
  Z_BUF_ERROR,
  Z_OK,
  Z_STREAM_END,
  Z_SYNC_FLUSH,
  ZStream,
  zlibInflate,
  zlibInflateInit2,
  zlibInflateReset,
} from 'pako'
import { DAMAGED, type PieceWriter } from './content-decoder.ts'

/** zlib's `windowBits`: which wrapper there is around the data. */
export const RAW_DEFLATE = -15
export const ZLIB_WRAPPER = 15
export const GZIP_WRAPPER = 31

/** Output is given out in pieces of up to this size. */
const OUTPUT_BYTES = 32768
/** Roughly the memory of one stream: its window and its codes. */
export const ZLIB_STREAM_BYTES = 48 * 1024

const NOTHING = new Uint8Array(0)
/** Idle streams that are kept for the next body: as many as a body may have codings. */
const idleOutputs: Buffer<ArrayBuffer>[] = []

/** One stream. Never throws for the data; once it is `done` or has failed it takes no more input. */
export class ZlibStream {
  /** The end has been reached, with its checksum where the wrapper has one. */
  done = false
  /** Why it could not go on; '' while all is well. */
  failure = ''
  readonly #stream = new ZStream()
  readonly #write: PieceWriter

  /** `wrapper`: one of the above. `write` gets the output, lent. */
  constructor(wrapper: number, write: PieceWriter) {
    this.#write = write
    zlibInflateInit2(this.#stream, wrapper)
  }

  /** Decodes `buf[start..end)` and writes all that comes out. Returns the index behind the last byte used. */
  push(buf: Buffer, start: number, end: number): number {
    const output = idleOutputs.pop() ?? Buffer.allocUnsafeSlow(OUTPUT_BYTES)
    try {
      return this.#inflate(buf, start, end, output)
    } finally {
      idleOutputs.push(output)
    }
  }

  #inflate(buf: Buffer, start: number, end: number, output: Buffer<ArrayBuffer>): number {
    const stream = this.#stream
    stream.input = buf
    stream.output = output
    stream.next_in = start
    stream.avail_in = end - start
    while (!this.done && this.failure === '') {
      stream.next_out = 0
      stream.avail_out = OUTPUT_BYTES
      const status = zlibInflate(stream, Z_SYNC_FLUSH)
      if (status === Z_STREAM_END) this.done = true
      else if (status !== Z_OK && status !== Z_BUF_ERROR) this.failure = failureOf(stream.msg)
      // what came out before the damage is sound
      if (stream.next_out > 0) this.#write(output, 0, stream.next_out)
      if (stream.avail_out > 0) break
    }
    stream.input = NOTHING
    stream.output = NOTHING
    return stream.next_in
  }

  /** Makes it ready for another stream in the same wrapper. */
  reset(): void {
    zlibInflateReset(this.#stream)
    this.done = false
  }

  /** Ends it, also from within `write`. */
  stop(): void {
    if (this.failure === '') this.failure = DAMAGED
  }
}

/** `message` is zlib's own text. */
function failureOf(message: string): string {
  const isChecksum =
    message.startsWith('incorrect data') || message.startsWith('incorrect length') || message.startsWith('header crc')
  return isChecksum ? 'does not match its checksum' : DAMAGED
}
