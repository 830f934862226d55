// Reads and writes bytes four at a time, for loops that spend their time on each byte of the same few buffers.

/** Views of buffers, of which the latest is kept: nearly always the next is the same. */
export class WordView {
  #buf: Buffer
  #view: DataView

  constructor() {
    this.#buf = Buffer.alloc(0)
    this.#view = viewOf(this.#buf)
  }

  /** Has the bytes of `buf` by the same indices. Not to be kept: ask again. */
  of(buf: Buffer): DataView {
    if (buf !== this.#buf) {
      this.#view = viewOf(buf)
      this.#buf = buf
    }
    return this.#view
  }
}

function viewOf(buf: Buffer): DataView {
  return new DataView(buf.buffer, buf.byteOffset, buf.length)
}
