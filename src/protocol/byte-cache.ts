// What was made of bytes before is given again for the same bytes: the same few request lines and media types come over
// and over, and comparing bytes costs a fraction of making strings. Equal text is then also the same string.

interface Entry<V> {
  /** The bytes, as latin1. */
  readonly bytes: string
  readonly value: V
}

/** How many bytes, from the end, decide on the place of an entry: requests differ most often there. */
const HASHED_BYTES = 32

/** A fixed number of places; a newcomer takes the place of the one it collides with. */
export class ByteCache<V> {
  readonly #entries: (Entry<V> | undefined)[]
  readonly #mask: number

  /** `places` is a power of two. Who keeps bounds the length of the bytes. */
  constructor(places: number) {
    this.#entries = new Array<Entry<V> | undefined>(places).fill(undefined)
    this.#mask = places - 1
  }

  find(buf: Buffer, start: number, end: number): V | undefined {
    const entry = this.#entries[this.#placeOf(buf, start, end)]
    if (entry === undefined) return undefined
    const { bytes } = entry
    if (bytes.length !== end - start) return undefined
    for (let i = 0; i < bytes.length; i++) if (bytes.charCodeAt(i) !== buf[start + i]) return undefined
    return entry.value
  }

  keep(buf: Buffer, start: number, end: number, value: V): void {
    this.#entries[this.#placeOf(buf, start, end)] = { bytes: buf.toString('latin1', start, end), value }
  }

  #placeOf(buf: Buffer, start: number, end: number): number {
    let hash = end - start
    for (let i = Math.max(start, end - HASHED_BYTES); i < end; i++) hash = Math.imul(hash ^ buf[i]!, 0x01000193)
    return (hash ^ (hash >>> 15)) & this.#mask
  }
}
