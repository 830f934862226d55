// Answers `tcpflow --version` and `tcpflow --help` without loading the whole program, so that they are fast.

import { wantsColor } from './color.ts'
import { FLAG_TABLES, findLongFlag, findShortFlag, flagTableOf } from './flags.ts'
import { formatHelp } from './help.ts'
import { type FlagTableName, Settings } from './settings.ts'
import { formatVersion } from './version.ts'

/** What to print if `argv` is nothing but such a flag; else undefined. */
export function quickAnswer(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  stdoutIsTerminal: () => boolean,
): string | undefined {
  const table = flagTableOf(argv)
  const flags = table === 'dump' ? argv : argv.slice(1)
  const command = flags.length === 1 ? commandOf(flags[0]!, table) : 'dump'
  if (command === 'version') return formatVersion(table)
  return command === 'help' ? formatHelp(wantsColor('auto', env, stdoutIsTerminal()), table) : undefined
}

function commandOf(argument: string, table: FlagTableName): Settings['command'] {
  const flags = FLAG_TABLES[table]
  const long = /^--([^-].*)$/.exec(argument)?.[1]
  const letter = /^-([^-])$/.exec(argument)?.[1]
  const flag =
    long !== undefined ? findLongFlag(long, flags) : letter !== undefined ? findShortFlag(letter, flags) : undefined
  const settings = new Settings()
  if (flag?.group === 'Other' && flag.argument === undefined) flag.apply(settings)
  return settings.command
}
