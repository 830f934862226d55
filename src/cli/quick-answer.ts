// `tcpflow --version` and `tcpflow --help` alone are answered without loading the program: people and scripts notice.

import { wantsColor } from './color.ts'
import { findLongFlag, findShortFlag } from './flags.ts'
import { formatHelp } from './help.ts'
import { Settings } from './settings.ts'
import { formatVersion } from './version.ts'

/** What to print and be done, when `argv` is nothing but such a flag; else undefined. */
export function quickAnswer(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  stdoutIsTerminal: () => boolean,
): string | undefined {
  const command = argv.length === 1 ? commandOf(argv[0]!) : 'dump'
  if (command === 'version') return formatVersion()
  return command === 'help' ? formatHelp(wantsColor('auto', env, stdoutIsTerminal())) : undefined
}

function commandOf(argument: string): Settings['command'] {
  const long = /^--([^-].*)$/.exec(argument)?.[1]
  const letter = /^-([^-])$/.exec(argument)?.[1]
  const flag = long !== undefined ? findLongFlag(long) : letter !== undefined ? findShortFlag(letter) : undefined
  const settings = new Settings()
  if (flag?.group === 'Other' && flag.argument === undefined) flag.apply(settings)
  return settings.command
}
