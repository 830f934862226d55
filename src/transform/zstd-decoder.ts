// zstd (RFC 8878) as a content coding, by fzstd: Node has it only since 22.15, and only asynchronously or at once.
// The frames are walked here, so that none gets at fzstd that wants more memory than HTTP allows (RFC 9659).

import { Decompress } from 'fzstd'
import type { HeldMemory } from '../protocol/held-bytes.ts'
import { type ContentDecoder, DAMAGED, EARLY_END, type PieceWriter } from './content-coding.ts'

const MAXIMUM_WINDOW_BYTES = 8 * 1024 * 1024
const FRAME_MAGIC = 0xfd2fb528
/** The lowest four bits are free. */
const SKIPPABLE_MAGIC = 0x184d2a50

// Parts of a frame.
const MAGIC = 0
const DESCRIPTOR = 1
const REST_OF_HEADER = 2
const BLOCK_HEADER = 3
const BLOCK = 4
const CHECKSUM = 5
const SKIPPED_SIZE = 6
const SKIPPED = 7

export class ZstdDecoder implements ContentDecoder {
  failure = ''
  readonly #write: PieceWriter
  readonly #memory: HeldMemory
  #decompress: Decompress | undefined = undefined
  #part = MAGIC
  /** Bytes of the part still to come, and the first ones of it. */
  #remaining = 4
  readonly #bytes = Buffer.alloc(32)
  #seen = 0
  #lastBlock = false
  #hasChecksum = false
  /** What was thrown by the writer, and not by fzstd for the data: a bug. */
  #writerError: unknown = undefined
  #frames = 0
  #stopped = false
  #held = 0

  constructor(write: PieceWriter, memory: HeldMemory) {
    this.#write = write
    this.#memory = memory
  }

  push(buf: Buffer, start: number, end: number): void {
    let pos = start
    let fed = start
    while (pos < end && this.failure === '') {
      const count = Math.min(end - pos, this.#remaining)
      if (this.#part !== BLOCK && this.#part !== SKIPPED) buf.copy(this.#bytes, this.#seen, pos, pos + count)
      this.#seen += count
      this.#remaining -= count
      pos += count
      if (this.#remaining > 0) break
      const frameBefore = this.#decompress
      const startsFrame = this.#part === REST_OF_HEADER
      this.#partComplete()
      if (this.failure !== '') return
      if (startsFrame) fed = pos
      else if (frameBefore !== undefined && this.#decompress === undefined) {
        this.#feed(frameBefore, buf, fed, pos, true)
        fed = pos
      }
    }
    if (this.#decompress !== undefined && fed < pos) this.#feed(this.#decompress, buf, fed, pos, false)
  }

  end(whole: boolean): void {
    const atFrameEnd = this.#part === MAGIC && this.#seen === 0 && this.#frames > 0
    if (whole && this.failure === '' && !atFrameEnd) this.failure = EARLY_END
    this.release()
  }

  release(): void {
    this.#memory.usedBytes -= this.#held
    this.#held = 0
    this.#decompress = undefined
  }

  stop(): void {
    this.#stopped = true
  }

  #feed(decompress: Decompress, buf: Uint8Array, start: number, end: number, final: boolean): void {
    try {
      // a copy: fzstd keeps what it is given
      decompress.push(Uint8Array.prototype.slice.call(buf, start, end), final)
    } catch {
      if (this.#writerError !== undefined) throw this.#writerError
      this.failure = DAMAGED
    }
  }

  #writeOut(data: Uint8Array): void {
    try {
      if (data.length > 0) this.#write(Buffer.from(data.buffer, data.byteOffset, data.length), 0, data.length)
    } catch (error) {
      this.#writerError = error
      throw error
    }
    if (this.#stopped) throw new Error('stopped')
  }

  #next(part: number, bytes: number): void {
    this.#part = part
    this.#seen = 0
    this.#remaining = bytes
    // an empty part is complete already (an empty block, no checksum)
    if (bytes === 0) this.#partComplete()
  }

  #partComplete(): void {
    const b = this.#bytes
    switch (this.#part) {
      case MAGIC: {
        const magic = b.readUInt32LE(0)
        if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) this.#next(SKIPPED_SIZE, 4)
        else if (magic !== FRAME_MAGIC) this.failure = DAMAGED
        else {
          this.#part = DESCRIPTOR
          this.#remaining = 1
        }
        break
      }
      case DESCRIPTOR:
        this.#part = REST_OF_HEADER
        this.#remaining = headerBytes(b[4]!) - 5
        break
      case REST_OF_HEADER:
        this.#beginFrame()
        break
      case BLOCK_HEADER:
        this.#beginBlock(b[0]! | (b[1]! << 8) | (b[2]! << 16))
        break
      case BLOCK:
        if (!this.#lastBlock) this.#next(BLOCK_HEADER, 3)
        else this.#next(CHECKSUM, this.#hasChecksum ? 4 : 0)
        break
      case CHECKSUM:
        this.release()
        this.#frames++
        this.#next(MAGIC, 4)
        break
      case SKIPPED_SIZE:
        this.#next(SKIPPED, b.readUInt32LE(0))
        break
      default:
        this.#frames++
        this.#next(MAGIC, 4)
    }
  }

  #beginFrame(): void {
    const windowBytes = windowBytesOf(this.#bytes)
    if (windowBytes > MAXIMUM_WINDOW_BYTES) {
      this.failure = 'wants too much memory'
      return
    }
    this.#held = windowBytes
    this.#memory.usedBytes += windowBytes
    this.#hasChecksum = (this.#bytes[4]! & 4) !== 0
    const decompress = new Decompress((data) => this.#writeOut(data))
    this.#decompress = decompress
    this.#feed(decompress, this.#bytes, 0, this.#seen, false)
    this.#next(BLOCK_HEADER, 3)
  }

  #beginBlock(header: number): void {
    this.#lastBlock = (header & 1) !== 0
    const type = (header >> 1) & 3
    const size = header >> 3
    if (type === 3 || size > 131072) this.failure = DAMAGED
    else this.#next(BLOCK, type === 1 ? 1 : size)
  }
}

/** Size of a frame's header, magic number included, from its descriptor byte (RFC 8878 §3.1.1.1). */
function headerBytes(descriptor: number): number {
  return 5 + (isSingleSegment(descriptor) ? 0 : 1) + dictionaryBytes(descriptor) + sizeBytes(descriptor)
}

function isSingleSegment(descriptor: number): boolean {
  return (descriptor & 0x20) !== 0
}

function dictionaryBytes(descriptor: number): number {
  return [0, 1, 2, 4][descriptor & 3]!
}

function sizeBytes(descriptor: number): number {
  const field = descriptor >> 6
  return field === 0 ? (isSingleSegment(descriptor) ? 1 : 0) : 1 << field
}

/** How much memory a frame needs; `header` is complete. */
function windowBytesOf(header: Buffer): number {
  const descriptor = header[4]!
  if (!isSingleSegment(descriptor)) {
    const base = 2 ** (10 + (header[5]! >> 3))
    return base + (base / 8) * (header[5]! & 7)
  }
  const count = sizeBytes(descriptor)
  const at = 5 + dictionaryBytes(descriptor)
  let size = count === 2 ? 256 : 0
  for (let i = 0; i < count; i++) size += header[at + i]! * 256 ** i
  return size
}
