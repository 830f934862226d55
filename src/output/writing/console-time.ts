// The time before a block (`--time`): the capture's, in local time as tcpdump has it.

import type { Timestamp } from '../../core/timestamp.ts'
import { Literal, putDigits, putLiteral } from './put-bytes.ts'

/** `2026-01-31 12:34:56.123456 ` */
export const TIME_PREFIX_BYTES = 27

const BLANK = 32
/** 9999-12-31 at noon, in any time zone of that year: a damaged capture may claim any number of seconds. */
const LATEST_SECONDS = 253_402_257_600

/** Keeps the text of the latest second, so that most times need only six new digits. */
export class TimePrefix {
  /** `2026-01-31 12:34:56.` */
  #second = new Literal('')
  #seconds = Number.NaN
  readonly #formatted = Buffer.alloc(TIME_PREFIX_BYTES)

  /** Writes TIME_PREFIX_BYTES at `position` and returns the position behind them. */
  put(t: Timestamp, out: Buffer, position: number): number {
    if (t.seconds !== this.#seconds) this.#set(t.seconds)
    const at = putDigits(Math.floor(t.nanos / 1000), 6, out, putLiteral(this.#second, out, position))
    out[at] = BLANK
    return at + 1
  }

  /** Without the space: for lines that are made as strings. */
  format(t: Timestamp): string {
    this.put(t, this.#formatted, 0)
    return this.#formatted.toString('latin1', 0, TIME_PREFIX_BYTES - 1)
  }

  #set(seconds: number): void {
    const date = new Date(Math.min(Math.max(seconds, 0), LATEST_SECONDS) * 1000)
    const year = String(date.getFullYear()).padStart(4, '0').slice(-4)
    const day = `${year}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
    const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
    this.#second = new Literal(`${day} ${time}.`)
    this.#seconds = seconds
  }
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
