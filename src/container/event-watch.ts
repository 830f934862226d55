// The engine's event stream, held through its restarts.

import type { Readable } from 'node:stream'
import { engineEvent } from './docker-answers.ts'
import type { EngineEvent } from './engine.ts'

export interface EventWatchOptions {
  /**
   * Opens the stream, which may begin with a little of the past; `signal` ends it. Resolves once no later event can be
   * missed; rejects where the engine cannot be reached.
   */
  readonly subscribe: (signal: AbortSignal) => Promise<Readable>
  readonly onEvent: (event: EngineEvent) => void
  /** What an error is to the operator. */
  readonly explain: (error: unknown) => string
  /** First pause before trying again, and the longest; it doubles. */
  readonly firstPauseMillis?: number
  readonly longestPauseMillis?: number
}

/** An event has a few hundred bytes and a container's labels. */
const MAXIMUM_LINE_CHARACTERS = 1024 * 1024
/** As many as Docker repeats. */
const REMEMBERED_LINES = 256

export class EventWatch {
  readonly #options: EventWatchOptions
  readonly #end = new AbortController()
  readonly #firstPause: number
  readonly #longestPause: number
  #pauseMillis: number
  /** The last lines, because a stream that is opened again repeats some. By time it could not be told: clocks are set. */
  readonly #seen = new Set<string>()
  #timer: NodeJS.Timeout | undefined = undefined
  #lost = false

  constructor(options: EventWatchOptions) {
    this.#options = options
    this.#firstPause = options.firstPauseMillis ?? 200
    this.#longestPause = options.longestPauseMillis ?? 5000
    this.#pauseMillis = this.#firstPause
  }

  /** Rejects when the engine cannot be reached now; afterwards it tries for ever. */
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
    // An engine that ends each stream at once is not to be asked five times a second.
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

/** Lines out of text that is cut anywhere. One that is too long is left out. */
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
