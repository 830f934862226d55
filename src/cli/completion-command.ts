// `tcpflow --completion [bash|zsh|fish]`: a script for the shell, made from the flag table.

import { basename } from 'node:path'
import type { Command } from './command.ts'
import { bashCompletion } from './completion/bash.ts'
import { fishCompletion } from './completion/fish.ts'
import { zshCompletion } from './completion/zsh.ts'
import { parseChoice } from './quantities.ts'
import { writeText } from './write-text.ts'

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const
const SHELLS = ['bash', 'zsh', 'fish'] as const

export const completionCommand: Command = (settings, _words, io) => {
  writeText(io.stdout, SCRIPTS[chooseShell(settings.completionShell, io.env.SHELL)]())
  return 0
}

/** The one that was named; else the login shell, else bash. Throws UsageError for a shell that has no script here. */
function chooseShell(named: string, loginShell: string | undefined): (typeof SHELLS)[number] {
  if (named !== '') return parseChoice(named, '--completion', SHELLS)
  const login = basename(loginShell ?? '')
  return SHELLS.find((shell) => shell === login) ?? 'bash'
}
