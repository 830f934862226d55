// Decodes zstd (RFC 8878) piece by piece and synchronously. Node has no such decoder, and none at all before 22.15. Time and
// memory are bounded for any input: a step gives out one block, the window grows with what was really put out, and all frames
// share it. Checksums are not checked.

import { ZstdDamage } from './bits.ts'
import { BlockDecoder, MAXIMUM_BLOCK_BYTES } from './block-decoder.ts'

const FRAME_MAGIC = 0xfd2fb528
/** The lowest four bits are free. */
const SKIPPABLE_MAGIC = 0x184d2a50
const SMALLEST_HISTORY_BYTES = 2 * MAXIMUM_BLOCK_BYTES

// The parts of a frame, as states.
const MAGIC = 0
const DESCRIPTOR = 1
const REST_OF_HEADER = 2
const BLOCK_HEADER = 3
const RAW_BLOCK = 4
const RLE_BLOCK = 5
const COMPRESSED_BLOCK = 6
const CHECKSUM = 7
const SKIPPED_SIZE = 8
const SKIPPED = 9

export class ZstdStream {
  /** '' while all is well. */
  failure: '' | 'damaged' | 'window' = ''
  /** Frames that have ended. */
  frames = 0
  readonly #maximumWindowBytes: number
  readonly #blocks = new BlockDecoder()
  #part = MAGIC
  /** Bytes of the part that are wanted, and those that are here. */
  #wanted = 4
  #got = 0
  #bytes = new Uint8Array(256)
  #lastBlock = false
  #runBytes = 0
  #hasChecksum = false
  #windowBytes = 0
  /** What the frame has put out, as far back as its window goes, and perhaps further. */
  #history = Buffer.alloc(0)
  #position = 0
  outputStart = 0

  /** A frame that wants a larger window fails. */
  constructor(maximumWindowBytes: number) {
    this.#maximumWindowBytes = maximumWindowBytes
  }

  /** All that was pushed ends where a frame ends. */
  get atFrameEnd(): boolean {
    return this.#part === MAGIC && this.#got === 0
  }

  /** Bytes of memory that it holds. */
  get heldBytes(): number {
    return this.#history.length + this.#bytes.length
  }

