// Undoes the content codings of HTTP (RFC 9110 §8.4.1, RFC 7932, RFC 8878) synchronously, piece by piece where the
// format allows it, with bounds on memory and on how much may come out of how little.

import { brotliDecompressSync, constants } from 'node:zlib'
import type { HeldMemory } from '../protocol/held-bytes.ts'
import { HeldBytes } from '../protocol/held-bytes.ts'
import { type ContentDecoder, DAMAGED, EARLY_END, type PieceWriter } from './content-decoder.ts'
import { GzipDecoder } from './gzip-decoder.ts'
import { RAW_DEFLATE, ZLIB_STREAM_BYTES, ZLIB_WRAPPER, ZlibStream } from './zlib-stream.ts'
import { ZstdDecoder } from './zstd-decoder.ts'

/**
 * A decoder for `coding` (lower case), or undefined when there is none. `progressive`: where a format can only be
 * decoded from its beginning, do so whenever something new has come, because somebody waits for it.
 */
export function makeDecoder(
  coding: string,
  write: PieceWriter,
  memory: HeldMemory,
  progressive: boolean,
): ContentDecoder | undefined {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return new GzipDecoder(write, memory)
    case 'deflate':
      return new DeflateDecoder(write, memory)
    case 'br':
      return new BrotliDecoder(write, memory, progressive)
    case 'zstd':
      return new ZstdDecoder(write, memory)
    default:
      return undefined
  }
}

/** `deflate` is zlib's format (RFC 1950) by the book and raw DEFLATE from some servers; two bytes tell which. */
class DeflateDecoder implements ContentDecoder {
  failure = ''
  readonly #write: PieceWriter
  readonly #memory: HeldMemory
  readonly #start = Buffer.alloc(2)
  #seen = 0
  #stream: ZlibStream | undefined = undefined
  #held: number

  constructor(write: PieceWriter, memory: HeldMemory) {
    this.#write = write
    this.#memory = memory
    this.#held = ZLIB_STREAM_BYTES
    memory.usedBytes += ZLIB_STREAM_BYTES
  }

  push(buf: Buffer, start: number, end: number): void {
    let pos = start
    while (this.#seen < 2 && pos < end) {
      this.#start[this.#seen++] = buf[pos++]!
      if (this.#seen === 2) {
        this.#stream = new ZlibStream(this.#isZlib() ? ZLIB_WRAPPER : RAW_DEFLATE, this.#write)
        this.#inflate(this.#stream, this.#start, 0, 2)
      }
    }
    if (pos < end && this.#stream !== undefined) this.#inflate(this.#stream, buf, pos, end)
  }

  #isZlib(): boolean {
    const first = this.#start[0]!
    const second = this.#start[1]!
    return (first & 15) === 8 && first >> 4 <= 7 && ((first << 8) | second) % 31 === 0 && (second & 0x20) === 0
  }

  #inflate(stream: ZlibStream, buf: Buffer, start: number, end: number): void {
    // bytes after the end of the compressed data are ignored
    if (this.failure !== '' || stream.done) return
    stream.push(buf, start, end)
    this.failure = stream.failure
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

const MAXIMUM_BROTLI_BYTES = 8 * 1024 * 1024
const MAXIMUM_BROTLI_OUTPUT_BYTES = 64 * 1024 * 1024
/** Up to here a progressive body is decoded anew with every delivery. */
const MAXIMUM_PROGRESSIVE_BYTES = 64 * 1024

/** Node's only synchronous way to decode brotli needs the whole body: it is gathered, and decoded at its end. */
class BrotliDecoder implements ContentDecoder {
  failure = ''
  readonly #write: PieceWriter
  readonly #memory: HeldMemory
  readonly #input: HeldBytes
  readonly #progressive: boolean
  #written = 0

  constructor(write: PieceWriter, memory: HeldMemory, progressive: boolean) {
    this.#write = write
    this.#memory = memory
    this.#input = new HeldBytes(memory)
    this.#progressive = progressive
  }

  push(buf: Buffer, start: number, end: number): void {
    if (this.failure !== '') return
    if (this.#input.length + end - start > MAXIMUM_BROTLI_BYTES || this.#memory.full) {
      this.failure = 'is too large to decode'
      this.release()
      return
    }
    this.#input.append(buf, start, end)
    if (this.#progressive && this.#input.length <= MAXIMUM_PROGRESSIVE_BYTES) this.#decode(false)
  }

  end(whole: boolean): void {
    if (this.failure === '') this.#decode(whole)
    this.release()
  }

  release(): void {
    this.#input.clear()
  }

  stop(): void {
    this.failure = DAMAGED
  }

  #decode(whole: boolean): void {
    const input = this.#input.buf.subarray(0, this.#input.length)
    let output: Buffer
    try {
      output = this.#attempt(input, whole)
    } catch (error) {
      this.failure =
        (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'is too large to decode' : DAMAGED
      return
    }
    const from = this.#written
    this.#written = output.length
    if (output.length > from) this.#write(output, from, output.length)
  }

  #attempt(input: Buffer, whole: boolean): Buffer {
    const maxOutputLength = Math.min(MAXIMUM_BROTLI_OUTPUT_BYTES, 1024 * 1024 + 100 * input.length)
    if (whole) {
      try {
        return brotliDecompressSync(input, { maxOutputLength })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'Z_BUF_ERROR') throw error
        this.failure = EARLY_END
      }
    }
    // decodes what there is, without asking for the end
    return brotliDecompressSync(input, { maxOutputLength, finishFlush: constants.BROTLI_OPERATION_FLUSH })
  }
}
