// Follows the frames of zstd data (RFC 8878 §3.1) without decoding them: some versions of Node do not report that one is cut
// off.

const MAGIC = 0
const SKIPPABLE_SIZE = 1
const DESCRIPTOR = 2
const BLOCK = 3
/** What follows is no frame; the decoder reports that itself. */
const LOST = 4

const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const
const RLE_BLOCK = 1
const RESERVED_BLOCK = 3

export class ZstdFrames {
  #state = MAGIC
  /** The little-endian number that is being read: bytes wanted, got, and what they make so far. */
  #wanted = 4
  #got = 0
  #value = 0
  /** Bytes to pass over before that. */
  #skip = 0
  #checksumBytes = 0

  /** All that was pushed ends where a frame ends, as far as can be told. */
  get whole(): boolean {
    return this.#state === LOST || (this.#state === MAGIC && this.#got === 0 && this.#skip === 0)
  }

  /** Returns the index behind the first frame that ends here; the length where none does, or what follows is no frame. */
  push(bytes: Uint8Array): number {
    for (let at = 0; at < bytes.length && this.#state !== LOST; ) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, bytes.length - at)
        this.#skip -= passed
        at += passed
        if (this.#skip === 0 && this.#state === MAGIC) return at
        continue
      }
      this.#value += bytes[at++]! * 2 ** (8 * this.#got++)
      if (this.#got < this.#wanted) continue
      const value = this.#value
      this.#got = 0
      this.#value = 0
      this.#take(value)
      if (this.#state === MAGIC && this.#skip === 0) return at
    }
    return bytes.length
  }

  #take(value: number): void {
    switch (this.#state) {
      case MAGIC:
        if (value === FRAME_MAGIC) this.#expect(DESCRIPTOR, 1)
        else if (value >= SKIPPABLE_MAGIC && value < SKIPPABLE_MAGIC + 16) this.#expect(SKIPPABLE_SIZE, 4)
        else this.#state = LOST
        break
      case SKIPPABLE_SIZE:
        this.#skip = value
        this.#expect(MAGIC, 4)
        break
      case DESCRIPTOR:
        this.#skip = headerBytes(value)
        this.#checksumBytes = (value & 4) !== 0 ? 4 : 0
        this.#expect(BLOCK, 3)
        break
      default:
        this.#takeBlockHeader((value & 1) !== 0, (value >> 1) & 3, value >> 3)
    }
  }

  #takeBlockHeader(last: boolean, type: number, size: number): void {
    this.#skip = type === RLE_BLOCK ? 1 : size
    if (type === RESERVED_BLOCK) this.#state = LOST
    else if (last) {
      this.#skip += this.#checksumBytes
      this.#expect(MAGIC, 4)
    }
  }

  #expect(state: number, bytes: number): void {
    this.#state = state
    this.#wanted = bytes
  }
}

/** Length of a frame's header behind its descriptor: window, dictionary's id, content's size. */
function headerBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 32) !== 0
  const sizeFlag = descriptor >> 6
  const sizeBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag
  return (isSingleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3] + sizeBytes
}
