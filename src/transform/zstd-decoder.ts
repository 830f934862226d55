// zstd (RFC 8878) as a content coding: Node has it only since 22.15, and only asynchronously or at once.

import { ZstdStream } from '../core/zstd/zstd-stream.ts'
import type { HeldMemory } from '../protocol/held-bytes.ts'
import { type ContentDecoder, DAMAGED, EARLY_END, type PieceWriter } from './content-decoder.ts'

/** The largest window that HTTP allows (RFC 9659). */
const MAXIMUM_WINDOW_BYTES = 8 * 1024 * 1024

/** Any number of frames. */
export class ZstdDecoder implements ContentDecoder {
  failure = ''
  readonly #write: PieceWriter
  readonly #memory: HeldMemory
  /** Made when the first byte comes. */
  #stream: ZstdStream | undefined = undefined
  #held = 0

  constructor(write: PieceWriter, memory: HeldMemory) {
    this.#write = write
    this.#memory = memory
  }

  push(buf: Buffer, start: number, end: number): void {
    this.#stream ??= new ZstdStream(MAXIMUM_WINDOW_BYTES)
    const stream = this.#stream
    for (let at = start; at < end && this.failure === ''; ) {
      at = stream.push(buf, at, end)
      this.#hold(stream.heldBytes)
      const { output, outputStart, outputEnd } = stream
      if (outputEnd > outputStart) this.#write(output, outputStart, outputEnd)
      if (stream.failure !== '') this.failure = stream.failure === 'window' ? 'wants too much memory' : DAMAGED
    }
  }

  end(whole: boolean): void {
    const isWhole = this.#stream?.atFrameEnd === true && this.#stream.frames > 0
    if (whole && this.failure === '' && !isWhole) this.failure = EARLY_END
    this.release()
  }

  release(): void {
    this.#hold(0)
    this.#stream = undefined
  }

  stop(): void {
    this.failure = DAMAGED
  }

  #hold(bytes: number): void {
    this.#memory.usedBytes += bytes - this.#held
    this.#held = bytes
  }
}
