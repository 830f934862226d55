// `tcpflow --list`: lists the interfaces.

import { formatInterfaces, listInterfaces } from '../capture/interfaces.ts'
import type { Command } from './command.ts'
import { harmless, writeText } from './write-text.ts'

export const listCommand: Command = (_settings, _words, io) => {
  // Whoever may create an interface chooses its name, which may hold escape sequences.
  writeText(io.stdout, harmless(formatInterfaces(listInterfaces())))
  return 0
}
