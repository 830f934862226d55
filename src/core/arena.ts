// One fixed block of WebAssembly memory that the hot buffers are cut from, so that the sanitising kernel can read
// captured bytes where they lie instead of having them copied in first.

const PAGE_BYTES = 65536

/** Hands out Buffers inside one WebAssembly.Memory that never grows (so they are never detached) and never frees. */
export class Arena {
  readonly memory: WebAssembly.Memory
  readonly #size: number
  #used: number

  /** `sizeBytes` is rounded up to whole 64 KiB pages; untouched pages cost no memory. */
  constructor(sizeBytes: number) {
    const pages = Math.ceil(sizeBytes / PAGE_BYTES)
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    this.#size = pages * PAGE_BYTES
    this.#used = 64 // address 0 stays unused
  }

  /** A zeroed Buffer of `bytes`, 16-byte aligned. Throws RangeError when the arena is used up: a bug, sizes are fixed. */
  allocate(bytes: number): Buffer {
    const start = (this.#used + 15) & ~15
    if (start + bytes > this.#size) throw new RangeError(`arena of ${this.#size} bytes is used up`)
    this.#used = start + bytes
    return Buffer.from(this.memory.buffer, start, bytes)
  }
}
