// argv → settings and words: yargs' parser, configured from the flag table.

import { Parser } from 'yargs/helpers'
import { editDistance } from '../core/edit-distance.ts'
import { UsageError } from '../core/errors.ts'
import { COMMAND_WORDS, tableOfWord } from './command.ts'
import { expandArguments } from './expand-arguments.ts'
import { type Flag, flagKey, flagShortest } from './flag.ts'
import { FLAG_TABLES, flagTableOf } from './flags.ts'
import { type FlagTableName, Settings } from './settings.ts'

export interface Parsed {
  readonly settings: Settings
  /** All arguments that are not flags, in order: the filter, or with -l files. */
  readonly words: readonly string[]
}

/** Everything off that would let yargs read an argument in more than one way. */
const YARGS_CONFIGURATION = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'combine-arrays': false,
  'dot-notation': false,
  'duplicate-arguments-array': true,
  'flatten-duplicate-arrays': true,
  'greedy-arrays': false,
  'nargs-eats-options': true,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'populate--': false,
  'short-option-groups': false,
}

/** A typing mistake or two, or the plural left out. */
const MAXIMUM_SLIPS = 2
/** Shorter words are too similar to names of hosts and words of a filter. */
const LEAST_GUESSED_CHARACTERS = 5

/** Throws UsageError for a flag that does not exist, that lacks its value, or whose value cannot be read. */
export function parseArguments(argv: readonly string[]): Parsed {
  const table = flagTableOf(argv)
  const flags = FLAG_TABLES[table]
  const settings = new Settings()
  settings.flagTable = table
  settings.command = table
  if (table === 'dump') refuseMisspeltCommand(argv[0])
  const words = table === 'dump' ? applyDumpFlags(argv, settings) : applyFlags(argv.slice(1), flags, settings)
  const command = settings.command === 'dump' && !settings.wordsAreFiles ? COMMAND_WORDS.get(words[0] ?? '') : undefined
  if (command === undefined) {
    if (settings.command === 'dump' && !settings.wordsAreFiles) refuseMisspeltCommand(words[0])
    return { settings, words }
  }
  if (command === 'latency' || command === 'diagnose')
    throw new UsageError(`${command} has flags of its own, so it must be the first word`, `tcpflow ${command} …`)
  settings.command = command
  if (command === 'help') settings.flagTable = tableToExplain(words[1])
  return { settings, words: words.slice(1) }
}

/** `tcpflow help latency`. */
function tableToExplain(word: string | undefined): FlagTableName {
  if (word === undefined || word === 'help') return 'dump'
  refuseMisspeltCommand(word)
  if (!COMMAND_WORDS.has(word)) {
    const commands = [...COMMAND_WORDS.keys()].filter((known) => known !== 'help')
    throw new UsageError(`no such command: ${word}`, `there are ${commands.join(', ')}`)
  }
  return tableOfWord(word)
}

/**
 * Without this, libpcap would look for a host of that name, for seconds. No word of a filter looks so much like a
 * command.
 */
function refuseMisspeltCommand(word: string | undefined): void {
  if (word === undefined || COMMAND_WORDS.has(word)) return
  const meant = [...COMMAND_WORDS.keys()]
    .filter((known) => known.length >= LEAST_GUESSED_CHARACTERS)
    .find((known) => editDistance(word.slice(0, known.length + MAXIMUM_SLIPS + 1), known) <= MAXIMUM_SLIPS)
  if (meant !== undefined) throw new UsageError(`no such command: ${word}`, `did you mean ${meant}?`)
}

/** `tcpflow -r a.pcap latency --table`: an unknown flag here is probably one of that command's. */
function applyDumpFlags(argv: readonly string[], settings: Settings): string[] {
  try {
    return applyFlags(argv, FLAG_TABLES.dump, settings)
  } catch (error) {
    const command = ['latency', 'diagnose'].find((word) => argv.includes(word))
    if (!(error instanceof UsageError) || !/^unknown flag/.test(error.message) || command === undefined) throw error
    throw new UsageError(
      error.message,
      `${command} has flags of its own, so it must be the first word, tcpflow ${command} …`,
    )
  }
}

/** Returns the words. */
function applyFlags(argv: readonly string[], flags: readonly Flag[], settings: Settings): string[] {
  const valued = flags.filter((flag) => flag.argument !== undefined).map(flagKey)
  const { argv: given, error } = Parser.detailed(expandArguments(argv, flags), {
    boolean: flags.filter((flag) => flag.argument === undefined).map(flagKey),
    string: valued,
    array: valued,
    configuration: YARGS_CONFIGURATION,
  })
  if (error !== null) throw error
  for (const flag of flags) {
    const value: unknown = given[flagKey(flag)]
    if (flag.argument === undefined) {
      if (value === true || Array.isArray(value)) flag.apply(settings)
    } else if (Array.isArray(value)) {
      for (const text of value) flag.apply(settings, String(text), flagShortest(flag))
    }
  }
  return given._.map(String)
}
