// Progress of reading a file: one line on a terminal's stderr, redrawn in place, and removed at the end.

import { byteSize, counted, duration, grouped } from '../../core/plain-numbers.ts'
import type { ByteSource } from '../../core/ports.ts'
import { sanitizeLine } from '../terminal/sanitize-text.ts'
import type { LiveLine, TerminalMessages } from './messages.ts'

const REDRAW_MILLIS = 200
/** Short work needs no progress. */
const FIRST_AFTER_MILLIS = 400
/** Of a long name, this much of its end is shown. */
const MINIMUM_NAME_LENGTH = 12
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
  readonly #clock: () => number
  #source: ByteSource | undefined
  #startedMillis = 0
  #drawnMillis = 0
  #packetsBefore = 0
  #drawn = false

  /** `clock` gives milliseconds that never go back. Do not make one if stderr is not a terminal. */
  constructor(
    messages: TerminalMessages,
    columns: () => number,
    counts: () => ProgressCounts,
    clock: () => number = () => performance.now(),
  ) {
    this.#messages = messages
    this.#columns = columns
    this.#counts = counts
    this.#clock = clock
    messages.liveLine = this
  }

  /** From now on a new source is being read. */
  begin(source: ByteSource): void {
    this.#source = source
    this.#startedMillis = this.#clock()
    this.#drawnMillis = this.#startedMillis + FIRST_AFTER_MILLIS - REDRAW_MILLIS
    this.#packetsBefore = this.#counts().packets
  }

  /** Call it often: it redraws only a few times a second. */
  update(): void {
    const now = this.#clock()
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
    const { totalBytes } = source
    const known = totalBytes > 0
    // a file that is still being written may have grown
    const bytes = known ? Math.min(source.consumedBytes, totalBytes) : source.consumedBytes
    const parts = [
      known
        ? `${byteSize(bytes)} of ${byteSize(totalBytes)} (${Math.floor((100 * bytes) / totalBytes)}%)`
        : byteSize(bytes),
      `${rounded(((packets - this.#packetsBefore) * 1000) / Math.max(1, elapsedMillis))} packets/s`,
      counted(connections, 'connection'),
    ]
    if (known && bytes > 0 && bytes < totalBytes) {
      parts.push(`${duration(((elapsedMillis * (totalBytes - bytes)) / bytes) * 1000)} left`)
    }
    return fitted(sanitizeLine(source.name), parts, Math.max(10, this.#columns() - 1))
  }
}

/** `950`, `12 k`, `1.2 M`. */
function rounded(count: number): string {
  if (count < 10_000) return grouped(Math.round(count))
  return count < 1e6 ? `${Math.round(count / 1000)} k` : `${(count / 1e6).toFixed(1)} M`
}

/** Name and parts on one line of that width: first the name loses its beginning, then the last parts are left out. */
function fitted(name: string, parts: readonly string[], width: number): string {
  for (let count = parts.length; count > 0; count--) {
    const numbers = parts.slice(0, count).join('  ')
    const room = width - numbers.length - 2
    if (room >= name.length) return `${name}  ${numbers}`
    if (room >= MINIMUM_NAME_LENGTH) return `…${name.slice(name.length - room + 1)}  ${numbers}`
  }
  return parts[0]!.slice(0, width)
}
