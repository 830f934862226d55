// Builds the text of a Redis request from its arguments, one by one: command, key, and the line as it was typed, without
// secrets.

import { PendingRequest } from '../pending-requests.ts'
import { wireText } from '../wire-text.ts'
import { isAscii } from '../word-scan.ts'
import {
  findRedisCommand,
  isWord,
  KEY_AFTER_COUNT_IN_1,
  KEY_AFTER_COUNT_IN_2,
  KEY_AFTER_STREAMS,
  KEY_NONE,
  type RedisCommand,
  SPECIAL_ACL,
  SPECIAL_AUTH,
  SPECIAL_CONFIG,
  SPECIAL_HELLO,
  SPECIAL_MIGRATE,
  SPECIAL_NONE,
  SPECIAL_XREAD,
  UNKNOWN_COMMAND,
  WAITS_MILLIS_LAST,
  WAITS_NOT,
  WAITS_SECONDS_FIRST,
  WAITS_UNSAID,
} from './redis-commands.ts'

const MAXIMUM_REQUEST = 1024
const MAXIMUM_KEY = 256
const MAXIMUM_NAME = 64
const MAXIMUM_NUMBER = 32
/** No index: whichever argument is the last. */
const LAST = -2
const MAXIMUM_SUBCOMMAND = 32
/** Arguments beyond this one are only text. */
const LOOKED_AT = 64
const REDACTED = '(redacted)'
/** From here on a copy is cheaper than a loop that also looks at the bytes. */
const LONG_ARGUMENT = 64
const ALL_THE_REST = 1e9

/** One a parser. `draft` is the request, complete after `end()`. */
export class RedisRequestText {
  readonly draft = new PendingRequest()
  command: RedisCommand = UNKNOWN_COMMAND
  /** Arguments so far, the command included. */
  words = 0
  /** Upper case; '' for commands without subcommands. */
  subcommand = ''
  /** The second and third word of what matters to replies: `CLIENT REPLY` and its argument. */
  replyMode = ''
  #keyAt = KEY_NONE
  #key = ''
  #keyStart = -1
  #keyEnd = -1
  /** The argument that says how long to wait, LAST for any that may turn out to be the last; and its unit in microseconds. */
  #waitsAt = -1
  #waitUnit = 0
  /** Arguments still to be left out. */
  #secret = 0
  readonly #text = Buffer.allocUnsafeSlow(MAXIMUM_REQUEST)
  #length = 0
  /** All bytes of the text or-ed, so that 128 says that it may not be ASCII. */
  #highBits = 0
  #truncated = false

  begin(): void {
    this.command = UNKNOWN_COMMAND
    this.words = 0
    this.subcommand = ''
    this.replyMode = ''
    this.#keyAt = KEY_NONE
    this.#key = ''
    this.#keyStart = -1
    this.#secret = 0
    this.#length = 0
    this.#highBits = 0
    this.#truncated = false
    this.draft.blocking = false
    this.draft.waitMicros = 0
    this.#waitsAt = -1
    this.#waitUnit = 0
  }

