// A capture that comes through a pipe, FIFO or socket. Reading those with node:fs would leave a thread of Node's pool
// blocked, and a process with such a thread cannot exit; the event loop can wait for them instead.

import net from 'node:net'
import type { ByteSource } from '../core/ports.ts'
import { readError } from './regular-file.ts'

/** How much is read at one wake-up at most; a pipe holds 64 KiB by default. */
const BUFFER_BYTES = 256 * 1024

interface PendingRead {
  readonly into: Buffer
  readonly start: number
  readonly end: number
  readonly resolve: (bytes: number) => void
  readonly reject: (error: unknown) => void
}

export class PipeSource implements ByteSource {
  readonly name: string
  readonly totalBytes = -1
  consumedBytes = 0
  readonly #socket: net.Socket
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  // What came and was not asked for yet: #buffer[#from..#until).
  #from = 0
  #until = 0
  #pending: PendingRead | undefined = undefined
  #failure: unknown = undefined
  #ended = false

  /** Takes the descriptor over. Throws (Node's own error) when it is none that can be waited for. */
  constructor(name: string, descriptor: number) {
    this.name = name
    this.#socket = new net.Socket({
      fd: descriptor,
      readable: true,
      writable: false,
      onread: {
        buffer: this.#buffer,
        callback: (bytes: number) => {
          this.#from = 0
          this.#until = bytes
          this.#settle()
          return false // no more until the next read: the buffer is in use
        },
      },
    } as net.SocketConstructorOpts)
    this.#socket.on('error', (error) => {
      this.#failure = error
      this.#settle()
    })
    const end = () => {
      this.#ended = true
      this.#settle()
    }
    this.#socket.on('end', end)
    this.#socket.on('close', end)
  }

  read(into: Buffer, start: number, end: number): number | Promise<number> {
    if (this.#from < this.#until) return this.#take(into, start, end)
    if (this.#failure !== undefined) throw readError(this.name, this.#failure)
    if (this.#ended) return 0
    return new Promise((resolve, reject) => {
      this.#pending = { into, start, end, resolve, reject }
      this.#socket.resume()
    })
  }

  stop(): void {
    this.#socket.destroy()
    this.#ended = true
    this.#settle()
  }

  async close(): Promise<void> {
    this.#from = this.#until
    this.stop()
  }

  #take(into: Buffer, start: number, end: number): number {
    const bytes = Math.min(end - start, this.#until - this.#from)
    this.#buffer.copy(into, start, this.#from, this.#from + bytes)
    this.#from += bytes
    this.consumedBytes += bytes
    return bytes
  }

  /** Answers the waiting read, if there is one and something to answer. */
  #settle(): void {
    const pending = this.#pending
    if (pending === undefined) return
    const arrived = this.#from < this.#until
    if (!arrived && this.#failure === undefined && !this.#ended) return
    this.#pending = undefined
    if (arrived) pending.resolve(this.#take(pending.into, pending.start, pending.end))
    else if (this.#failure !== undefined) pending.reject(readError(this.name, this.#failure))
    else pending.resolve(0)
  }
}
