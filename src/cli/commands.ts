// What the program can be asked to do. A command is one file and one line here; it is loaded when it runs.

import type { Command } from './command.ts'
import type { CommandName } from './settings.ts'

export const COMMANDS: Readonly<Record<CommandName, () => Promise<Command>>> = {
  dump: async () => (await import('./dump-command.ts')).dumpCommand,
  latency: async () => (await import('./latency-command.ts')).latencyCommand,
  diagnose: async () => (await import('./diagnose-command.ts')).diagnoseCommand,
  tcpkit: async () => (await import('./latency-command.ts')).latencyCommand,
  list: async () => (await import('./list-command.ts')).listCommand,
  containers: async () => (await import('./containers-command.ts')).containersCommand,
  completion: async () => (await import('./completion-command.ts')).completionCommand,
  help: async () => (await import('./help-command.ts')).helpCommand,
  version: async () => (await import('./version-command.ts')).versionCommand,
}
