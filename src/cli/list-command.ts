// `tcpflow --list`: which interfaces there are to capture on.

import { formatInterfaces, listInterfaces } from '../capture/interfaces.ts'
import type { Command } from './command.ts'
import { harmless, writeText } from './write-text.ts'

export const listCommand: Command = (_settings, _words, io) => {
  // Whoever may make an interface chooses its name, escape sequences and all.
  writeText(io.stdout, harmless(formatInterfaces(listInterfaces())))
  return 0
}
