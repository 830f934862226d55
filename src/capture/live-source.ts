// A live interface as a source of pcapng bytes: a capture child at work, read with back-pressure.

import { once } from 'node:events'
import type { ByteSource } from '../core/ports.ts'
import { captureError } from './capture-error.ts'
import { type CaptureRequest, parseCaptureEnd } from './capture-request.ts'
import type { CaptureChild, CaptureLauncher } from './launcher.ts'

/** stopped: as asked; interface-gone: a container stopped, say; failed: the child broke off. */
export type LiveEndReason = 'stopped' | 'interface-gone' | 'failed'

export interface LiveSource extends ByteSource {
  /** Set before `read` gives its first 0. After `failed`, and where a stop had to be forced, the last block may be cut. */
  readonly endReason: LiveEndReason | undefined
  /** A line for the operator, unless the end was asked for. */
  readonly endMessage: string | undefined
  /** What to do about it, or what may lie behind it. */
  readonly endHint: string | undefined
}

/** A child that was asked to stop and has not by then is killed. */
const STOP_DEADLINE_MILLIS = 1500

/**
 * Opens an interface. Resolves once packets are really being seen, so the line that says so may be printed. Rejects with
 * OperatorError.
 */
export async function openLiveSource(request: CaptureRequest, launcher: CaptureLauncher): Promise<LiveSource> {
  const source = new ChildSource(request, await launcher.launch(request))
  await source.opened()
  return source
}

class ChildSource implements LiveSource {
  readonly name: string
  readonly totalBytes = -1
  consumedBytes = 0
  endReason: LiveEndReason | undefined = undefined
  endMessage: string | undefined = undefined
  endHint: string | undefined = undefined
  readonly #request: CaptureRequest
  readonly #child: CaptureChild
  #chunk: Buffer = Buffer.alloc(0)
  #chunkOffset = 0
  /** No more comes from the pipe. */
  #ended = false
  /** Wakes the read that waits. */
  #wake: () => void = () => {}
  #stopTimer: NodeJS.Timeout | undefined = undefined
  #stopRequested = false

  constructor(request: CaptureRequest, child: CaptureChild) {
    this.name = request.interfaceName
    this.#request = request
    this.#child = child
    const { data } = child
    data.on('readable', () => this.#wake())
    data.on('error', () => {}) // `close` follows
    data.on('close', () => {
      this.#ended = true
      this.#wake()
    })
    // Without a reader at its end the stream would not notice that.
    data.on('end', () => data.destroy())
  }

  /** The child writes its first block once the interface is open. */
  async opened(): Promise<void> {
    while (!this.#fetch()) {
      if (this.#ended) throw captureError(await this.#child.exited, this.#request)
      await this.#arrival()
    }
  }

  read(into: Buffer, start: number, end: number): number | Promise<number> {
    if (this.#fetch()) return this.#take(into, start, end)
    return this.#readLater(into, start, end)
  }

  stop(): void {
    if (this.#stopRequested) return
    this.#stopRequested = true
    this.#child.stop()
    this.#stopTimer = setTimeout(() => this.#child.kill(), STOP_DEADLINE_MILLIS)
  }

  async close(): Promise<void> {
    this.#stopRequested = true
    this.#child.kill()
    if (!this.#ended) {
      const closed = once(this.#child.data, 'close')
      this.#child.data.destroy()
      await closed
    }
    await this.#child.exited
    clearTimeout(this.#stopTimer)
  }

  async #readLater(into: Buffer, start: number, end: number): Promise<number> {
    while (!this.#fetch()) {
      if (this.#ended) {
        await this.#explainEnd()
        return 0
      }
      await this.#arrival()
    }
    return this.#take(into, start, end)
  }

  /** True when there are bytes to take. The socket holds a chunk or two, and reads on only when they are taken. */
  #fetch(): boolean {
    if (this.#chunkOffset < this.#chunk.length) return true
    const chunk = this.#child.data.read() as Buffer | null
    if (chunk === null) return false
    this.#chunk = chunk
    this.#chunkOffset = 0
    return true
  }

  #take(into: Buffer, start: number, end: number): number {
    const bytes = Math.min(end - start, this.#chunk.length - this.#chunkOffset)
    this.#chunk.copy(into, start, this.#chunkOffset, this.#chunkOffset + bytes)
    this.#chunkOffset += bytes
    this.consumedBytes += bytes
    return bytes
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  async #explainEnd(): Promise<void> {
    if (this.endReason !== undefined) return
    const exit = await this.#child.exited
    clearTimeout(this.#stopTimer)
    const code = parseCaptureEnd(exit.stderrTail)?.code
    if (this.#stopRequested) {
      this.endReason = 'stopped'
    } else {
      const { message, hint } = captureError(exit, this.#request)
      this.endReason = code === 'interface-gone' ? 'interface-gone' : 'failed'
      this.endMessage = message
      this.endHint = hint
    }
  }
}
