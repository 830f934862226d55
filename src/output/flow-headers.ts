// The names of flows as bytes, kept while a flow is open: they stand in front of every block that it prints.

const SHORTEST_BYTES = 128

/**
 * By flow number. Headers of an earlier `version` count as none. A buffer serves one flow after the other, so that a short connection
 * allocates none.
 */
export class FlowHeaders {
  readonly #buffers: Buffer[] = []
  readonly #lengths: number[] = []
  readonly #versions: number[] = []
  /** Of what headers are made of now. */
  version = 0

  /** Bytes of the flow's header; 0 when there is none (yet, or any more). */
  lengthOf(flow: number): number {
    return flow < this.#lengths.length && this.#versions[flow] === this.version ? this.#lengths[flow]! : 0
  }

  /** Its first `lengthOf` bytes are the header. */
  bufferOf(flow: number): Buffer {
    return this.#buffers[flow]!
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
    }
    if (this.#buffers[flow]!.length < bytes) {
      this.#buffers[flow] = Buffer.allocUnsafeSlow(Math.max(SHORTEST_BYTES, bytes))
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
