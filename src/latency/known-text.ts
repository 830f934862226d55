// Text that is put together over and over, and is nearly always one of a few: what it was made of may be new each time, but
// the same text is then the same string, which maps find at once.

const FIRST_LENGTH = 512

export class KnownText {
  /** UTF-16. */
  #units: Uint16Array
  readonly #known: string[]

  /** `places` is a power of two; a text that was not known takes the place of one that collides with it. */
  constructor(places: number) {
    this.#units = new Uint16Array(FIRST_LENGTH)
    this.#known = new Array<string>(places).fill('')
  }

  /** Where the text is to be put, in UTF-16; it has room for `length`. */
  begin(length: number): Uint16Array {
    if (length > this.#units.length) this.#units = new Uint16Array(length)
    return this.#units
  }

  /** The text of which `length` units were put since `begin`. */
  finish(length: number): string {
    const units = this.#units
    let hash = length
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ units[i]!, 0x01000193)
    const place = (hash ^ (hash >>> 15)) & (this.#known.length - 1)
    const known = this.#known[place]!
    if (known.length === length && this.#is(known)) return known
    const text = String.fromCharCode(...units.subarray(0, length))
    this.#known[place] = text
    return text
  }

  #is(known: string): boolean {
    const units = this.#units
    for (let i = 0; i < known.length; i++) if (known.charCodeAt(i) !== units[i]) return false
    return true
  }
}
