// What a memcached client asks in the text protocol: commands and their data, meta flags included.

import type { Timestamp } from '../../core/timestamp.ts'
import { PendingRequest } from '../pending-requests.ts'
import { wireText } from '../wire-text.ts'
import { isAscii } from '../word-scan.ts'
import {
  ANSWER_VALUES,
  findTextCommand,
  hashOfBytes,
  type TextCommand,
  UNKNOWN_TEXT_COMMAND,
} from './memcached-text-commands.ts'
import { MemcachedTextLines, NOT_A_LINE, type TextLineConsumer } from './memcached-text-lines.ts'

/** Bits of PendingRequest.flags beside the ANSWER_ ones: what its `mark` is the hash of. */
export const MARK_KEY = 1 << 10
export const MARK_OPAQUE = 1 << 11
/** The answer says the key (meta flag k). */
export const RETURNS_KEY = 1 << 12
/** A request that asked for no answer came just before: an error may be its. */
export const SILENT_BEFORE = 1 << 13

const MAXIMUM_REQUEST = 1024
const MAXIMUM_KEY = 256
const MAXIMUM_WORD = 32
const BLANK = 0x20

export interface TextRequestConsumer {
  onRequestBegin(known: boolean): void
  onRequest(draft: PendingRequest): void
  onRequestsLost(): void
}

export class MemcachedTextRequests implements TextLineConsumer {
  readonly draft = new PendingRequest()
  readonly lines: MemcachedTextLines
  readonly #consumer: TextRequestConsumer
  #command: TextCommand = UNKNOWN_TEXT_COMMAND
  #dataBytes = -1

  constructor(consumer: TextRequestConsumer, fromBeginning: boolean) {
    this.#consumer = consumer
    this.lines = new MemcachedTextLines(this, fromBeginning)
  }

  onLineBegin(t: Timestamp, known: boolean): void {
    this.draft.start.set(t)
    this.#consumer.onRequestBegin(known)
  }

  onLine(buf: Buffer, start: number, end: number, guessed: boolean): number {
    const draft = this.draft
    let pos = start
    while (pos < end && buf[pos] !== BLANK) pos++
    const word = buf.toString('latin1', start, Math.min(pos, start + MAXIMUM_WORD))
    const command = findTextCommand(word)
    if (command === UNKNOWN_TEXT_COMMAND && (guessed || !isPrintable(buf, start, end))) return NOT_A_LINE
    this.#command = command
    this.#dataBytes = -1
    draft.command = command === UNKNOWN_TEXT_COMMAND ? word : command.name
    draft.key = ''
    draft.quiet = false
    draft.flags = command.answer
    draft.mark = 0
    draft.count = command.answered ? 1 : 0
    const stop = Math.min(end, start + MAXIMUM_REQUEST)
    draft.request = wireText(buf, start, stop, isAscii(buf, start, stop), stop < end)
    this.#words(buf, pos, end)
    return this.#dataBytes
  }

  /** The words after the command. */
  #words(buf: Buffer, start: number, end: number): void {
    let index = 0
    let pos = start
    while (pos < end) {
      while (pos < end && buf[pos] === BLANK) pos++
      const begin = pos
      while (pos < end && buf[pos] !== BLANK) pos++
      if (begin < pos) this.#word(++index, buf, begin, pos, pos >= end)
    }
  }

  #word(index: number, buf: Buffer, start: number, end: number, last: boolean): void {
    const { draft } = this
    const command = this.#command
    if (index === command.lengthAt) {
      this.#dataBytes = lengthOf(buf, start, end)
    } else if (index === command.keyAt) {
      const stop = Math.min(end, start + MAXIMUM_KEY)
      draft.key = wireText(buf, start, stop, isAscii(buf, start, stop), stop < end)
      draft.mark = hashOfBytes(buf, start, end)
      draft.flags |= MARK_KEY
    } else if (index > command.keyAt) {
      if (command.meta) this.#flag(buf, start, end)
      else if (command.answer === ANSWER_VALUES) draft.flags &= ~MARK_KEY
      else if (last && command.noreply && isNoreply(buf, start, end)) draft.count = 0
    }
  }

  #flag(buf: Buffer, start: number, end: number): void {
    const { draft } = this
    const letter = buf[start]
    if (letter === 0x71 && end === start + 1) {
      draft.quiet = true
    } else if (letter === 0x6b && end === start + 1) {
      draft.flags |= RETURNS_KEY
    } else if (letter === 0x4f) {
      draft.mark = hashOfBytes(buf, start + 1, end)
      draft.flags = (draft.flags & ~MARK_KEY) | MARK_OPAQUE
    }
  }

  onEntry(bytes: number, t: Timestamp): void {
    this.draft.bytes = bytes
    this.draft.end.set(t)
    this.#consumer.onRequest(this.draft)
  }

  onLinesLost(): void {
    this.#consumer.onRequestsLost()
  }
}

function isNoreply(buf: Buffer, start: number, end: number): boolean {
  return end - start === 7 && buf.toString('latin1', start, end) === 'noreply'
}

/** -1 when it is no number: the server then takes what follows for a command. */
export function lengthOf(buf: Buffer, start: number, end: number): number {
  if (end - start > 10) return -1
  let length = 0
  for (let i = start; i < end; i++) {
    const digit = buf[i]! - 0x30
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length
}

function isPrintable(buf: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (buf[i]! < 0x20 || buf[i] === 0x7f) return false
  return true
}