  /** The next argument; of one longer than 1024 bytes only its beginning (`whole` false). */
  argument(buf: Buffer, start: number, end: number, whole: boolean): void {
    const index = this.words++
    if (index === 0) {
      this.#name(buf, start, end)
    } else if (this.#secret > 0) {
      this.#omit()
      return
    } else if (index < LOOKED_AT) {
      if (index === this.#keyAt) {
        this.#takeKey(buf, start, end)
      } else if (this.#keyAt < 0) {
        this.#searchKey(index, buf, start, end)
      }
      if (index === 1 && this.command.container) this.#takeSubcommand(buf, start, end)
      if (this.command.special !== SPECIAL_NONE) this.#special(index, buf, start, end)
    }
    if (index === this.#waitsAt || (this.#waitsAt === LAST && index > 0)) this.#takeWait(buf, start, end, whole)
    if (index > 0) this.#append(BLANK, 0, 1)
    if (index === this.#keyAt && this.#keyStart === -2) this.#keyStart = this.#length
    this.#append(buf, start, end)
    if (index === this.#keyAt && this.#keyStart >= 0) this.#keyEnd = this.#length
    if (!whole) this.#truncated = true
  }

  /** Makes the strings: once a request. */
  end(): void {
    const { draft, command } = this
    const ascii = this.#highBits < 128
    const request = wireText(this.#text, 0, this.#length, ascii, this.#truncated)
    draft.request = request
    if (this.#keyStart < 0) draft.key = this.#key
    else if (ascii) draft.key = request.substring(this.#keyStart, this.#keyEnd)
    else draft.key = this.#textOf(this.#text, this.#keyStart, this.#keyEnd, false)
    if (command.name !== '' && this.subcommand === '') draft.command = command.name
    else if (command.name !== '') draft.command = `${command.name} ${this.subcommand}`
  }

  #name(buf: Buffer, start: number, end: number): void {
    const command = findRedisCommand(buf, start, end)
    this.command = command
    this.#keyAt = command.key
    if (command.waits === WAITS_UNSAID) {
      this.draft.blocking = true
      this.draft.waitMicros = Number.POSITIVE_INFINITY
    } else if (command.waits !== WAITS_NOT) {
      const { waits } = command
      this.#block(waits === WAITS_SECONDS_FIRST ? 1 : LAST, waits === WAITS_MILLIS_LAST ? 1000 : 1e6)
    }
    if (command === UNKNOWN_COMMAND) {
      this.draft.command = this.#textOf(buf, start, Math.min(end, start + MAXIMUM_NAME), false).toUpperCase()
    }
    if (command.special === SPECIAL_AUTH) this.#secret = ALL_THE_REST
  }

  /** A key that will lie whole in the line is cut from it; any other is made on its own. */
  #takeKey(buf: Buffer, start: number, end: number): void {
    const length = end - start
    if (length <= MAXIMUM_KEY && this.#length + 1 + length <= MAXIMUM_REQUEST) this.#keyStart = -2
    else this.#key = this.#textOf(buf, start, Math.min(end, start + MAXIMUM_KEY), length > MAXIMUM_KEY)
  }

  #searchKey(index: number, buf: Buffer, start: number, end: number): void {
    const rule = this.#keyAt
    if (rule === KEY_AFTER_STREAMS) {
      if (isWord(buf, start, end, 'STREAMS')) this.#keyAt = index + 1
    } else if ((rule === KEY_AFTER_COUNT_IN_1 && index === 1) || (rule === KEY_AFTER_COUNT_IN_2 && index === 2)) {
      const none = end - start === 1 && buf[start] === 0x30
      this.#keyAt = none ? KEY_NONE : index + 1
    }
  }

  #takeSubcommand(buf: Buffer, start: number, end: number): void {
    if (end - start > MAXIMUM_SUBCOMMAND) return
    for (let i = start; i < end; i++) {
      const letter = buf[i]! & 0xdf
      if ((letter < 0x41 || letter > 0x5a) && buf[i] !== 0x2d) return
    }
    this.subcommand = buf.toString('latin1', start, end).toUpperCase()
  }

  #special(index: number, buf: Buffer, start: number, end: number): void {
    const special = this.command.special
    if (special === SPECIAL_HELLO) {
      if (isWord(buf, start, end, 'AUTH')) this.#secret = 2
    } else if (special === SPECIAL_MIGRATE) {
      if (index > 5 && isWord(buf, start, end, 'AUTH')) this.#secret = 1
      else if (index > 5 && isWord(buf, start, end, 'AUTH2')) this.#secret = 2
    } else if (special === SPECIAL_ACL) {
      if (index === 2 && this.subcommand === 'SETUSER') this.#secret = ALL_THE_REST
    } else if (special === SPECIAL_CONFIG) {
      if (index % 2 === 0 && this.subcommand === 'SET' && isSecretSetting(buf, start, end)) this.#secret = 1
    } else if (special === SPECIAL_XREAD) {
      if (this.#keyAt < 0 && isWord(buf, start, end, 'BLOCK')) this.#block(index + 1, 1000)
    } else if (index === 2 && end - start <= MAXIMUM_SUBCOMMAND) {
      if (this.subcommand === 'REPLY') this.replyMode = buf.toString('latin1', start, end).toUpperCase()
    }
  }

  #block(waitsAt: number, unitMicros: number): void {
    this.draft.blocking = true
    this.#waitsAt = waitsAt
    this.#waitUnit = unitMicros
  }

  /** If the argument is not complete, the time is not known; if it is not a number, the server refuses the command at once. */
  #takeWait(buf: Buffer, start: number, end: number, whole: boolean): void {
    const wait = Number.parseFloat(buf.toString('latin1', start, Math.min(end, start + MAXIMUM_NUMBER)))
    const known = whole && wait !== 0
    this.draft.waitMicros = known ? Math.max(0, wait * this.#waitUnit || 0) : Number.POSITIVE_INFINITY
  }

  #omit(): void {
    if (this.#secret < ALL_THE_REST) this.#secret--
    else this.#secret++
    if (this.#secret > ALL_THE_REST + 1) return
    this.#append(BLANK, 0, 1)
    this.#append(REDACTED_BYTES, 0, REDACTED_BYTES.length)
  }

  #append(buf: Buffer, start: number, end: number): void {
    const text = this.#text
    let length = this.#length
    let stop = end
    if (end - start > MAXIMUM_REQUEST - length) {
      stop = start + MAXIMUM_REQUEST - length
      this.#truncated = true
    }
    this.#length += stop - start
    if (stop - start >= LONG_ARGUMENT) {
      buf.copy(text, length, start, stop)
      this.#highBits |= 128
      return
    }
    let highBits = this.#highBits
    for (let i = start; i < stop; i++) {
      const byte = buf[i]!
      highBits |= byte
      text[length++] = byte
    }
    this.#highBits = highBits
  }

  #textOf(buf: Buffer, start: number, end: number, truncated: boolean): string {
    return wireText(buf, start, end, isAscii(buf, start, end), truncated)
  }
}

const BLANK = Buffer.from(' ')
const REDACTED_BYTES = Buffer.from(REDACTED)
const SECRET_SETTINGS = ['REQUIREPASS', 'MASTERAUTH', 'MASTERUSER', 'TLS-KEY-FILE-PASS', 'TLS-CLIENT-KEY-FILE-PASS']

function isSecretSetting(buf: Buffer, start: number, end: number): boolean {
  for (let i = 0; i < SECRET_SETTINGS.length; i++) if (isWord(buf, start, end, SECRET_SETTINGS[i]!)) return true
  return false
}
