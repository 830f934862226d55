// `tcpflow --version`.

import packageJson from '../../package.json' with { type: 'json' }
import type { Command } from './commands.ts'
import { writeText } from './write-text.ts'

export const versionCommand: Command = (_settings, _words, io) => {
  writeText(io.stdout, `tcpflow ${packageJson.version}\n`)
  return 0
}
