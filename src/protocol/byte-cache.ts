// Remembers what was made of some bytes, and gives it again for the same bytes. The same few request lines and media types come
// again and again, and comparing bytes costs much less than making strings. Equal text is then also the same string object.

import { hashOf } from './word-scan.ts'

/** How many bytes, from the end, decide on the place of an entry: requests differ most often there. */
const HASHED_BYTES = 32

/** It has a fixed number of places; a new entry replaces the one that it collides with. */
export class ByteCache<V> {
  /** The bytes of each entry, as latin1. */
  readonly #bytes: (string | undefined)[]
  readonly #values: (V | undefined)[]
  readonly #mask: number
  /** Where the latest find() looked. */
  #place: number

  /** `places` is a power of two. The caller of `keep` limits the length of the bytes. */
  constructor(places: number) {
    this.#bytes = new Array<string | undefined>(places).fill(undefined)
    this.#values = new Array<V | undefined>(places).fill(undefined)
    this.#mask = places - 1
    this.#place = 0
  }

  find(buf: Buffer, start: number, end: number): V | undefined {
    const place = hashOf(buf, Math.max(start, end - HASHED_BYTES), end) & this.#mask
    this.#place = place
    const bytes = this.#bytes[place]
    if (bytes === undefined || bytes.length !== end - start) return undefined
    // compared from the end, because entries that share a place by chance usually differ there
    for (let i = bytes.length - 1; i >= 0; i--) if (bytes.charCodeAt(i) !== buf[start + i]) return undefined
    return this.#values[place]
  }

  /** `bytes`, as latin1, are those that find() has just not found. */
  keep(bytes: string, value: V): void {
    this.#bytes[this.#place] = bytes
    this.#values[this.#place] = value
  }
}
