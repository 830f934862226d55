// A capture child that runs in a sidecar container, as a live source: the same child, its pcapng over the engine's API.

import { captureError } from '../capture/capture-error.ts'
import { type CaptureRequest, COMMAND_GO, COMMAND_STOP, parseCaptureEnd } from '../capture/capture-request.ts'
import type { LiveEndReason, LiveSource } from '../capture/live-source.ts'
import { notOurImage } from '../container/docker-sidecar.ts'
import type { Engine, Sidecar } from '../container/engine.ts'
import type { OperatorError } from '../core/errors.ts'

/** Where our image keeps the child; the image's own entrypoint would start the whole program. */
const NODE = 'node'
const CHILD_PATH = '/opt/tcpflow/dist/capture-child.js'
const FIRST_READ_BYTES = 65_536
const STOP_DEADLINE_MILLIS = 3000
/** Of Node with libpcap, several times what it uses; the kernel's ring of packets comes on top. */
const CHILD_MEMORY_BYTES = 256 * 1024 * 1024

/** Resolves once packets are really being seen. Rejects with OperatorError, and no container is left behind then. */
export async function openSidecarSource(
  engine: Engine,
  image: string,
  targetId: string,
  request: CaptureRequest,
): Promise<LiveSource> {
  const sidecar = await engine.startSidecar({
    image,
    targetId,
    entrypoint: [NODE],
    command: [CHILD_PATH, JSON.stringify(request)],
    memoryBytes: CHILD_MEMORY_BYTES + request.kernelBufferBytes,
  })
  const source = new SidecarSource(sidecar, request, image)
  try {
    await source.opened()
  } catch (error) {
    await source.close()
    throw error
  }
  return source
}

class SidecarSource implements LiveSource {
  readonly name: string
  readonly totalBytes = -1
  endReason: LiveEndReason | undefined = undefined
  endMessage: string | undefined = undefined
  endHint: string | undefined = undefined
  readonly #sidecar: Sidecar
  readonly #request: CaptureRequest
  readonly #image: string
  #first = Buffer.alloc(FIRST_READ_BYTES)
  #firstEnd = 0
  #firstAt = 0
  #stopRequested = false
  #stopTimer: NodeJS.Timeout | undefined = undefined

  constructor(sidecar: Sidecar, request: CaptureRequest, image: string) {
    this.name = request.interfaceName
    this.#sidecar = sidecar
    this.#request = request
    this.#image = image
  }

  get consumedBytes(): number {
    return this.#sidecar.data.consumedBytes
  }

  /** The child writes its first block once the interface is open. */
  async opened(): Promise<void> {
    this.#sidecar.send(Buffer.of(COMMAND_GO))
    this.#firstEnd = await this.#sidecar.data.read(this.#first, 0, FIRST_READ_BYTES)
    if (this.#firstEnd === 0) throw this.#error()
  }

  read(into: Buffer, start: number, end: number): number | Promise<number> {
    if (this.#firstAt < this.#firstEnd) {
      const bytes = Math.min(end - start, this.#firstEnd - this.#firstAt)
      this.#first.copy(into, start, this.#firstAt, this.#firstAt + bytes)
      this.#firstAt += bytes
      return bytes
    }
    const got = this.#sidecar.data.read(into, start, end)
    return typeof got === 'number' ? this.#noteEnd(got) : got.then((bytes) => this.#noteEnd(bytes))
  }

  stop(): void {
    if (this.#stopRequested) return
    this.#stopRequested = true
    this.#sidecar.send(Buffer.of(COMMAND_STOP))
    this.#stopTimer = setTimeout(() => void this.#sidecar.data.close(), STOP_DEADLINE_MILLIS)
  }

  async close(): Promise<void> {
    this.#stopRequested = true
    clearTimeout(this.#stopTimer)
    await this.#sidecar.data.close()
  }

  #noteEnd(bytes: number): number {
    if (bytes > 0 || this.endReason !== undefined) return bytes
    clearTimeout(this.#stopTimer)
    if (this.#stopRequested) {
      this.endReason = 'stopped'
      return 0
    }
    const gone = parseCaptureEnd(this.#sidecar.stderrTail)?.code === 'interface-gone'
    this.endReason = gone ? 'interface-gone' : 'failed'
    const { message, hint } = this.#error()
    this.endMessage = message
    this.endHint = hint
    return 0
  }

  #error(): OperatorError {
    const { stderrTail } = this.#sidecar
    if (stderrTail.includes(`Cannot find module '${CHILD_PATH}'`)) return notOurImage(this.#image, CHILD_PATH)
    return captureError({ exitCode: null, signal: null, stderrTail }, this.#request)
  }
}
