// The names of flows as bytes, kept while a flow is open: they stand in front of every block that it prints.

const SHORTEST_BYTES = 128

/**
 * By flow number. Headers of an earlier `version` count as none. A buffer serves one flow after the other, so that a short connection
 * allocates none.
 */
export class FlowHeaders {
  readonly #buffers: Buffer[] = []
  readonly #words: Int32Array[] = []
  readonly #lengths: number[] = []
  readonly #versions: number[] = []
  /** Of what headers are made of now. */
  version = 0

  /** Bytes of the flow's header; 0 when there is none (yet, or any more). */
  lengthOf(flow: number): number {
    return flow < this.#lengths.length && this.#versions[flow] === this.version ? this.#lengths[flow]! : 0
  }

  /**
   * Puts the header (there must be one) at `position` of `out` and returns the position behind it; up to three bytes
   * behind that are overwritten. Goes by words: a call of copy costs more than so few bytes.
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

  /** The flow's buffer, of at least `bytes`, to put a header into; `setLength` then says how long it is. */
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
