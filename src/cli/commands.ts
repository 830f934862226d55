// What the program can be asked to do. A command is one file and one line here; it is loaded when it runs.

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

export const COMMANDS: Readonly<Record<CommandName, () => Promise<Command>>> = {
  dump: async () => (await import('./dump-command.ts')).dumpCommand,
  latency: async () => (await import('./latency-command.ts')).latencyCommand,
  tcpkit: async () => (await import('./latency-command.ts')).latencyCommand,
  list: async () => (await import('./list-command.ts')).listCommand,
  containers: async () => (await import('./containers-command.ts')).containersCommand,
  completion: async () => (await import('./completion-command.ts')).completionCommand,
  help: async () => (await import('./help-command.ts')).helpCommand,
  version: async () => (await import('./version-command.ts')).versionCommand,
}
