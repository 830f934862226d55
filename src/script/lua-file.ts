// A file as Lua's io library sees it: synchronous, buffered both ways.

import { closeSync, readSync, writeSync } from 'node:fs'

const BUFFER_BYTES = 65536
const NEWLINE = 10

/** Replaces the descriptor of standard output and standard error. */
export type Writer = (bytes: Uint8Array) => void

/** Every method but `close` throws what node:fs throws. */
export class LuaFile {
  readonly name: string
  closed = false
  /** One of the three standard files: cannot be closed. */
  readonly standard: boolean
  readonly #fd: number
  readonly #writer: Writer | undefined
  #readBuffer: Buffer = Buffer.alloc(0)
  #readAt = 0
  #ended = false
  /** Position of the next read or write in the file; -1: wherever the descriptor is (pipes, append). */
  #offset: number
  #written: Uint8Array[] = []
  #writtenBytes = 0

  /** `fd` -1: only `contents` can be read, or `writer` written to. */
  constructor(name: string, fd: number, options: FileOptions = {}) {
    this.name = name
    this.#fd = fd
    this.#writer = options.writer
    this.standard = options.standard ?? false
    this.#offset = options.seekable ? 0 : -1
    if (options.contents !== undefined) this.#readBuffer = options.contents
  }

  /** Keeps `bytes`: they must not change. */
  write(bytes: Uint8Array): void {
    if (this.#writer !== undefined) {
      this.#writer(bytes)
      return
    }
    if (this.#readAt < this.#readBuffer.length) this.#forgetRead()
    this.#written.push(bytes)
    this.#writtenBytes += bytes.length
    if (this.#writtenBytes >= BUFFER_BYTES) this.flush()
  }

  flush(): void {
    if (this.#writtenBytes === 0) return
    const bytes = Buffer.concat(this.#written)
    this.#written = []
    this.#writtenBytes = 0
    for (let from = 0; from < bytes.length; ) {
      const count = writeSync(this.#fd, bytes, from, bytes.length - from, this.#offset < 0 ? null : this.#offset)
      from += count
      if (this.#offset >= 0) this.#offset += count
    }
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    try {
      this.flush()
    } finally {
      if (this.#fd > 2) closeSync(this.#fd)
    }
  }

  /** A line with or without its newline; undefined at the end. */
  readLine(keepNewline: boolean): Uint8Array | undefined {
    let from = 0
    for (;;) {
      const at = this.#readBuffer.indexOf(NEWLINE, this.#readAt + from)
      if (at >= 0) {
        const line = this.#take(at + 1 - this.#readAt)
        return keepNewline ? line : line.subarray(0, line.length - 1)
      }
      from = this.#available
      if (!this.#fill()) return this.#available > 0 ? this.#take(this.#available) : undefined
    }
  }

  readAll(): Uint8Array {
    while (this.#fill());
    return this.#take(this.#available)
  }

  /** Up to `count` bytes; undefined at the end. */
  readBytes(count: number): Uint8Array | undefined {
    while (this.#available < count && this.#fill());
    if (this.#available === 0 && (count > 0 || !this.#fill())) return undefined
    return this.#take(Math.min(count, this.#available))
  }

  /** A number in decimal or hexadecimal, after blanks; undefined if there is none. */
  readNumber(): number | undefined {
    while (this.#available < 200 && this.#fill());
    const text = this.#readBuffer.toString('latin1', this.#readAt, this.#readAt + 200)
    const match = /^\s*([-+]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))/.exec(text)
    if (match === null) return undefined
    this.#take(match[0].length)
    const sign = match[1]!.startsWith('-') ? -1 : 1
    return sign * Number(match[1]!.replace(/^[-+]/, ''))
  }

  /** Moves to `offset` from the start (`set`), from here (`cur`) or from the end; returns where that is. */
  seek(whence: 'set' | 'cur' | 'end', offset: number, sizeBytes: () => number): number {
    this.flush()
    const here = Math.max(0, this.#offset) - this.#available
    const base = whence === 'set' ? 0 : whence === 'cur' ? here : sizeBytes()
    this.#readBuffer = Buffer.alloc(0)
    this.#readAt = 0
    this.#ended = false
    this.#offset = Math.max(0, base + offset)
    return this.#offset
  }

  get descriptor(): number {
    return this.#fd
  }

  get #available(): number {
    return this.#readBuffer.length - this.#readAt
  }

  /** Before a write, what was read ahead is given back. */
  #forgetRead(): void {
    if (this.#offset >= 0) this.#offset -= this.#available
    this.#readBuffer = Buffer.alloc(0)
    this.#readAt = 0
  }

  #fill(): boolean {
    if (this.#ended || this.#fd < 0) return false
    this.flush()
    const piece = Buffer.allocUnsafe(BUFFER_BYTES)
    const count = readSync(this.#fd, piece, 0, BUFFER_BYTES, this.#offset < 0 ? null : this.#offset)
    if (count === 0) {
      this.#ended = true
      return false
    }
    if (this.#offset >= 0) this.#offset += count
    this.#readBuffer = Buffer.concat([this.#readBuffer.subarray(this.#readAt), piece.subarray(0, count)])
    this.#readAt = 0
    return true
  }

  #take(count: number): Uint8Array {
    const bytes = new Uint8Array(this.#readBuffer.subarray(this.#readAt, this.#readAt + count))
    this.#readAt += count
    return bytes
  }
}

export interface FileOptions {
  readonly writer?: Writer
  readonly contents?: Buffer
  readonly standard?: boolean
  readonly seekable?: boolean
}
