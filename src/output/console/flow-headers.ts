// The names of flows as bytes, kept while a flow is open, because every block that it prints begins with its name.

const SHORTEST_BYTES = 128

/**
 * By flow number. Headers of an earlier `version` do not count. A buffer is used for one flow after the other, so that
 * a short connection allocates nothing.
 */
export class FlowHeaders {
  readonly #buffers: Buffer[] = []
  readonly #words: Int32Array[] = []
  readonly #lengths: number[] = []
  readonly #versions: number[] = []
  /** The version of the names that headers are made of now. */
  version = 0

  /** Length of the flow's header in bytes; 0 if there is none now. */
  lengthOf(flow: number): number {
    return flow < this.#lengths.length && this.#versions[flow] === this.version ? this.#lengths[flow]! : 0
  }

  /**
   * Copies the header (there must be one) to `position` of `out` and returns the position after it. Up to three more
   * bytes may be overwritten: it copies words, because a call of copy costs more than so few bytes.
   */
  put(flow: number, out: DataView, position: number): number {
    const words = this.#words[flow]!
    const length = this.#lengths[flow]!
    for (let i = 0; i << 2 < length; i++) out.setInt32(position + (i << 2), words[i]!, LITTLE_ENDIAN)
    return position + length
  }

  set(flow: number, text: string): void {
    this.setLength(flow, this.room(flow, text.length * 3).write(text))
  }

  /** The flow's buffer, at least `bytes` long, to put a header into. `setLength` then tells the header's length. */
  room(flow: number, bytes: number): Buffer {
    while (this.#lengths.length <= flow) {
      this.#lengths.push(0)
      this.#versions.push(0)
      this.#buffers.push(NOTHING)
      this.#words.push(NO_WORDS)
    }
    if (this.#buffers[flow]!.length < bytes) {
      const buffer = Buffer.allocUnsafeSlow(Math.max(SHORTEST_BYTES, (bytes + 3) & ~3))
      this.#buffers[flow] = buffer
      this.#words[flow] = new Int32Array(buffer.buffer)
    }
    return this.#buffers[flow]!
  }

  setLength(flow: number, bytes: number): void {
    this.#versions[flow] = this.version
    this.#lengths[flow] = bytes
  }

  forget(flow: number): void {
    if (flow < this.#lengths.length) this.#lengths[flow] = 0
  }
}

const NOTHING = Buffer.alloc(0)
const NO_WORDS = new Int32Array(0)
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
