// How far the reading of a file has come: one line on a terminal's stderr, redrawn in place, gone at the end.

import type { ByteSource } from '../core/ports.ts'
import type { LiveLine, TerminalMessages } from './messages.ts'
import { byteSize, counted, duration, grouped } from './plain-numbers.ts'
import { sanitizeLine } from './sanitize-text.ts'

const REDRAW_MILLIS = 200
/** Short work needs no progress. */
const FIRST_AFTER_MILLIS = 400
const ERASE = '\r\x1b[K'

/** Counts so far, read at each redraw. */
export interface ProgressCounts {
  readonly packets: number
  readonly connections: number
}

export class Progress implements LiveLine {
  readonly #messages: TerminalMessages
  readonly #columns: () => number
  readonly #counts: () => ProgressCounts
  #source: ByteSource | undefined
  #startedMillis = 0
  #drawnMillis = 0
  #packetsBefore = 0
  #drawn = false

  constructor(messages: TerminalMessages, columns: () => number, counts: () => ProgressCounts) {
    this.#messages = messages
    this.#columns = columns
    this.#counts = counts
    messages.liveLine = this
  }

  /** A source is being read from now on. */
  begin(source: ByteSource): void {
    this.#source = source
    this.#startedMillis = performance.now()
    this.#drawnMillis = this.#startedMillis + FIRST_AFTER_MILLIS - REDRAW_MILLIS
    this.#packetsBefore = this.#counts().packets
  }

  /** Call often: redraws a few times a second. */
  update(): void {
    const now = performance.now()
    if (this.#source === undefined || now - this.#drawnMillis < REDRAW_MILLIS) return
    this.#drawnMillis = now
    this.#drawn = true
    this.#messages.draw(`${ERASE}${this.#line(this.#source, now - this.#startedMillis)}`)
  }

  erase(): void {
    if (!this.#drawn) return
    this.#drawn = false
    this.#messages.draw(ERASE)
  }

  end(): void {
    this.erase()
    this.#source = undefined
  }

  #line(source: ByteSource, elapsedMillis: number): string {
    const { packets, connections } = this.#counts()
    const { consumedBytes, totalBytes } = source
    const known = totalBytes > 0
    const parts = [
      known
        ? `${byteSize(consumedBytes)} of ${byteSize(totalBytes)} (${Math.floor((100 * consumedBytes) / totalBytes)}%)`
        : byteSize(consumedBytes),
      `${grouped(Math.round(((packets - this.#packetsBefore) * 1000) / Math.max(1, elapsedMillis)))} packets/s`,
      counted(connections, 'connection'),
    ]
    if (known && consumedBytes > 0) {
      const leftMillis = (elapsedMillis * (totalBytes - consumedBytes)) / consumedBytes
      parts.push(`${duration(leftMillis * 1000)} left`)
    }
    const line = `${sanitizeLine(source.name)}  ${parts.join('  ')}`
    return line.slice(0, Math.max(10, this.#columns() - 1))
  }
}
