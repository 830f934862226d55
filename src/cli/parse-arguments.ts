// argv → settings and words: yargs' parser, configured from the flag table.

import { Parser } from 'yargs/helpers'
import { UsageError } from '../core/errors.ts'
import { COMMAND_WORDS } from './commands.ts'
import { expandArguments } from './expand-arguments.ts'
import { type Flag, flagKey, flagShortest } from './flag.ts'
import { FLAG_TABLES, flagTableOf } from './flags.ts'
import { Settings } from './settings.ts'

export interface Parsed {
  readonly settings: Settings
  /** Everything that is no flag, in order: the filter, or with -l files. */
  readonly words: readonly string[]
}

/** Nothing that is typed is to be understood in more than one way. */
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

/** Throws UsageError for a flag that does not exist, lacks its value, or has one that cannot be read. */
export function parseArguments(argv: readonly string[]): Parsed {
  const table = flagTableOf(argv)
  const flags = FLAG_TABLES[table]
  const settings = new Settings()
  settings.flagTable = table
  settings.command = table
  const words = applyFlags(table === 'dump' ? argv : argv.slice(1), flags, settings)
  const command = settings.command === 'dump' && !settings.wordsAreFiles ? COMMAND_WORDS[words[0] ?? ''] : undefined
  if (command === undefined) return { settings, words }
  if (command === 'latency') throw new UsageError('latency has flags of its own: it comes first', 'tcpflow latency …')
  settings.command = command
  return { settings, words: words.slice(1) }
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
