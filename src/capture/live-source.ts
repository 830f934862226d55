// A live interface as a source of pcapng bytes: a capture child at work, read with back-pressure.

import type { ByteSource, Delivery } from '../core/ports.ts'
import { captureError } from './capture-error.ts'
import { type CaptureRequest, parseCaptureEnd } from './capture-request.ts'
import type { CaptureChild, CaptureLauncher } from './launcher.ts'
import { SocketLanding } from './socket-landing.ts'

/** stopped: as asked; interface-gone: for example a container stopped; failed: the child ended by itself. */
export type LiveEndReason = 'stopped' | 'interface-gone' | 'failed'

export interface LiveSource extends ByteSource {
  /** Set before `read` gives its first 0. After `failed`, and where a stop had to be forced, the last block may be cut. */
  readonly endReason: LiveEndReason | undefined
  /** A line for the operator, unless the end was asked for. */
  readonly endMessage: string | undefined
  /** What to do about it, or what may lie behind it. */
  readonly endHint: string | undefined
}

/** Buffer of a source that is read with `read`: as much as a socket holds at a time. */
const LANDING_BYTES = 256 * 1024
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
  /** Once somebody reads. */
  #landing: SocketLanding | undefined = undefined
  // For `read`: what has come and was not asked for yet is #buffer[#from..#until).
  #buffer = Buffer.alloc(0)
  #from = 0
  #until = 0
  #readDone: ((bytes: number) => void) | undefined = undefined
  /** No more comes from the pipe. */
  #ended = false
  readonly #closed: Promise<void>
  #tellClosed: () => void = () => {}
  #stopTimer: NodeJS.Timeout | undefined = undefined
  #stopRequested = false

  constructor(request: CaptureRequest, child: CaptureChild) {
    this.name = request.interfaceName
    this.#request = request
    this.#child = child
    this.#closed = new Promise((resolve) => {
      this.#tellClosed = resolve
    })
  }

  /** The child writes its first block once the interface is open. */
  async opened(): Promise<void> {
    const { data } = this.#child
    const came = await new Promise<boolean>((resolve) => {
      data.once('readable', () => resolve(data.readableLength > 0))
      data.on('error', () => resolve(false))
      data.on('close', () => resolve(data.readableLength > 0))
    })
    data.removeAllListeners('readable')
    if (!came) throw captureError(await this.#child.exited, this.#request)
  }

  deliver(landing: Buffer, onBytes: (bytes: number) => boolean): Delivery {
    const onLanded = (bytes: number): boolean => {
      this.consumedBytes += bytes
      return onBytes(bytes)
    }
    const onEnd = (): void => {
      this.#ended = true
      this.#tellClosed()
      this.#explainEnd().then(() => onBytes(0))
    }
    this.#landing = new SocketLanding(this.#child.data, { buffer: landing, onBytes: onLanded, onEnd })
    return this.#landing
  }

  read(into: Buffer, start: number, end: number): number | Promise<number> {
    if (this.#from < this.#until) return this.#take(into, start, end)
    if (this.endReason !== undefined) return 0
    return new Promise((resolve) => {
      this.#readDone = (arrived) => resolve(arrived === 0 ? 0 : this.#take(into, start, end))
      this.#landing ??= this.#land()
      this.#landing.resume()
    })
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
    if (this.#landing === undefined) this.#child.data.destroy()
    else if (!this.#ended) {
      this.#landing.destroy()
      await this.#closed
    }
    await this.#child.exited
    clearTimeout(this.#stopTimer)
  }

  #land(): SocketLanding {
    this.#buffer = Buffer.allocUnsafeSlow(LANDING_BYTES)
    this.deliver(this.#buffer, (bytes) => {
      this.#from = 0
      this.#until = bytes
      this.#readDone?.(bytes)
      return false
    })
    return this.#landing!
  }

  #take(into: Buffer, start: number, end: number): number {
    const bytes = Math.min(end - start, this.#until - this.#from)
    this.#buffer.copy(into, start, this.#from, this.#from + bytes)
    this.#from += bytes
    return bytes
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
