// What the program can be asked to do. A command is one file and one line here; large ones are loaded when they run.

import type { Io } from '../core/io.ts'
import { helpCommand } from './help-command.ts'
import type { CommandName, Settings } from './settings.ts'
import { versionCommand } from './version-command.ts'

/** Resolves to the exit code when all output is out. Throws OperatorError. */
export type Command = (settings: Settings, words: readonly string[], io: Io) => number | Promise<number>

export const COMMANDS: Readonly<Record<CommandName, () => Promise<Command>>> = {
  dump: async () => (await import('./dump-command.ts')).dumpCommand,
  list: async () => (await import('./list-command.ts')).listCommand,
  completion: async () => (await import('./completion-command.ts')).completionCommand,
  // Small enough to be there always: another file to load would cost more.
  help: async () => helpCommand,
  version: async () => versionCommand,
}
