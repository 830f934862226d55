// Turns one HTTP body as it was sent into one that can be read: undoes its codings and says what is damaged.

import { HeldBytes, type HeldMemory } from '../protocol/held-bytes.ts'
import type { HttpMessage, HttpMessageEnd } from '../protocol/http/http-message.ts'
import { makeDecoder } from './content-coding.ts'
import type { ContentDecoder } from './content-decoder.ts'
import type { UnpackBudget } from './unpack-budget.ts'

/** Most codings that may be applied one after the other; nobody sends more than two. */
const MAXIMUM_CODINGS = 3
/** How much may come out of a body in any case. Beyond that, this many times what went in. */
const FREE_OUTPUT_BYTES = 16 * 1024 * 1024
const MAXIMUM_RATIO = 100
/** How much input is kept, to be shown as it was sent if nothing can be decoded: as much as brotli gathers. */
const MAXIMUM_KEPT_BYTES = 8 * 1024 * 1024

export interface DecodedBodyOutput {
  /** Decoded bytes, or bytes as sent where nothing can be decoded; lent. */
  bodyData(buf: Buffer, start: number, end: number): void
  /** The body could not be decoded, or not to its end: `reason` is a clause such as `gzip body is damaged`. */
  bodyRemark(reason: string): void
}

/**
 * Push what the framer tells of a body; `end` it exactly once. Where not even the beginning can be decoded, the body is
 * given out as sent after a remark; where decoding fails later, the rest is left out after a remark.
 */
export class DecodedBody {
  /** Something was wrong: damaged, too large, a gap in compressed data, an unknown coding. */
  failed = false
  readonly #output: DecodedBodyOutput
  readonly #budget: UnpackBudget
  readonly #name: string
  /** Decoders in the order in which data runs through them; empty: as sent. */
  #decoders: ContentDecoder[]
  /** The input, kept as long as nothing has come out of it. */
  readonly #kept: HeldBytes
  #keepsAll = true
  #failure = ''
  #inputBytes = 0
  #outputBytes = 0
  #asSent: boolean

  /** `decompress` false: as sent, whatever its codings. `budget` is the whole run's. */
  constructor(
    message: HttpMessage,
    output: DecodedBodyOutput,
    memory: HeldMemory,
    decompress: boolean,
    budget: UnpackBudget,
  ) {
    const codings = decompress ? message.codings : []
    this.#output = output
    this.#budget = budget
    this.#name = codings.join(', ')
    this.#kept = new HeldBytes(memory)
    this.#decoders = []
    this.#asSent = codings.length === 0
    if (this.#asSent) return
    if (memory.full) this.#failure = 'is one of too many to decode at once'
    else if (codings.length > MAXIMUM_CODINGS) this.#failure = 'has too many codings'
    else this.#failure = this.#makeDecoders(codings, memory, message.contentType === 'text/event-stream')
  }

  /** Returns why a decoder failed. */
  #makeDecoders(codings: readonly string[], memory: HeldMemory, progressive: boolean): string {
    let write = (buf: Buffer, start: number, end: number) => this.#write(buf, start, end)
    for (const coding of codings) {
      const decoder = makeDecoder(coding, write, memory, progressive)
      if (decoder === undefined) {
        this.#freeDecoders()
        return 'is in a coding that is not known here'
      }
      this.#decoders.unshift(decoder)
      write = (buf, start, end) => decoder.push(buf, start, end)
    }
    return ''
  }

  push(buf: Buffer, start: number, end: number): void {
    this.#inputBytes += end - start
    this.#tellFailure(false)
    if (this.#asSent) {
      this.#output.bodyData(buf, start, end)
      return
    }
    const first = this.#decoders[0]
    if (first === undefined) return
    this.#budget.receive(end - start)
    if (this.#outputBytes === 0) this.#keep(buf, start, end)
    first.push(buf, start, end)
    this.#check()
    this.#tellFailure(false)
  }

  /** Bytes are missing here: nothing behind them can be decoded. The remark about it is made when the body goes on or ends. */
  gap(): void {
    if (this.#decoders.length === 0) return
    this.#endDecoders(false)
    if (this.#failure === '') this.#failure = 'has bytes missing'
  }

  end(how: HttpMessageEnd): void {
    this.#endDecoders(how === 'complete')
    if (this.#inputBytes > 0) this.#tellFailure(true)
    this.#kept.clear()
  }

  #endDecoders(whole: boolean): void {
    for (const decoder of this.#decoders) {
      if (this.#inputBytes > 0 && this.#failure === '') decoder.end(whole)
      this.#check()
    }
    this.#freeDecoders()
  }

  #check(): void {
    for (const decoder of this.#decoders) {
      if (this.#failure === '' && decoder.failure !== '') this.#failure = decoder.failure
    }
  }

  #keep(buf: Buffer, start: number, end: number): void {
    if (this.#kept.length + end - start > MAXIMUM_KEPT_BYTES) {
      this.#kept.clear()
      this.#keepsAll = false
    }
    if (this.#keepsAll) this.#kept.append(buf, start, end)
  }

  #write(buf: Buffer, start: number, end: number): void {
    if (this.#failure !== '') return
    const outputBytes = this.#outputBytes + end - start
    if (outputBytes > FREE_OUTPUT_BYTES + MAXIMUM_RATIO * this.#inputBytes) {
      this.#failure = `grows to over ${MAXIMUM_RATIO} times its size`
    } else if (!this.#budget.spend(end - start)) this.#failure = 'is more than may be unpacked in one run'
    if (this.#failure !== '') {
      for (const decoder of this.#decoders) decoder.stop()
      return
    }
    if (this.#outputBytes === 0) this.#kept.clear()
    this.#outputBytes = outputBytes
    this.#output.bodyData(buf, start, end)
  }

  /** Says, once, what went wrong, and gives out as sent what would otherwise not be seen at all. */
  #tellFailure(atEnd: boolean): void {
    if (this.#failure === '' || this.failed) return
    this.failed = true
    this.#freeDecoders()
    this.#asSent = this.#outputBytes === 0 && this.#keepsAll
    const consequence = this.#asSent ? ': shown as it was sent' : atEnd ? '' : ': the rest is left out'
    this.#output.bodyRemark(`${this.#name} body ${this.#failure}${consequence}`)
    const kept = this.#kept
    if (this.#asSent && kept.length > 0) this.#output.bodyData(kept.buf, 0, kept.length)
    kept.clear()
  }

  #freeDecoders(): void {
    for (const decoder of this.#decoders) decoder.release()
    this.#decoders = []
  }
}
