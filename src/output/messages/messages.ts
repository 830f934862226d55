// Lines for the operator, on stderr: `tcpflow: …`. Nothing in them can move a cursor, and they never wait for a reader.

import { counted } from '../../core/plain-numbers.ts'
import type { Messages } from '../../core/ports.ts'
import { sanitizeLine, sanitizeText } from '../terminal/sanitize-text.ts'
import { OutputStream } from '../writing/output-stream.ts'

/** A line that is redrawn in place on the same terminal (progress); it is removed before a message is printed. */
export interface LiveLine {
  erase(): void
}

export interface MessagesOptions {
  /** false: -q. */
  readonly info: boolean
  /** false: --no-notes. */
  readonly notes: boolean
  /** What lines begin with; tcpflow if absent. */
  readonly program?: string
}

export class TerminalMessages implements Messages {
  /** Set by whoever draws a live line. */
  liveLine: LiveLine | undefined = undefined
  /** Called before each line. If both streams go to one terminal, what was printed earlier must appear earlier. */
  beforeLine: (() => void) | undefined = undefined
  readonly #stream: OutputStream
  readonly #options: MessagesOptions
  readonly #program: string
  /** How many errors were printed. */
  errors = 0
  #unheard = 0

  constructor(fd: number, options: MessagesOptions) {
    this.#stream = new OutputStream(fd, { buffer: Buffer.allocUnsafe(16 * 1024), name: 'standard error' })
    this.#options = options
    this.#program = options.program ?? 'tcpflow'
  }

  note(line: string): void {
    if (this.#options.notes) this.#say(line, true)
  }

  info(line: string): void {
    if (this.#options.info) this.#say(line, false)
  }

  error(line: string, hint?: string): void {
    this.errors++
    this.#say(line, false)
    if (hint !== undefined)
      this.#write(
        hint
          .split('\n')
          .map((each) => `  ${sanitizeLine(each)}\n`)
          .join(''),
      )
  }

  /** Raw text for the live line; not a message. */
  draw(text: string): void {
    if (!this.#stream.blocked) this.#write(text)
  }

  /** What a script writes to standard error, unchanged except for what would act on a terminal. */
  write(text: string): void {
    if (this.#stream.blocked) return
    this.liveLine?.erase()
    this.beforeLine?.()
    this.#write(sanitizeText(text))
  }

  /** Writes everything out. Never rejects: there is nobody left to tell. */
  async finish(): Promise<void> {
    await this.#stream.finish().catch(() => {})
  }

  /** Stops waiting for a reader that does not read. */
  abandon(): void {
    if (this.#stream.blocked) this.#stream.abandon()
  }

  #say(line: string, mayBeLost: boolean): void {
    if (mayBeLost && this.#stream.blocked) {
      this.#unheard++
      return
    }
    this.liveLine?.erase()
    this.beforeLine?.()
    if (this.#unheard > 0) {
      this.#write(`${this.#program}: ${counted(this.#unheard, 'note')} left out, standard error was not read\n`)
      this.#unheard = 0
    }
    this.#write(`${this.#program}: ${sanitizeLine(line)}\n`)
  }

  #write(text: string): void {
    this.#stream.writeText(text)
    this.#stream.flush()
    // The reader is slow, not gone: what waits is written as soon as there is room.
    if (this.#stream.blocked) this.#stream.drain().catch(() => {})
  }
}
