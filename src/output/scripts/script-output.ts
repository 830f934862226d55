// What scripts print goes to the stream that the run prints to: harmless on a terminal, byte for byte elsewhere.

import type { Sink } from '../../core/consumers.ts'
import { sanitizeText } from '../terminal/sanitize-text.ts'
import type { OutputStream } from '../writing/output-stream.ts'

export interface ScriptOutputOptions {
  /** The stream ends on a terminal: bytes that would act on it become dots. */
  readonly terminal: boolean
  /** Others print to the stream too, and one of them finishes it. */
  readonly shared: boolean
  /** Called before something is printed, so that it does not land in the middle of another line. */
  readonly makeWay: () => void
}

export class ScriptOutput implements Sink {
  readonly #stream: OutputStream
  readonly #options: ScriptOutputOptions

  constructor(stream: OutputStream, options: ScriptOutputOptions) {
    this.#stream = stream
    this.#options = options
  }

  /** Copies `bytes`. */
  print(bytes: Uint8Array): void {
    this.#options.makeWay()
    const buf = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (this.#options.terminal) this.#stream.writeText(sanitizeText(buf.toString('utf8')).replaceAll('\ufffd', '.'))
    else this.#stream.write(buf, 0, buf.length)
  }

  get blocked(): boolean {
    return this.#stream.blocked
  }

  drain(): Promise<void> {
    return this.#stream.drain()
  }

  flush(): void {
    this.#stream.flush()
  }

  async finish(): Promise<void> {
    if (!this.#options.shared) await this.#stream.finish()
  }
}
