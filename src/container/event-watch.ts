// Follows the engine's event stream, and opens it again when the engine was away.

import type { Readable } from 'node:stream'
import { engineEvent } from './docker-answers.ts'
import type { EngineEvent } from './engine.ts'

export interface EventWatchOptions {
  /**
   * Opens the stream, which may begin with a few events of the past. `signal` ends it. Resolves once no later event can be
   * missed. Rejects if the engine cannot be reached.
   */
  readonly subscribe: (signal: AbortSignal) => Promise<Readable>
  readonly onEvent: (event: EngineEvent) => void
  /** An error in words for the operator. */
  readonly explain: (error: unknown) => string
  /** First pause before trying again, and the longest; it doubles. */
  readonly firstPauseMillis?: number
  readonly longestPauseMillis?: number
}

/** An event has a few hundred bytes and a container's labels. */
const MAXIMUM_LINE_CHARACTERS = 1024 * 1024
/** Docker repeats as many events. */
const REMEMBERED_LINES = 256

export class EventWatch {
  readonly #options: EventWatchOptions
  readonly #end = new AbortController()
  readonly #firstPause: number
  readonly #longestPause: number
  #pauseMillis: number
  /** The last lines: a stream that is opened again repeats some. Times do not tell which, because clocks may be set. */
  readonly #seen = new Set<string>()
  #timer: NodeJS.Timeout | undefined = undefined
  #lost = false

  constructor(options: EventWatchOptions) {
    this.#options = options
    this.#firstPause = options.firstPauseMillis ?? 200
    this.#longestPause = options.longestPauseMillis ?? 5000
    this.#pauseMillis = this.#firstPause
  }

  /** Rejects if the engine cannot be reached now. If it is lost later, it is tried again for ever. */
  async start(): Promise<void> {
    this.#follow(await this.#options.subscribe(this.#end.signal))
  }

  stop(): void {
    this.#end.abort()
    clearTimeout(this.#timer)
  }

  get #stopped(): boolean {
    return this.#end.signal.aborted
  }

  #follow(stream: Readable): void {
    if (this.#stopped) {
      stream.destroy()
      return
    }
    let held = false
    // An engine that ends every stream at once is not asked five times a second.
    const holds = setTimeout(() => {
      held = true
    }, this.#longestPause)
    let failure: unknown
    const lines = new LineSplitter((line) => this.#line(line))
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      if (!this.#stopped) lines.push(chunk)
    })
    stream.on('error', (error) => {
      failure = error
    })
    stream.on('end', () => stream.destroy())
    stream.on('close', () => {
      clearTimeout(holds)
      if (held) this.#pauseMillis = this.#firstPause
      this.#drop(failure === undefined ? 'the engine ended its event stream' : this.#options.explain(failure))
    })
  }

  #line(line: string): void {
    if (this.#seen.has(line)) return
    this.#seen.add(line)
    if (this.#seen.size > REMEMBERED_LINES) this.#seen.delete(this.#seen.values().next().value ?? '')
    let parsed: unknown
    try {
      parsed = JSON.parse(line)
    } catch {
      return
    }
    const event = engineEvent(parsed)
    if (event !== undefined) this.#options.onEvent(event)
  }

  #drop(reason: string): void {
    if (this.#stopped) return
    if (!this.#lost) this.#say('lost', reason)
    this.#lost = true
    this.#timer = setTimeout(() => void this.#again(), this.#pauseMillis)
    this.#pauseMillis = Math.min(this.#pauseMillis * 2, this.#longestPause)
  }

  async #again(): Promise<void> {
    let stream: Readable
    try {
      stream = await this.#options.subscribe(this.#end.signal)
    } catch (error) {
      this.#drop(this.#options.explain(error))
      return
    }
    if (!this.#stopped) {
      this.#lost = false
      this.#say('back', '')
    }
    this.#follow(stream)
  }

  #say(kind: 'lost' | 'back', reason: string): void {
    this.#options.onEvent({ kind, id: '', name: '', labels: {}, network: '', reason })
  }
}

/** Splits text that comes in pieces into lines. A line that is too long is dropped. */
class LineSplitter {
  readonly #onLine: (line: string) => void
  #partial = ''
  #tooLong = false

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  push(chunk: string): void {
    let start = 0
    for (;;) {
      const end = chunk.indexOf('\n', start)
      if (end < 0) break
      const line = this.#partial + chunk.slice(start, end)
      if (!this.#tooLong && line !== '') this.#onLine(line)
      this.#partial = ''
      this.#tooLong = false
      start = end + 1
    }
    if (this.#tooLong) return
    this.#partial += chunk.slice(start)
    if (this.#partial.length > MAXIMUM_LINE_CHARACTERS) {
      this.#partial = ''
      this.#tooLong = true
    }
  }
}
