// Looks at the first bytes of a source and, when they are those of a compressed file, unpacks it on the way.

import { OperatorError } from '../core/errors.ts'
import type { ByteSource } from '../core/ports.ts'
import { Turns } from '../core/turns.ts'
import {
  type Compression,
  EndsEarly,
  identifyCompression,
  MAGIC_BYTES,
  mayBeCompression,
  type NextPiece,
} from './compression.ts'

/**
 * How much a decoder gets at once. After damage the source is decoded a second and a third time, with smaller pieces near it.
 */
const PIECE_BYTES = 32768
const SMALLER_PIECES = [128, 1]

/**
 * Passes an uncompressed source through untouched. Of a damaged compressed one, everything up to the damage is read,
 * then `read` rejects with an OperatorError that says where.
 */
export class DecompressSource implements ByteSource {
  readonly name: string
  readonly totalBytes: number
  readonly #turns = new Turns()
  readonly #reopen: (() => ByteSource) | undefined
  #raw: ByteSource
  #compression: Compression | undefined = undefined
  #pieces: AsyncGenerator<Uint8Array, void, undefined> | undefined = undefined
  /** The piece after the current one: unpacked, by Node's thread pool where it can, while the current one is parsed. */
  #ahead: Promise<IteratorResult<Uint8Array, void>> | undefined = undefined
  #piece: Uint8Array = new Uint8Array(0)
  #position = 0
  #detected = false
  #stopped = false
  /** How many decompressed bytes were handed out, and how many to skip when decoding again. */
  #delivered = 0
  #passOver = 0
  /** Compressed bytes given to the decoder, without and with the latest piece. */
  #before = 0
  #given = 0
  /** How often the source was decoded again. */
  #replays = 0

  /** `reopen`, where the source can be read twice, gives it from its start: used to get closer to a damage. */
  constructor(raw: ByteSource, reopen: (() => ByteSource) | undefined) {
    this.name = raw.name
    this.totalBytes = raw.totalBytes
    this.#raw = raw
    this.#reopen = reopen
  }

  get consumedBytes(): number {
    return this.#raw.consumedBytes
  }

  read(into: Buffer, start: number, end: number): number | Promise<number> {
    if (!this.#detected) return this.#detect(into, start, end)
    if (this.#compression === undefined) return this.#raw.read(into, start, end)
    if (this.#stopped) return 0
    if (this.#position < this.#piece.length) return this.#take(into, start, end)
    return this.#readNext(into, start, end)
  }

  readAhead(into: Buffer, start: number, end: number): Promise<number> | undefined {
    if (!this.#detected || this.#compression !== undefined) return undefined
    return this.#raw.readAhead?.(into, start, end)
  }

  stop(): void {
    this.#stopped = true
    this.#raw.stop()
  }

  async close(): Promise<void> {
    this.#stopped = true
    await this.#raw.close()
    // Not awaited: it may wait for input that will not come.
    void this.#pieces?.return(undefined).catch(() => {})
  }

  /** the first bytes are read into the caller's buffer, so that nothing is copied when they are not compressed */
  async #detect(into: Buffer, start: number, end: number): Promise<number> {
    let got = 0
    while (got < Math.min(MAGIC_BYTES, end - start)) {
      const bytes = await this.#raw.read(into, start + got, end)
      if (bytes === 0) break
      got += bytes
      if (!mayBeCompression(into[start]!)) break
    }
    this.#detected = true
    this.#compression = identifyCompression(into, start, start + got)
    if (this.#compression === undefined) return got
    this.#begin(
      this.#compression,
      Buffer.from(into.subarray(start, start + got)),
      Number.POSITIVE_INFINITY,
      PIECE_BYTES,
    )
    return this.#readNext(into, start, end)
  }

  /** `head` has been read already; from byte `smallFrom` on the decoder gets `smallBytes` at once. */
  #begin(compression: Compression, head: Buffer, smallFrom: number, smallBytes: number): void {
    this.#before = 0
    this.#given = 0
    this.#pieces = compression.decompress(this.#inPieces(head, smallFrom, smallBytes), this.#turns)
    this.#advance()
  }

  #inPieces(head: Buffer, smallFrom: number, smallBytes: number): NextPiece {
    let rest = head
    return async () => {
      if (rest.length === 0) {
        rest = Buffer.allocUnsafeSlow(PIECE_BYTES)
        rest = rest.subarray(0, await this.#raw.read(rest, 0, PIECE_BYTES))
      }
      this.#before = this.#given
      if (rest.length === 0) return undefined
      const most = this.#given < smallFrom ? smallFrom - this.#given : smallBytes
      const length = Math.min(rest.length, most)
      const piece = rest.subarray(0, length)
      rest = rest.subarray(length)
      this.#given += length
      return piece
    }
  }

  async #readNext(into: Buffer, start: number, end: number): Promise<number> {
    for (;;) {
      let result: IteratorResult<Uint8Array, void>
      try {
        result = await this.#ahead!
      } catch (error) {
        if (this.#stopped) return 0
        await this.#startAgain(error)
        continue
      }
      if (result.done === true || this.#stopped) return 0
      if (this.#turns.due) {
        await this.#turns.take()
        if (this.#stopped) return 0
      }
      this.#advance()
      this.#piece = result.value
      this.#position = Math.min(this.#passOver, result.value.length)
      this.#passOver -= this.#position
      if (this.#position < this.#piece.length) return this.#take(into, start, end)
    }
  }

  #advance(): void {
    this.#ahead = this.#pieces!.next()
    this.#ahead.catch(() => {}) // awaited later
  }

  /** After damage: once more from the start, in smaller pieces near it; or the error, when that is no use. */
  async #startAgain(error: unknown): Promise<void> {
    const compression = this.#compression!
    if (error instanceof OperatorError) throw error
    const smallBytes = SMALLER_PIECES[this.#replays]
    const useful = compression.losesTailOnDamage && !(error instanceof EndsEarly)
    if (this.#reopen === undefined || smallBytes === undefined || !useful) throw this.#damage(compression, error)
    this.#replays++
    this.#passOver = this.#delivered
    await this.#raw.close()
    this.#raw = this.#reopen()
    this.#begin(compression, Buffer.alloc(0), this.#before, smallBytes)
  }

  #damage(compression: Compression, error: unknown): OperatorError {
    const called = this.name === '-' ? 'standard input' : this.name
    if (error instanceof EndsEarly) {
      return new OperatorError(`${called} ends in the middle of its ${compression.name} data, at byte ${this.#given}`)
    }
    const where = this.#replays > 0 ? `at byte ${this.#before}` : `near byte ${this.#before}`
    const how = error instanceof Error ? error.message : String(error)
    return new OperatorError(`the ${compression.name} data of ${called} is damaged ${where}: ${how}`)
  }

  #take(into: Buffer, start: number, end: number): number {
    const bytes = Math.min(end - start, this.#piece.length - this.#position)
    into.set(this.#piece.subarray(this.#position, this.#position + bytes), start)
    this.#position += bytes
    this.#delivered += bytes
    return bytes
  }
}
