// What a memcached client asks in the text protocol: commands and their data, meta flags included; and which of them the server
// refuses. The server refuses a command before it reads the data behind it, so it takes the data for commands, line by line. Of
// data with a wrong length it takes as much as was announced, and the rest for a command (tried with 1.6.18).

import type { Timestamp } from '../../core/timestamp.ts'
import { PendingRequest } from '../pending-requests.ts'
import { wireText } from '../wire-text.ts'
import { isAscii } from '../word-scan.ts'
import { dataLengthOf, isNumber, isUnsigned, NO_LENGTH } from './memcached-numbers.ts'
import {
  ANSWER_ERROR,
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
/** The server answers with an error. */
export const REFUSED = 1 << 14
/** It is what came after a refused command, or after data that were too long: no command, if the server took it for data. */
export const REST = 1 << 15

/** The command of a line that has none. */
const NO_COMMAND = '(no command)'
const EMPTY_LINE = '(empty line)'
const MAXIMUM_REQUEST = 1024
const MAXIMUM_KEY = 256
/** The server's own. */
const LONGEST_KEY = 250
const MAXIMUM_WORD = 32
const BLANK = 0x20

export interface TextRequestConsumer {
  onRequestBegin(known: boolean): void
  onRequest(draft: PendingRequest): void
  onRequestsLost(): void
  /** What was read up to here is certain. */
  readonly inStep: boolean
}

export class MemcachedTextRequests implements TextLineConsumer {
  readonly draft = new PendingRequest()
  readonly lines: MemcachedTextLines
  readonly #consumer: TextRequestConsumer
  #command: TextCommand = UNKNOWN_TEXT_COMMAND
  #dataBytes = NO_LENGTH
  #words = 0
  #lastStart = 0
  #lastEnd = 0
  /** A word is not what the server takes there. */
  #isMalformed = false
  /** What comes next may be the data of a refused command, or the rest of data that were too long. */
  #restFollows = false
  /** The latest line is no command that is known here: data may follow it. */
  #afterUnknown = false

  constructor(consumer: TextRequestConsumer, fromBeginning: boolean) {
    this.#consumer = consumer
    this.lines = new MemcachedTextLines(this, fromBeginning)
  }

  onLineBegin(t: Timestamp, known: boolean): void {
    this.draft.start.set(t)
    this.#consumer.onRequestBegin(known)
  }

  onLine(buf: Buffer, lineStart: number, end: number, guessed: boolean): number {
    const draft = this.draft
    let start = lineStart
    while (start < end && buf[start] === BLANK) start++
    let pos = start
    while (pos < end && buf[pos] !== BLANK) pos++
    const word = buf.toString('latin1', start, Math.min(pos, start + MAXIMUM_WORD))
    const command = findTextCommand(word)
    const isKnown = command !== UNKNOWN_TEXT_COMMAND
    const isExpected = this.#restFollows || this.#afterUnknown || isPrintable(buf, start, end)
    if (!isKnown && (guessed || !isExpected)) return NOT_A_LINE
    this.#command = command
    this.#dataBytes = NO_LENGTH
    this.#words = 1
    this.#isMalformed = false
    draft.command = isKnown ? command.name : this.#restFollows || !isWord(word) ? NO_COMMAND : word
    draft.key = ''
    draft.quiet = false
    draft.flags = command.answer
    draft.mark = 0
    draft.count = command.answered ? 1 : 0
    const stop = Math.min(end, start + MAXIMUM_REQUEST)
    draft.request = start === end ? EMPTY_LINE : wireText(buf, start, stop, isAscii(buf, start, stop), stop < end)
    this.#readWords(buf, pos, end)
    this.#judge(buf)
    return this.#dataBytes
  }

  /** The words after the command. */
  #readWords(buf: Buffer, start: number, end: number): void {
    let pos = start
    while (pos < end) {
      while (pos < end && buf[pos] === BLANK) pos++
      const begin = pos
      while (pos < end && buf[pos] !== BLANK) pos++
      if (begin === pos) return
      this.#lastStart = begin
      this.#lastEnd = pos
      this.#word(this.#words++, buf, begin, pos)
    }
  }

  #word(index: number, buf: Buffer, start: number, end: number): void {
    const { draft } = this
    const command = this.#command
    if (index === command.lengthAt) {
      this.#dataBytes = dataLengthOf(buf, start, end)
    } else if (index === command.keyAt) {
      const stop = Math.min(end, start + MAXIMUM_KEY)
      draft.key = wireText(buf, start, stop, isAscii(buf, start, stop), stop < end)
      draft.mark = hashOfBytes(buf, start, end)
      draft.flags |= MARK_KEY
      if (end - start > LONGEST_KEY) this.#isMalformed = true
    } else if (index > command.keyAt) {
      if (command.meta) this.#flag(buf, start, end)
      else if (command.answer === ANSWER_VALUES) draft.flags &= ~MARK_KEY
      else if (command.lengthAt > 0 && !isStorageNumber(index, buf, start, end, command)) this.#isMalformed = true
    }
  }

  /** Whether the server will refuse the line, now that all its words are known. */
  #judge(buf: Buffer): void {
    const { draft } = this
    const command = this.#command
    const words = this.#words
    const isMiscounted = words < command.fewestWords || words > command.mostWords
    const asksForNoReply =
      command.noreply && words > 1 + command.keyAt && isNoreply(buf, this.#lastStart, this.#lastEnd)
    if (asksForNoReply && !isMiscounted) draft.count = 0
    this.#afterUnknown = command === UNKNOWN_TEXT_COMMAND
    if (this.#afterUnknown) {
      if (this.#restFollows) draft.flags = ANSWER_ERROR | REST
      return
    }
    this.#restFollows = false
    if (isMiscounted) this.#isMalformed = true
    if (command.lengthAt > 0 && (this.#isMalformed || this.#dataBytes === NO_LENGTH)) {
      this.#isMalformed = true
      this.#dataBytes = NO_LENGTH
      this.#restFollows = true
    }
    if (this.#isMalformed) this.#refuse()
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

  passesBadEnd(): boolean {
    if (!this.#consumer.inStep) return false
    this.#restFollows = true
    this.#refuse()
    return true
  }

  /** The meta flag q keeps no such error away. */
  #refuse(): void {
    this.draft.flags |= REFUSED
    this.draft.quiet = false
  }

  onEntry(bytes: number, t: Timestamp): void {
    this.draft.bytes = bytes
    this.draft.end.set(t)
    this.#consumer.onRequest(this.draft)
  }

  onLinesLost(): void {
    this.#restFollows = false
    this.#afterUnknown = false
    this.#consumer.onRequestsLost()
  }
}

/** The words of a storage command that are numbers, but for the length; those of `ms` are flags. */
function isStorageNumber(index: number, buf: Buffer, start: number, end: number, command: TextCommand): boolean {
  if (index === 2) return isUnsigned(buf, start, end)
  if (index === 3) return isNumber(buf, start, end)
  return index !== 5 || command.name !== 'cas' || isUnsigned(buf, start, end)
}

function isNoreply(buf: Buffer, start: number, end: number): boolean {
  return end - start === 7 && buf.toString('latin1', start, end) === 'noreply'
}

/** What may be a command that is not in the table. */
function isWord(word: string): boolean {
  return /^[A-Za-z][\w-]*$/.test(word)
}

function isPrintable(buf: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (buf[i]! < 0x20 || buf[i] === 0x7f) return false
  return true
}
