// Strings and times as JSON text.

import type { Timestamp } from '../core/timestamp.ts'
import { escapeHidden } from './sanitize-text.ts'

/** Last second of the year 9999: a damaged capture may claim any number, and JSON has no use for it. */
const LATEST_SECONDS = 253_402_300_799

/** A string literal that no terminal acts on. */
export function jsonString(text: string): string {
  return escapeHidden(JSON.stringify(text))
}

export class JsonTime {
  #seconds = Number.NaN
  #second = ''
  #epoch = ''

  /** `"time":"2026-01-31T12:00:00.123456Z","epoch":1769860800.123456`. */
  fields(t: Timestamp): string {
    if (t.seconds !== this.#seconds) {
      const seconds = Math.min(Math.max(t.seconds, 0), LATEST_SECONDS)
      this.#seconds = t.seconds
      this.#second = new Date(seconds * 1000).toISOString().slice(0, 19)
      this.#epoch = String(seconds)
    }
    const micros = String(Math.floor(t.nanos / 1000)).padStart(6, '0')
    return `"time":"${this.#second}.${micros}Z","epoch":${this.#epoch}.${micros}`
  }
}
