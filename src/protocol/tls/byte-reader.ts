// Reads numbers and vectors of a handshake message (RFC 8446 §3.4). Past the end everything is 0 or empty, and `ok` is false.

export class ByteReader {
  readonly #buf: Buffer
  #pos: number
  #end: number
  ok: boolean

  constructor(buf: Buffer, start: number, end: number) {
    this.#buf = buf
    this.#pos = start
    this.#end = end
    this.ok = true
  }

  get left(): number {
    return this.#end - this.#pos
  }

  /** An unsigned number of so many bytes, at most 3. */
  number(bytes: number): number {
    if (!this.#has(bytes)) return 0
    let value = 0
    for (let i = 0; i < bytes; i++) value = (value << 8) | this.#buf[this.#pos++]!
    return value
  }

  /** A reader of what stands behind its length, which has so many bytes. */
  vector(lengthBytes: number): ByteReader {
    return this.take(this.number(lengthBytes))
  }

  take(bytes: number): ByteReader {
    if (!this.#has(bytes)) return new ByteReader(this.#buf, this.#end, this.#end)
    const from = this.#pos
    this.#pos += bytes
    return new ByteReader(this.#buf, from, this.#pos)
  }

  /** The rest, as 16-bit numbers; at most `limit`. */
  numbers(limit: number): number[] {
    const found: number[] = []
    while (this.left >= 2 && found.length < limit) found.push(this.number(2))
    return found
  }

  /** The rest, a copy. */
  bytes(): Buffer {
    return Buffer.from(this.#buf.subarray(this.#pos, this.#end))
  }

  text(limit: number): string {
    return this.#buf.toString('latin1', this.#pos, Math.min(this.#end, this.#pos + limit))
  }

  hex(): string {
    return this.#buf.toString('hex', this.#pos, this.#end)
  }

  #has(bytes: number): boolean {
    if (bytes <= this.left) return true
    this.ok = false
    this.#pos = this.#end
    return false
  }
}