  /**
   * Takes bytes of `buf[start..end)` until something has come out or all are taken, and returns the index behind those. What
   * came out is `output[outputStart..outputEnd)`, lent until the next push. After a failure nothing is taken.
   */
  push(buf: Uint8Array, start: number, end: number): number {
    this.outputStart = this.#position
    let at = start
    try {
      while (at < end && this.failure === '' && this.outputEnd === this.outputStart) {
        const count = Math.min(end - at, this.#wanted - this.#got)
        if (this.#part === SKIPPED) this.#got += count
        else this.#keep(buf, at, at + count)
        at += count
        while (this.#got === this.#wanted && this.failure === '') this.#partComplete()
      }
    } catch (error) {
      if (!(error instanceof ZstdDamage)) throw error
      this.failure = 'damaged'
    }
    return at
  }

  get output(): Buffer {
    return this.#history
  }

  get outputEnd(): number {
    return this.#position
  }

  #keep(buf: Uint8Array, start: number, end: number): void {
    const needed = this.#got + end - start
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(MAXIMUM_BLOCK_BYTES, Math.max(needed, 2 * this.#bytes.length)))
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    // a few bytes by hand are faster than a call
    if (end - start > 16) this.#bytes.set(buf.subarray(start, end), this.#got)
    else for (let from = start, to = this.#got; from < end; ) this.#bytes[to++] = buf[from++]!
    this.#got = needed
  }

  #next(part: number, bytes: number): void {
    this.#part = part
    this.#wanted = bytes
    this.#got = 0
  }

  #partComplete(): void {
    const b = this.#bytes
    switch (this.#part) {
      case MAGIC: {
        const magic = (b[0]! | (b[1]! << 8) | (b[2]! << 16) | (b[3]! << 24)) >>> 0
        if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) this.#next(SKIPPED_SIZE, 4)
        else if (magic === FRAME_MAGIC) this.#next(DESCRIPTOR, 1)
        else this.failure = 'damaged'
        break
      }
      case DESCRIPTOR: {
        const rest = headerBytes(b[0]!)
        this.#wanted = 1 + rest
        this.#part = REST_OF_HEADER
        break
      }
      case REST_OF_HEADER:
        this.#beginFrame()
        break
      case BLOCK_HEADER:
        this.#beginBlock(b[0]! | (b[1]! << 8) | (b[2]! << 16))
        break
      case CHECKSUM:
      case SKIPPED:
        this.frames++
        this.#next(MAGIC, 4)
        break
      case SKIPPED_SIZE:
        this.#next(SKIPPED, (b[0]! | (b[1]! << 8) | (b[2]! << 16) | (b[3]! << 24)) >>> 0)
        break
      default:
        this.#takeBlock()
    }
  }

  #beginFrame(): void {
    const b = this.#bytes
    const descriptor = b[0]!
    const isSingleSegment = (descriptor & 0x20) !== 0
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!
    let at = isSingleSegment ? 1 : 2
    for (let i = 0; i < dictionaryBytes; i++) if (b[at + i] !== 0) this.failure = 'damaged'
    at += dictionaryBytes
    if ((descriptor & 8) !== 0) this.failure = 'damaged'
    if (isSingleSegment) {
      const sizeBytes = this.#wanted - at
      let size = sizeBytes === 2 ? 256 : 0
      for (let i = 0; i < sizeBytes; i++) size += b[at + i]! * 256 ** i
      this.#windowBytes = size
    } else {
      const base = 2 ** (10 + (b[1]! >> 3))
      this.#windowBytes = base + (base / 8) * (b[1]! & 7)
    }
    if (this.#windowBytes > this.#maximumWindowBytes) this.failure = 'window'
    this.#hasChecksum = (descriptor & 4) !== 0
    this.#position = 0
    this.outputStart = 0
    this.#blocks.beginFrame()
    this.#next(BLOCK_HEADER, 3)
  }

  #beginBlock(header: number): void {
    this.#lastBlock = (header & 1) !== 0
    const kind = (header >> 1) & 3
    const size = header >> 3
    this.#runBytes = size
    if (kind === 3 || size > MAXIMUM_BLOCK_BYTES) this.failure = 'damaged'
    else if (kind === 0) this.#next(RAW_BLOCK, size)
    else if (kind === 1) this.#next(RLE_BLOCK, 1)
    else this.#next(COMPRESSED_BLOCK, size)
  }

  #takeBlock(): void {
    const bytes = this.#wanted
    const most = this.#part === COMPRESSED_BLOCK ? MAXIMUM_BLOCK_BYTES : this.#runBytes
    if (most > 0) this.#makeRoom(most)
    const at = this.#position
    if (this.#part === COMPRESSED_BLOCK) {
      this.#position = this.#blocks.decode(this.#bytes, 0, bytes, this.#history, at, at, this.#windowBytes)
    } else {
      if (this.#part === RAW_BLOCK) this.#history.set(this.#bytes.subarray(0, bytes), at)
      else this.#history.fill(this.#bytes[0]!, at, at + this.#runBytes)
      this.#position += this.#runBytes
    }
    if (!this.#lastBlock) this.#next(BLOCK_HEADER, 3)
    else this.#next(CHECKSUM, this.#hasChecksum ? 4 : 0)
  }

  /** Moves the window to the front, or grows, so that so many bytes fit behind it. */
  #makeRoom(bytes: number): void {
    const { length } = this.#history
    if (this.#position + bytes <= length) return
    // a quarter of the window more: so each byte is moved four times at most
    const largest = this.#windowBytes + (this.#windowBytes >> 2) + SMALLEST_HISTORY_BYTES
    const kept = Math.min(this.#position, this.#windowBytes)
    if (length < largest) {
      const grown = Buffer.allocUnsafeSlow(Math.min(largest, Math.max(SMALLEST_HISTORY_BYTES, 2 * length)))
      this.#history.copy(grown, 0, this.#position - kept, this.#position)
      this.#history = grown
    } else this.#history.copyWithin(0, this.#position - kept, this.#position)
    this.#position = kept
    this.outputStart = kept
  }
}

/** Size of a frame's header behind its descriptor (§3.1.1.1). */
function headerBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0
  const sizeField = descriptor >> 6
  const sizeBytes = sizeField === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeField
  return (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]! + sizeBytes
}
