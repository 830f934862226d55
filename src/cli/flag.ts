// What a flag is. The table in flags.ts is made of these; help, completion and parsing are all derived from it.

import type { Settings } from './settings.ts'

export const GROUPS = [
  'What to read',
  'Containers',
  'Console',
  'Files',
  'Latency',
  'Diagnosis',
  'JSON, scripts and packets',
  'Watching',
  'Messages',
  'Other',
  'For compatibility with the C++ tcpflow',
] as const

export type Group = (typeof GROUPS)[number]

/** What a shell may offer as a value; `none` for numbers and the like. */
export type ArgumentKind = 'file' | 'folder' | 'interface' | 'user' | 'container' | 'finding' | 'none'

export interface FlagArgument {
  /** As help shows it: FILE, SIZE. */
  readonly label: string
  readonly kind: ArgumentKind
  /** The only values that there are. */
  readonly choices?: readonly string[]
  /**
   * If present, the argument may be left out and then means this. Where it is given as the next word, it must be one of
   * `choices` or match `pattern`.
   */
  readonly whenLeftOut?: string
  /** What such a value looks like, where `choices` cannot list them. */
  readonly pattern?: RegExp
}

interface FlagBase {
  /** Long name without dashes; '' where there are only short ones. */
  readonly name: string
  /** Every letter is a short form of its own. */
  readonly shorts: string
  readonly group: Group
  /** One or more sentences, wrapped where shown. */
  readonly help: string
}

/** A flag without argument. */
export interface Switch extends FlagBase {
  readonly argument?: undefined
  readonly apply: (settings: Settings) => void
}

/**
 * A flag with an argument. `apply` is called once for each time that the flag is given, in order. It throws UsageError
 * when it cannot read the value; `flag` is the flag's shortest form, for that message.
 */
export interface Valued extends FlagBase {
  readonly argument: FlagArgument
  readonly apply: (settings: Settings, value: string, flag: string) => void
}

export type Flag = Switch | Valued

/** The flag's unique name: its long name, or else its first letter. */
export function flagKey(flag: Flag): string {
  return flag.name === '' ? flag.shorts[0]! : flag.name
}

/** The shortest form, for messages: `-i`. */
export function flagShortest(flag: Flag): string {
  return flag.shorts === '' ? `--${flag.name}` : `-${flag.shorts[0]}`
}
