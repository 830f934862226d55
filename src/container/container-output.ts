// Takes a container's standard output and standard error out of the engine's stream. Each piece of it has a header of 8
// bytes: kind (1: output, 2: errors), three zeros, length (big-endian).

import type { Readable } from 'node:stream'
import { OperatorError } from '../core/errors.ts'

const HEADER_BYTES = 8
const KIND_STDOUT = 1
const KIND_STDERR = 2
const STDERR_TAIL_BYTES = 8192
const NOTHING: Buffer = Buffer.alloc(0)

/** The stream buffers a chunk or two, and reads on only when they have been taken. A slow reader slows the container. */
export class ContainerOutput {
  readonly #name: string
  readonly #stream: Readable
  #chunk = NOTHING
  #offset = 0
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0
  #kind = 0
  /** How much is left of the piece that is being taken. */
  #pieceBytes = 0
  /** When it is full, the first half is dropped. */
  readonly #stderr = Buffer.alloc(2 * STDERR_TAIL_BYTES)
  #stderrBytes = 0
  #failure: unknown = undefined
  #ended = false
  /** Wakes the read that waits. */
  #wake: () => void = () => {}

  /** `name` is used in error messages. The stream belongs to this object from now on. */
  constructor(stream: Readable, name: string) {
    this.#name = name
    this.#stream = stream
    stream.on('readable', () => this.#wake())
    stream.on('error', (error) => {
      this.#failure ??= error
    })
    // A socket notices that the other end is gone only if somebody reads.
    stream.on('end', () => stream.destroy())
    stream.on('close', () => {
      this.#ended = true
      this.#wake()
    })
  }

  /** The last of standard error, as far as the stream has been read. */
  get stderrTail(): string {
    return this.#stderr.toString('utf8', Math.max(0, this.#stderrBytes - STDERR_TAIL_BYTES), this.#stderrBytes)
  }

  /** Like ByteSource.read, of standard output; rejects with the connection's error as it is, or with OperatorError. */
  read(into: Buffer, start: number, end: number): number | Promise<number> {
    const bytes = this.#take(into, start, end)
    return bytes > 0 ? bytes : this.#readLater(into, start, end)
  }

  /** Drops what is not read yet. A read that waits gets 0. */
  destroy(): void {
    this.#stream.destroy()
    this.#chunk = NOTHING
    this.#offset = 0
  }

  async #readLater(into: Buffer, start: number, end: number): Promise<number> {
    for (;;) {
      const ended = this.#ended
      const bytes = this.#take(into, start, end)
      if (bytes > 0) return bytes
      if (ended && this.#failure !== undefined) throw this.#failure
      if (ended) return 0
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Takes as much standard output as is here and fits; 0 if there is none. Keeps standard error on the way. */
  #take(into: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && this.#fetch()) {
      if (this.#pieceBytes === 0) {
        this.#takeHeader()
        continue
      }
      const isOutput = this.#kind === KIND_STDOUT
      const here = Math.min(this.#pieceBytes, this.#chunk.length - this.#offset)
      const until = this.#offset + (isOutput ? Math.min(here, end - at) : here)
      if (isOutput) at += this.#chunk.copy(into, at, this.#offset, until)
      else if (this.#kind === KIND_STDERR) this.#keepStderr(this.#chunk.subarray(this.#offset, until))
      this.#pieceBytes -= until - this.#offset
      this.#offset = until
    }
    return at - start
  }

  /** True when there is something in #chunk to take. */
  #fetch(): boolean {
    if (this.#offset < this.#chunk.length) return true
    const chunk = this.#stream.read() as Buffer | null
    if (chunk === null) return false
    this.#chunk = chunk
    this.#offset = 0
    return true
  }

  #takeHeader(): void {
    const header = this.#header
    const bytes = Math.min(HEADER_BYTES - this.#headerBytes, this.#chunk.length - this.#offset)
    this.#chunk.copy(header, this.#headerBytes, this.#offset, this.#offset + bytes)
    this.#headerBytes += bytes
    this.#offset += bytes
    if (this.#headerBytes < HEADER_BYTES) return
    this.#headerBytes = 0
    this.#kind = header[0]!
    this.#pieceBytes = header.readUInt32BE(4)
    if (this.#kind <= KIND_STDERR && header[1] === 0 && header[2] === 0 && header[3] === 0) return
    this.#failure = new OperatorError(`${this.#name}: what the engine sends is not the output of a container`)
    this.#pieceBytes = 0
    this.destroy()
  }

  #keepStderr(bytes: Buffer): void {
    const last = bytes.subarray(-STDERR_TAIL_BYTES)
    if (this.#stderrBytes + last.length > this.#stderr.length) {
      this.#stderr.copyWithin(0, this.#stderrBytes - STDERR_TAIL_BYTES, this.#stderrBytes)
      this.#stderrBytes = STDERR_TAIL_BYTES
    }
    this.#stderrBytes += last.copy(this.#stderr, this.#stderrBytes)
  }
}
