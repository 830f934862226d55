// What a memcached server answers in the text protocol. Of a reply its first word, its bytes and times, and what it says of
// whose it is (key, opaque) are kept; values are skipped.

import type { ExchangeStatus } from '../../core/exchange.ts'
import { Timestamp } from '../../core/timestamp.ts'
import type { ResponseFacts } from '../exchange-pairing.ts'
import { wireText } from '../wire-text.ts'
import { isAscii } from '../word-scan.ts'
import { dataLengthOf, NO_LENGTH } from './memcached-numbers.ts'
import {
  ANSWER_ERROR,
  ANSWER_META,
  ANSWER_VALUES,
  DUMP_REPLY,
  findReplyWord,
  hashOfBytes,
} from './memcached-text-commands.ts'
import { MemcachedTextLines, NOT_A_LINE, type TextLineConsumer } from './memcached-text-lines.ts'

const MAXIMUM_TEXT = 256
const MAXIMUM_WORD = 32
const BLANK = 0x20

export interface TextReplyConsumer {
  /** A reply is complete: what the MemcachedTextReplies says of itself. */
  onReply(): void
  onRepliesLost(): void
}

export class MemcachedTextReplies implements ResponseFacts, TextLineConsumer {
  // --- the reply, valid during onReply ---
  readonly start = new Timestamp()
  readonly end = new Timestamp()
  bytes = 0
  status: ExchangeStatus = 'ok'
  /** Its first word (`VALUE`, `END`, `STORED`, `HD`), '' for a number; an error's whole line. */
  statusText = ''
  /** ANSWER_ bits: the requests that can get it. */
  answer = 0
  /** Hashes of the key and of the opaque that it names, 0 for none. */
  key = 0
  opaque = 0

  readonly lines: MemcachedTextLines
  readonly #consumer: TextReplyConsumer
  /** Lines of this reply came and more follow; the line under way is not the last. */
  #inside = false
  #more = false

  constructor(consumer: TextReplyConsumer, fromBeginning: boolean) {
    this.#consumer = consumer
    this.lines = new MemcachedTextLines(this, fromBeginning)
  }

  get underWay(): boolean {
    return this.#inside || this.lines.underWay
  }

  get atBoundary(): boolean {
    return this.lines.atBoundary && !this.#inside
  }

  gap(missing: number): boolean {
    const kept = this.lines.gap(missing)
    if (!kept) this.#inside = false
    return kept
  }

  onLineBegin(t: Timestamp, _known: boolean): void {
    if (this.#inside) return
    this.start.set(t)
    this.bytes = 0
    this.status = 'ok'
    this.statusText = ''
    this.answer = 0
    this.key = 0
    this.opaque = 0
  }

  onLine(buf: Buffer, start: number, end: number): number {
    let pos = start
    while (pos < end && buf[pos] !== BLANK) pos++
    const text = buf.toString('latin1', start, Math.min(pos, start + MAXIMUM_WORD))
    const found = findReplyWord(text)
    // A configuration's data ends with a line end too many.
    const word = found === undefined && text === '' && this.#inside ? DUMP_REPLY : found
    if (word === undefined) return NOT_A_LINE
    const fails = word.answer === ANSWER_ERROR
    if (this.#inside) {
      if (!word.more && !fails && word.word !== 'END') return NOT_A_LINE
    } else {
      this.answer = word.answer
      this.statusText = word.word
    }
    if (fails) {
      const stop = Math.min(end, start + MAXIMUM_TEXT)
      this.status = 'error'
      if (!this.#inside) this.answer = ANSWER_ERROR
      this.statusText = wireText(buf, start, stop, isAscii(buf, start, stop), stop < end)
    }
    this.#more = word.more
    return this.#words(buf, pos, end, word.lengthAt)
  }

  /** The words after the first: what the reply says of its data (returned), its key and its opaque. */
  #words(buf: Buffer, start: number, end: number, lengthAt: number): number {
    // What follows ME is the key, and no flags.
    const meta = this.answer === ANSWER_META && this.statusText !== 'ME'
    let data = NO_LENGTH
    let index = 0
    let pos = start
    while (pos < end) {
      while (pos < end && buf[pos] === BLANK) pos++
      const begin = pos
      while (pos < end && buf[pos] !== BLANK) pos++
      if (begin === pos) break
      index++
      if (index === lengthAt) data = dataLengthOf(buf, begin, pos)
      else if (this.answer === ANSWER_VALUES && index === 1 && !this.#inside) this.key = hashOfBytes(buf, begin, pos)
      else if (meta && buf[begin] === 0x4f) this.opaque = hashOfBytes(buf, begin + 1, pos)
      else if (meta && buf[begin] === 0x6b) this.key = hashOfBytes(buf, begin + 1, pos)
    }
    return lengthAt > 0 && data === NO_LENGTH ? NOT_A_LINE : data
  }

  passesBadEnd(): boolean {
    return false
  }

  onEntry(bytes: number, t: Timestamp): void {
    this.bytes += bytes
    this.#inside = this.#more
    if (this.#more) return
    this.end.set(t)
    this.#consumer.onReply()
  }

  onLinesLost(): void {
    this.#inside = false
    this.#consumer.onRepliesLost()
  }
}
