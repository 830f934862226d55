// What a command is, and the words that name one.

import type { Io } from '../core/io.ts'
import type { CommandName, FlagTableName, Settings } from './settings.ts'

/** Resolves to the exit code when all output is out. Throws OperatorError. */
export type Command = (settings: Settings, words: readonly string[], io: Io) => number | Promise<number>

/** First words that name a command; everything else is a filter. */
export const COMMAND_WORDS: ReadonlyMap<string, CommandName> = new Map([
  ['containers', 'containers'],
  ['ps', 'containers'],
  ['latency', 'latency'],
  ['diagnose', 'diagnose'],
  ['help', 'help'],
])

/** First words after which the flags are others than the dump's. bin/tcpkit puts `tcpkit` there. */
const TABLE_WORDS: ReadonlyMap<string, FlagTableName> = new Map([
  ['containers', 'containers'],
  ['ps', 'containers'],
  ['latency', 'latency'],
  ['diagnose', 'diagnose'],
  ['tcpkit', 'tcpkit'],
])

/** What completion offers as the first word, in order. */
export const OFFERED_WORDS: readonly string[] = [...COMMAND_WORDS.keys()]

/** The commands that people type, which have flags of their own: the words and the table. */
export const WORDS_BY_TABLE: ReadonlyMap<FlagTableName, readonly string[]> = wordsByTable()

/** Which flags follow this first word. */
export function tableOfWord(word: string | undefined): FlagTableName {
  return TABLE_WORDS.get(word ?? '') ?? 'dump'
}

function wordsByTable(): Map<FlagTableName, string[]> {
  const words = new Map<FlagTableName, string[]>()
  for (const [word, table] of TABLE_WORDS) {
    if (COMMAND_WORDS.has(word)) words.set(table, [...(words.get(table) ?? []), word])
  }
  return words
}
