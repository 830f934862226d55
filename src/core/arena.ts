// One fixed block of WebAssembly memory from which the hot buffers are cut. The sanitising kernel can so read captured bytes in
// place; otherwise they would have to be copied in.

const PAGE_BYTES = 65536

/**
 * (module (import "arena" "memory" (memory 0 65536 shared))
 *   (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 2) (local.get 0) (local.get 1))))
 */
const COPY_MODULE_BASE64 =
  'AGFzbQEAAAABBwFgA39/fwACFAEFYXJlbmEGbWVtb3J5AgMAgIAEAwIBAAcIAQRjb3B5AAAKDgEMACACIAAgAfwKAAAL'

type CopyFunction = (source: number, bytes: number, target: number) => void

/** Hands out Buffers inside one WebAssembly.Memory that never grows (so they are never detached) and never frees. */
export class Arena {
  /** Shared, so that another thread can write what lies in it. */
  readonly memory: WebAssembly.Memory
  readonly #size: number
  #used: number
  #copy: CopyFunction | undefined = undefined

  /** `sizeBytes` is rounded up to whole 64 KiB pages; untouched pages cost no memory. */
  constructor(sizeBytes: number) {
    const pages = Math.ceil(sizeBytes / PAGE_BYTES)
    // Node's types know no shared memory
    const descriptor = { initial: pages, maximum: pages, shared: true }
    this.memory = new WebAssembly.Memory(descriptor)
    this.#size = pages * PAGE_BYTES
    this.#used = 64 // address 0 stays unused
  }

  /** The whole memory, for another thread: TypeScript's types know only memory that is not shared. */
  get shared(): SharedArrayBuffer {
    return this.memory.buffer as unknown as SharedArrayBuffer
  }

  /** A zeroed Buffer of `bytes`, 16-byte aligned. Throws RangeError when the arena is used up: a bug, sizes are fixed. */
  allocate(bytes: number): Buffer {
    const start = (this.#used + 15) & ~15
    if (start + bytes > this.#size) throw new RangeError(`arena of ${this.#size} bytes is used up`)
    this.#used = start + bytes
    return Buffer.from(this.memory.buffer, start, bytes)
  }

  /** Where a buffer lies in the memory; -1 when it does not. */
  addressOf(buf: Buffer): number {
    return buf.buffer === this.memory.buffer ? buf.byteOffset : -1
  }

  /** memmove between addresses: a fifth of what Buffer.copy costs for a packet's payload. */
  get copy(): CopyFunction {
    this.#copy ??= this.instantiate<{ copy: CopyFunction }>(COPY_MODULE_BASE64).copy
    return this.#copy
  }

  /** The functions of a WebAssembly module that works on this memory, imported as `arena` `memory`. Compiled at each call. */
  instantiate<Exports>(moduleBase64: string): Exports {
    const module = new WebAssembly.Module(Buffer.from(moduleBase64, 'base64'))
    return new WebAssembly.Instance(module, { arena: { memory: this.memory } }).exports as Exports
  }
}
