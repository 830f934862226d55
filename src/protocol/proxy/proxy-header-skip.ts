// Where a binary PROXY header (proxy-header.ts, version 2) at the beginning of a stream ends, for readers that only have to
// skip it. Nothing is held back.

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
/** Behind the signature: version and command, family, length. */
const FIXED_BYTES = SIGNATURE.length + 4

/** Of one direction. */
export class ProxyHeaderSkip {
  /** Nothing more is to be skipped. */
  over: boolean
  /** So many bytes of it have come. */
  #read: number
  #length: number

  constructor() {
    this.over = false
    this.#read = 0
    this.#length = FIXED_BYTES
  }

  /** The stream's next bytes: the index of the first one that belongs to no header, or `end`. */
  skip(buf: Buffer, start: number, end: number): number {
    let pos = start
    for (; pos < end && this.#read < FIXED_BYTES; pos++) {
      const byte = buf[pos]!
      const at = this.#read
      if (at < SIGNATURE.length ? byte !== SIGNATURE[at] : at === SIGNATURE.length && (byte & 0xfe) !== 0x20) {
        this.over = true
        return pos
      }
      if (at >= FIXED_BYTES - 2) this.#length += at === FIXED_BYTES - 2 ? byte << 8 : byte
      this.#read++
    }
    if (this.#read < FIXED_BYTES) return end
    const skipped = Math.min(end - pos, this.#length - this.#read)
    this.#read += skipped
    this.over = this.#read === this.#length
    return pos + skipped
  }
}
