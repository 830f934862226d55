// The one way to write gathered bytes to a descriptor: with large writes, and without ever hanging in write(2) because
// the reader (`less`, a slow terminal, a stuck pipe) does not read.

import { closeSync, constants, fstatSync, openSync, type Stats, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { isatty } from 'node:tty'
import type { Sink } from '../../core/consumers.ts'
import { OperatorError } from '../../core/errors.ts'

const GATHER_BYTES = 256 * 1024
/** How long to wait before writing again to a terminal that takes nothing: first not at all, then longer and longer. */
const TERMINAL_SPINS = 50
const TERMINAL_PAUSE_MAXIMUM_MILLIS = 10

/** The reader has gone (`| head`). That is not an error: the run ends quietly. */
export class OutputClosedError extends OperatorError {
  constructor() {
    super('the reader of the output has closed it')
    this.name = 'OutputClosedError'
  }
}

export interface OutputStreamOptions {
  /** Where bytes are gathered; a buffer of the arena lets the sanitising kernel write straight into it. */
  readonly buffer?: Buffer
  /** What it is called in errors. */
  readonly name?: string
}

/** How to wait for a reader: by libuv's `poll`, or by trying again (terminals; files never make anyone wait). */
type Waiting = 'poll' | 'retry'

/**
 * Gathers and writes. Nothing here throws for what the descriptor does: after a failure output is dropped, `blocked` is
 * true, and `drain()` and then `finish()` reject with an OperatorError (OutputClosedError for a pipe without a reader).
 *
 * While a reader does not read, what cannot be written is kept in memory without bound: the caller stops its input when
 * `blocked` is true, and waits for `drain()`.
 */
export class OutputStream implements Sink {
  /** The gathering buffer, for kernels that write in place: see `reserve`. */
  readonly buffer: Buffer
  readonly #name: string
  readonly #fd: number
  /** We have opened it again, so we must close it. */
  readonly #ownFd: boolean
  readonly #waiting: Waiting
  #position = 0
  /** What could not be written yet, oldest first; all of it is older than what is gathered. */
  #queue: Buffer[] = []
  #failure: OperatorError | undefined
  #failureTold = false
  #abandoned = false
  #socket: Socket | undefined
  #draining: Promise<void> | undefined
  /** Ends a wait at once, see abandon(). */
  #wake: (() => void) | undefined
  /** Bytes handed to the descriptor so far. */
  writtenBytes = 0

  constructor(fd: number, options: OutputStreamOptions = {}) {
    this.buffer = options.buffer ?? Buffer.allocUnsafeSlow(GATHER_BYTES)
    this.#name = options.name ?? 'output'
    const opened = openWithoutBlocking(fd)
    this.#fd = opened.fd
    this.#ownFd = opened.fd !== fd
    this.#waiting = opened.waiting
    // a socket cannot be opened again: this sets the one we have to non-blocking
    if (this.#waiting === 'poll' && !this.#ownFd) this.#openSocket()
  }

  get blocked(): boolean {
    // while libuv has the bytes, the queue is empty and yet they are not written
    const waiting = this.#queue.length > 0 || this.#draining !== undefined
    return waiting || (this.#failure !== undefined && !this.#failureTold)
  }

  /** Copies `buf[start..end)`. */
  write(buf: Buffer, start: number, end: number): void {
    const length = end - start
    if (length > this.buffer.length) {
      this.flush()
      this.#send(buf, start, end)
      return
    }
    const position = this.reserve(length)
    buf.copy(this.buffer, position, start, end)
    this.#position = position + length
  }

  /** As UTF-8. */
  writeText(text: string): void {
    const bound = text.length * 3
    if (bound > this.buffer.length) {
      const bytes = Buffer.from(text, 'utf8')
      this.write(bytes, 0, bytes.length)
      return
    }
    const position = this.reserve(bound)
    this.#position = position + this.buffer.write(text, position)
  }

  /**
   * Makes `bytes` (at most `buffer.length`) of room and returns the position in `buffer` where they may be put; then
   * `commit` with the position behind what was really put.
   */
  reserve(bytes: number): number {
    if (this.#position + bytes > this.buffer.length) {
      if (bytes > this.buffer.length) throw new RangeError(`${bytes} bytes do not fit the gathering buffer`)
      this.flush()
    }
    return this.#position
  }

  commit(position: number): void {
    this.#position = position
  }

  flush(): void {
    const end = this.#position
    if (end === 0) return
    this.#position = 0
    this.#send(this.buffer, 0, end)
  }

  drain(): Promise<void> {
    if (!this.blocked) return Promise.resolve()
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined
    })
    return this.#draining
  }

  /** Writes everything, however long the reader takes. Rejects with an error that `drain` has not told yet. */
  async finish(): Promise<void> {
    this.flush()
    try {
      while (this.blocked) await this.drain()
    } finally {
      this.#release()
    }
  }

  /** Drops what is not written yet and ends every wait: for an operator who does not want to wait any longer. */
  abandon(): void {
    this.#abandoned = true
    this.#position = 0
    this.#queue = []
    this.#wake?.()
  }

  #send(buf: Buffer, start: number, end: number): void {
    if (this.#failure !== undefined || this.#abandoned) return
    // while libuv writes the queue, our own writes would overtake it
    if (this.#draining === undefined) this.#sendQueue()
    const from = this.#queue.length === 0 && this.#draining === undefined ? this.#put(buf, start, end) : start
    if (from < end && this.#failure === undefined) this.#queue.push(Buffer.from(buf.subarray(from, end)))
  }

  #sendQueue(): void {
    while (this.#queue.length > 0) {
      const first = this.#queue[0]!
      const from = this.#put(first, 0, first.length)
      if (this.#failure !== undefined) return
      if (from < first.length) {
        this.#queue[0] = first.subarray(from)
        return
      }
      this.#queue.shift()
    }
  }

  /** Writes until the descriptor takes no more; returns where it has stopped. */
  #put(buf: Buffer, start: number, end: number): number {
    let from = start
    while (from < end) {
      try {
        const count = writeSync(this.#fd, buf, from, end - from)
        this.writtenBytes += count
        from += count
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code
        if (code === 'EAGAIN') return from
        this.#fail(code)
        return end
      }
    }
    return from
  }

  #fail(code: string | undefined): void {
    this.#failure ??= asOperatorError(code, this.#name)
    this.#queue = []
    this.#position = 0
  }

  async #drain(): Promise<void> {
    let spins = 0
    while (this.#queue.length > 0 && !this.#abandoned) {
      if (this.#waiting === 'poll') {
        await this.#writeByPolling()
      } else {
        const before = this.writtenBytes
        this.#sendQueue()
        spins = this.writtenBytes > before ? 0 : spins + 1
        if (this.#queue.length > 0) await this.#pause(spins)
      }
    }
    if (this.#failure !== undefined && !this.#failureTold) {
      this.#failureTold = true
      throw this.#failure
    }
  }

  /** Gives the queue to libuv, which waits until the pipe or socket can be written to. */
  async #writeByPolling(): Promise<void> {
    const socket = this.#socket ?? this.#openSocket()
    const bytes = Buffer.concat(this.#queue)
    this.#queue = []
    await new Promise<void>((resolve) => {
      this.#wake = () => {
        socket.destroy()
        resolve()
      }
      socket.write(bytes, (error) => {
        // what was abandoned is cancelled, and that is not an error
        if (error) {
          if (!this.#abandoned) this.#fail((error as NodeJS.ErrnoException).code)
        } else this.writtenBytes += bytes.length
        resolve()
      })
    })
    this.#wake = undefined
  }

  #openSocket(): Socket {
    const socket = new Socket({ fd: this.#fd, readable: false, writable: true })
    // the callback of the write has told it already
    socket.on('error', () => {})
    this.#socket = socket
    return socket
  }

  /**
   * Lets the event loop turn before the next try, so that signals are handled.
   * 276t| the first write will tell what is wrong
   */
  #pause(spins: number): Promise<void> {
    return new Promise((resolve) => {
      if (spins < TERMINAL_SPINS) {
        setImmediate(resolve)
        return
      }
      const timer = setTimeout(resolve, Math.min(spins - TERMINAL_SPINS + 1, TERMINAL_PAUSE_MAXIMUM_MILLIS))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #release(): void {
    if (!this.#ownFd) this.#socket?.unref()
    else if (this.#socket !== undefined) this.#socket.destroy()
    else closeSync(this.#fd)
  }
}

/**
 * Descriptors are shared with the shell and with other processes, so O_NONBLOCK must not be set on them. A pipe or
 * terminal is opened once more through /proc, which makes a description of our own. A socket cannot be opened so; libuv
 * sets it non-blocking, which concerns only those who share this very end. Where nothing helps writes block.
 */
function openWithoutBlocking(fd: number): { fd: number; waiting: Waiting } {
  let status: Stats
  try {
    status = fstatSync(fd)
  } catch {
    return { fd, waiting: 'retry' } // the first write will say what is wrong
  }
  const terminal = status.isCharacterDevice() && isatty(fd)
  if (status.isFIFO() || terminal) {
    try {
      const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
      return { fd: own, waiting: terminal ? 'retry' : 'poll' }
    } catch {
      // no /proc, or we may not open it (after giving up root)
    }
  }
  return { fd, waiting: status.isSocket() ? 'poll' : 'retry' }
}

function asOperatorError(code: string | undefined, name: string): OperatorError {
  switch (code) {
    case 'EPIPE':
    case 'ECONNRESET':
      return new OutputClosedError()
    case 'ENOSPC':
    case 'EDQUOT':
      return new OperatorError(
        `no space left on the disk of ${name === 'output' ? 'the output' : name}`,
        'everything written so far is intact; make room and run again',
      )
    case 'EFBIG':
      return new OperatorError(`${name} would grow past the largest size allowed (see ulimit -f)`)
    case 'EIO':
      return new OperatorError(`${name} cannot be written: the device reports an error (EIO)`)
    case 'EBADF':
      return new OperatorError(`${name} is closed`)
    default:
      return new OperatorError(`${name} cannot be written (${code ?? 'unknown error'})`)
  }
}
