// `tcpflow --list`: which interfaces there are to capture on.

import { formatInterfaces, listInterfaces } from '../capture/interfaces.ts'
import type { Command } from './commands.ts'
import { writeText } from './write-text.ts'

export const listCommand: Command = (_settings, _words, io) => {
  writeText(io.stdout, formatInterfaces(listInterfaces()))
  return 0
}
