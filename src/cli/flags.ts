// Every flag, once for each command that has flags. Help, completion and parsing are made from these tables. Flags are
// applied in the order of the table.

import { tableOfWord } from './command.ts'
import type { Flag } from './flag.ts'
import { CONSOLE_FLAGS } from './flags/console-flags.ts'
import { CONTAINER_FLAGS } from './flags/container-flags.ts'
import { CONTAINERS_COMMAND_FLAGS } from './flags/containers-command-flags.ts'
import { DIAGNOSE_FLAGS } from './flags/diagnose-flags.ts'
import { FILE_FLAGS } from './flags/file-flags.ts'
import { LATENCY_FLAGS } from './flags/latency-flags.ts'
import { OTHER_FLAGS } from './flags/other-flags.ts'
import { PACKET_FLAGS } from './flags/packet-flags.ts'
import { SOURCE_FLAGS } from './flags/source-flags.ts'
import { TCPKIT_FLAGS } from './flags/tcpkit-flags.ts'
import type { FlagTableName } from './settings.ts'

export const FLAGS: readonly Flag[] = [
  ...SOURCE_FLAGS,
  ...CONTAINER_FLAGS,
  ...CONSOLE_FLAGS,
  ...FILE_FLAGS,
  ...PACKET_FLAGS,
  ...OTHER_FLAGS,
]

export const FLAG_TABLES: Readonly<Record<FlagTableName, readonly Flag[]>> = {
  dump: FLAGS,
  latency: LATENCY_FLAGS,
  diagnose: DIAGNOSE_FLAGS,
  containers: CONTAINERS_COMMAND_FLAGS,
  tcpkit: TCPKIT_FLAGS,
}

/** Which table of flags a command line uses: that of the command that it begins with, else the dump's. */
export function flagTableOf(argv: readonly string[]): FlagTableName {
  return tableOfWord(argv[0])
}

/** By long name, without dashes. */
export function findLongFlag(name: string, flags: readonly Flag[] = FLAGS): Flag | undefined {
  return flags.find((flag) => flag.name !== '' && flag.name === name)
}

/** By letter. */
export function findShortFlag(letter: string, flags: readonly Flag[] = FLAGS): Flag | undefined {
  return flags.find((flag) => flag.shorts.includes(letter))
}
