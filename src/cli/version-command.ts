// `tcpflow --version`.

import type { Command } from './command.ts'
import { formatVersion } from './version.ts'
import { writeText } from './write-text.ts'

export const versionCommand: Command = (settings, _words, io) => {
  writeText(io.stdout, formatVersion(settings.flagTable))
  return 0
}
