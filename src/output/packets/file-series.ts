// Files of a series: numbered names with a time in them, of which only the newest are kept.

import { unlinkSync } from 'node:fs'
import { extname } from 'node:path'

/** `base_00001_20261121033100.pcapng`; with `what` before the extension, `base_00001_20261121033100_refused.pcapng`. */
export function numberedName(path: string, number: number, seconds: number, what = ''): string {
  const extension = extname(path)
  const base = path.slice(0, path.length - extension.length)
  const end = what === '' ? '' : `_${what}`
  return `${base}_${String(number).padStart(5, '0')}_${fileStamp(seconds)}${end}${extension}`
}

/** `20261121033100`, in local time as dumpcap has it. */
function fileStamp(seconds: number): string {
  const date = new Date(seconds * 1000)
  const year = date.getFullYear()
  // a capture's clock may say anything, also a time that no calendar has
  if (!(year >= 0 && year <= 9999)) return '00000000000000'
  const parts = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()]
  return `${String(year).padStart(4, '0')}${parts.map((part) => String(part).padStart(2, '0')).join('')}`
}

/** The newest files of one run, removing older ones. Those of earlier runs are left alone. */
export class NewestFiles {
  readonly #keep: number
  readonly #paths: string[] = []

  /** `keep` 0: all of them stay. */
  constructor(keep: number) {
    this.#keep = keep
  }

  /** One more; removes the oldest where that is one too many. Returns the paths that are gone. */
  add(path: string): string[] {
    if (this.#keep === 0) return []
    this.#paths.push(path)
    const gone = this.#paths.splice(0, Math.max(0, this.#paths.length - this.#keep))
    for (const oldest of gone) {
      try {
        unlinkSync(oldest)
      } catch {
        // somebody else has moved or removed it
      }
    }
    return gone
  }
}
