// Memcached's text and meta commands and the words of its replies (memcached's doc/protocol.txt).

/** What the answer to a command looks like: bits of ANSWERS, all that it can be besides an error. */
export const ANSWER_VALUES = 1
export const ANSWER_STORED = 2
export const ANSWER_DELETED = 4
export const ANSWER_NUMBER = 8
export const ANSWER_TOUCHED = 16
export const ANSWER_META = 32
export const ANSWER_NOOP = 64
export const ANSWER_OTHER = 128
export const ANSWER_ANY = 255
/** ERROR, CLIENT_ERROR, SERVER_ERROR. */
export const ANSWER_ERROR = 256

export interface TextCommand {
  readonly name: string
  /** Which word is the key, the command being 0; 0 for none. */
  readonly keyAt: number
  /** Which word is the length of the data that follows the line; 0 when none follows. */
  readonly lengthAt: number
  /** `noreply` may be its last word. */
  readonly noreply: boolean
  /** With fewer or more words than these, the command included, the server says ERROR, noreply or not. */
  readonly fewestWords: number
  readonly mostWords: number
  readonly meta: boolean
  readonly answer: number
  /** False for those that only close the connection. */
  readonly answered: boolean
}

const COMMANDS = new Map<string, TextCommand>()

function add(names: string, properties: Partial<TextCommand>): void {
  for (const name of names.split(' ')) COMMANDS.set(name, { ...UNKNOWN_TEXT_COMMAND, ...properties, name })
}

/** Answered by ERROR, or by a command newer than this table. */
export const UNKNOWN_TEXT_COMMAND: TextCommand = {
  name: '',
  keyAt: 0,
  lengthAt: 0,
  noreply: false,
  fewestWords: 1,
  mostWords: Number.POSITIVE_INFINITY,
  meta: false,
  answer: ANSWER_ANY,
  answered: true,
}

const STORAGE = { keyAt: 1, lengthAt: 4, noreply: true, answer: ANSWER_STORED }
const THREE_WORDS = { keyAt: 1, noreply: true, fewestWords: 3, mostWords: 4 }
add('get gets', { keyAt: 1, fewestWords: 2, answer: ANSWER_VALUES })
add('gat gats', { keyAt: 2, fewestWords: 2, answer: ANSWER_VALUES })
add('set add replace append prepend', { ...STORAGE, fewestWords: 5, mostWords: 6 })
add('cas', { ...STORAGE, fewestWords: 6, mostWords: 7 })
add('delete', { keyAt: 1, noreply: true, fewestWords: 2, mostWords: 4, answer: ANSWER_DELETED })
add('incr decr', { ...THREE_WORDS, answer: ANSWER_NUMBER })
add('touch', { ...THREE_WORDS, answer: ANSWER_TOUCHED })
add('mg md ma me', { keyAt: 1, meta: true, answer: ANSWER_META })
add('ms', { keyAt: 1, lengthAt: 2, meta: true, answer: ANSWER_META })
add('mn', { answer: ANSWER_NOOP })
add('flush_all', { noreply: true, mostWords: 3 })
add('verbosity cache_memlimit', { noreply: true, fewestWords: 2 })
add('version stats slabs lru lru_crawler extstore watch config', {})
add('quit shutdown', { answered: false })

export function findTextCommand(word: string): TextCommand {
  return COMMANDS.get(word) ?? UNKNOWN_TEXT_COMMAND
}

export interface ReplyWord {
  readonly word: string
  readonly answer: number
  /** More lines follow until END. */
  readonly more: boolean
  /** Which word is the length of the data that follows the line; 0 when none follows. */
  readonly lengthAt: number
}

const REPLY_WORDS = new Map<string, ReplyWord>()

function reply(words: string, answer: number, more = false, lengthAt = 0): void {
  for (const word of words.split(' ')) REPLY_WORDS.set(word, { word, answer, more, lengthAt })
}

reply('VALUE', ANSWER_VALUES, true, 3)
reply('END', ANSWER_VALUES | ANSWER_OTHER)
reply('STAT ITEM', ANSWER_OTHER, true)
reply('CONFIG', ANSWER_OTHER, true, 3)
reply('STORED NOT_STORED EXISTS', ANSWER_STORED)
reply('NOT_FOUND', ANSWER_STORED | ANSWER_DELETED | ANSWER_NUMBER | ANSWER_TOUCHED)
reply('DELETED', ANSWER_DELETED)
reply('TOUCHED', ANSWER_TOUCHED)
reply('HD EN NS EX NF ME', ANSWER_META)
reply('VA', ANSWER_META, false, 1)
reply('MN', ANSWER_NOOP)
reply('OK RESET VERSION BUSY BADCLASS NOSPARE NOTFULL UNSAFE SAME', ANSWER_OTHER)
reply('ERROR CLIENT_ERROR SERVER_ERROR', ANSWER_ERROR)

/** What incr and decr get. */
export const NUMBER_REPLY: ReplyWord = { word: '', answer: ANSWER_NUMBER, more: false, lengthAt: 0 }
/** A line of `lru_crawler metadump`: `key=foo exp=-1 …`. */
export const DUMP_REPLY: ReplyWord = { word: '', answer: ANSWER_OTHER, more: true, lengthAt: 0 }

export function findReplyWord(word: string): ReplyWord | undefined {
  const known = REPLY_WORDS.get(word)
  if (known !== undefined) return known
  if (/^\d{1,20}$/.test(word)) return NUMBER_REPLY
  return word.startsWith('key=') ? DUMP_REPLY : undefined
}

/** A number for the bytes of a key or an opaque, to compare them without keeping them; never 0. */
export function hashOfBytes(buf: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ buf[i]!, 0x01000193)
  return hash === 0 ? 1 : hash
}
