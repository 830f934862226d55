// Every flag, once: help, completion and parsing are derived from this table. Flags are applied in its order.

import type { Flag } from './flag.ts'
import { CONSOLE_FLAGS } from './flags/console-flags.ts'
import { CONTAINER_FLAGS } from './flags/container-flags.ts'
import { FILE_FLAGS } from './flags/file-flags.ts'
import { OTHER_FLAGS } from './flags/other-flags.ts'
import { PACKET_FLAGS } from './flags/packet-flags.ts'
import { SOURCE_FLAGS } from './flags/source-flags.ts'

export const FLAGS: readonly Flag[] = [
  ...SOURCE_FLAGS,
  ...CONTAINER_FLAGS,
  ...CONSOLE_FLAGS,
  ...FILE_FLAGS,
  ...PACKET_FLAGS,
  ...OTHER_FLAGS,
]

/** By long name, without dashes. */
export function findLongFlag(name: string): Flag | undefined {
  return FLAGS.find((flag) => flag.name !== '' && flag.name === name)
}

/** By letter. */
export function findShortFlag(letter: string): Flag | undefined {
  return FLAGS.find((flag) => flag.shorts.includes(letter))
}
