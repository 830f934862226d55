// `tcpflow --version`.

import type { Command } from './commands.ts'
import { formatVersion } from './version.ts'
import { writeText } from './write-text.ts'

export const versionCommand: Command = (_settings, _words, io) => {
  writeText(io.stdout, formatVersion())
  return 0
}
