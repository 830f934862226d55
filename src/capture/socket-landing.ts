// A socket whose bytes are read into one buffer, the same for every read: Node's streams allocate 64 KiB for each, and other
// threads collect them again.

import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'

export interface SocketLandingOptions {
  /** Where the bytes come to lie, from its beginning on. */
  readonly buffer: Buffer
  /** So many lie there now. True: they have been used, more may come at once. False: not before `resume`. */
  readonly onBytes: (bytes: number) => boolean
  /** Nothing more comes: the other side has ended, the socket failed, or it was destroyed. */
  readonly onEnd: () => void
}

/** Begins with `resume`. */
export class SocketLanding {
  readonly #socket: Socket | undefined
  readonly #options: SocketLandingOptions
  /** What the socket had read on its own account. */
  readonly #early: Buffer
  #earlyAt = 0
  #ended = false

  /** Takes the socket over: it is of no use to anybody else afterwards. */
  constructor(socket: Socket, options: SocketLandingOptions) {
    this.#options = options
    this.#early = readBuffered(socket)
    this.#socket = reopen(socket, { buffer: options.buffer, callback: options.onBytes })
    this.#socket?.on('error', () => {}) // `close` follows
    this.#socket?.on('close', () => this.#end())
    // Without a writing side it would close by itself, but not in every version of Node.
    this.#socket?.on('end', () => this.#socket?.destroy())
  }

  resume(): void {
    const { buffer, onBytes } = this.#options
    while (this.#earlyAt < this.#early.length) {
      const bytes = this.#early.copy(buffer, 0, this.#earlyAt)
      this.#earlyAt += bytes
      if (!onBytes(bytes)) return
    }
    if (this.#socket === undefined) this.#end()
    else this.#socket.resume()
  }

  destroy(): void {
    this.#socket?.destroy()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#options.onEnd()
  }
}

function readBuffered(socket: Socket): Buffer {
  const chunks: Buffer[] = []
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/**
 * Node lets one say where a socket's bytes go (`onread`) only to whom opens it, and the sockets of child processes are opened
 * by itself. So the same connection gets another Socket, as Node's own child_process and cluster do it. undefined where the
 * connection has ended.
 */
function reopen(socket: Socket, onread: OnReadOpts): Socket | undefined {
  const owner = socket as unknown as { _handle: unknown }
  const handle = owner._handle
  if (!handle) return undefined
  owner._handle = null
  socket.destroy()
  const options = { handle, readable: true, writable: false, pauseOnCreate: true, onread }
  return new Socket(options as SocketConstructorOpts)
}
