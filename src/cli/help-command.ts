// `tcpflow --help`.

import { wantsColor } from './color.ts'
import type { Command } from './command.ts'
import { formatHelp } from './help.ts'
import { writeText } from './write-text.ts'

export const helpCommand: Command = (settings, _words, io) => {
  writeText(io.stdout, formatHelp(wantsColor(settings.color, io.env, io.stdoutIsTerminal), settings.flagTable))
  return 0
}
