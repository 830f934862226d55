// `tcpflow --version`, `tcpflow -h`: a single switch needs no parser, and people and scripts notice when it is slow.

import { findLongFlag, findShortFlag } from './flags.ts'
import { Settings } from './settings.ts'

/** Settings when `argv` is exactly one flag without a value, else undefined. */
export function soleSwitch(argv: readonly string[]): Settings | undefined {
  const [only, ...others] = argv
  if (only === undefined || others.length > 0) return undefined
  const flag = only.startsWith('--')
    ? findLongFlag(only.slice(2))
    : /^-[^-]$/.test(only)
      ? findShortFlag(only[1]!)
      : undefined
  if (flag === undefined || flag.argument !== undefined) return undefined
  const settings = new Settings()
  flag.apply(settings)
  return settings
}
