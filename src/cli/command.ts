// What a command is, and the words that name one.

import type { Io } from '../core/io.ts'
import type { CommandName, Settings } from './settings.ts'

/** Resolves to the exit code when all output is out. Throws OperatorError. */
export type Command = (settings: Settings, words: readonly string[], io: Io) => number | Promise<number>

/** First words that name a command; everything else is a filter. */
export const COMMAND_WORDS: Readonly<Record<string, CommandName>> = {
  containers: 'containers',
  ps: 'containers',
  latency: 'latency',
}
