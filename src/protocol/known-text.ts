// Remembers strings that are put together again and again and are nearly always among a few. The same text gives the same
// string object, which maps find at once.

const FIRST_LENGTH = 512

interface Known {
  readonly text: string
  /** The text in UTF-16, two units a word; what is missing in the last one is 0. */
  readonly words: Int32Array
}

export class KnownText {
  /** UTF-16, and the same memory by words. */
  #units: Uint16Array
  #words: Int32Array
  readonly #known: (Known | undefined)[]

  /** `places` is a power of two; a text that was not known takes the place of one that collides with it. */
  constructor(places: number) {
    this.#words = new Int32Array(FIRST_LENGTH / 2)
    this.#units = new Uint16Array(this.#words.buffer)
    this.#known = new Array<Known | undefined>(places).fill(undefined)
  }

  /** Where the text is to be put, in UTF-16; it has room for `length`. */
  begin(length: number): Uint16Array {
    if (length >= this.#units.length) {
      this.#words = new Int32Array((length >> 1) + 1)
      this.#units = new Uint16Array(this.#words.buffer)
    }
    return this.#units
  }

  /** The text of which `length` units were put since `begin`. */
  finish(length: number): string {
    this.#units[length] = 0
    const words = this.#words
    const count = (length + 1) >> 1
    let hash = length
    for (let i = 0; i < count; i++) hash = Math.imul(hash ^ words[i]!, 0x9e3779b1)
    const place = (hash ^ (hash >>> 15)) & (this.#known.length - 1)
    const known = this.#known[place]
    if (known !== undefined && known.text.length === length && this.#are(known.words)) return known.text
    const text = String.fromCharCode(...this.#units.subarray(0, length))
    this.#known[place] = { text, words: words.slice(0, count) }
    return text
  }

  #are(known: Int32Array): boolean {
    const words = this.#words
    for (let i = 0; i < known.length; i++) if (known[i] !== words[i]) return false
    return true
  }
}
