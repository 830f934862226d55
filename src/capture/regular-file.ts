// A capture in a regular file. It is read synchronously, or ahead by another thread, so that the kernel's copying costs no time
// here.

import fs from 'node:fs'
import { OperatorError } from '../core/errors.ts'
import type { ByteSource } from '../core/ports.ts'

/** Large enough that the system call costs little, small enough to still be in the processor's cache when it is parsed. */
const MOST_BYTES_A_READ = 256 * 1024
/** Large enough that waking the other thread costs little. */
const MOST_BYTES_AHEAD = 1024 * 1024

export class RegularFileSource implements ByteSource {
  readonly name: string
  readonly totalBytes: number
  consumedBytes = 0
  readonly #descriptor: number
  readonly #closeDescriptor: boolean
  readonly #readsAhead: boolean
  #stopped = false
  #closed = false
  /** A read in libuv's thread pool; resolves to the bytes read or to the error. */
  #ahead: Promise<number | Error> | undefined = undefined

  /**
   * Reads on from the descriptor's own position. Standard input's descriptor is left open (`closeDescriptor` false).
   * `readsAhead` false: only when asked to, for a run whose second thread has other things to do.
   */
  constructor(name: string, descriptor: number, totalBytes: number, closeDescriptor: boolean, readsAhead = true) {
    this.name = name
    this.totalBytes = totalBytes
    this.#descriptor = descriptor
    this.#closeDescriptor = closeDescriptor
    this.#readsAhead = readsAhead
  }

  read(into: Buffer, start: number, end: number): number {
    if (this.#stopped) return 0
    try {
      const got = fs.readSync(this.#descriptor, into, start, Math.min(end - start, MOST_BYTES_A_READ), null)
      this.consumedBytes += got
      return got
    } catch (error) {
      throw readError(this.name, error)
    }
  }

  readAhead(into: Buffer, start: number, end: number): Promise<number> | undefined {
    if (!this.#readsAhead || this.#stopped || this.consumedBytes === this.totalBytes) return undefined
    const bytes = Math.min(end - start, MOST_BYTES_AHEAD)
    const ahead = new Promise<number | Error>((resolve) => {
      fs.read(this.#descriptor, into, start, bytes, null, (error, got) => resolve(error ?? got))
    })
    this.#ahead = ahead
    return ahead.then((got) => {
      this.#ahead = undefined
      if (this.#stopped) return 0
      if (got instanceof Error) throw readError(this.name, got)
      this.consumedBytes += got
      return got
    })
  }

  stop(): void {
    this.#stopped = true
  }

  async close(): Promise<void> {
    this.#stopped = true
    if (this.#closed) return
    this.#closed = true
    // otherwise it could write into memory that has a new owner by then
    await this.#ahead
    if (this.#closeDescriptor) fs.closeSync(this.#descriptor)
  }
}

/** A failed read as the operator should see it. */
export function readError(name: string, error: unknown): OperatorError {
  const called = name === '-' ? 'standard input' : name
  if ((error as NodeJS.ErrnoException).code === 'EISDIR') return directoryError(called)
  return new OperatorError(`cannot read ${called}: ${(error as Error).message}`)
}

export function directoryError(called: string): OperatorError {
  return new OperatorError(`${called} is a directory`, `name the captures in it: tcpflow -l ${called}/*.pcap`)
}
