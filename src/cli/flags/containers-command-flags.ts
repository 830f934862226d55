// Flags of `tcpflow containers`.

import type { Flag } from '../flag.ts'
import { CONSOLE_FLAGS } from './console-flags.ts'
import { CONTAINER_FLAGS } from './container-flags.ts'
import { named } from './named.ts'
import { OTHER_FLAGS } from './other-flags.ts'

const group = 'Containers'

export const CONTAINERS_COMMAND_FLAGS: readonly Flag[] = [
  {
    name: 'quiet',
    shorts: 'q',
    group,
    help: 'Print only the names.',
    apply: (s) => {
      s.quiet = true
    },
  },
  {
    name: 'json',
    shorts: '',
    group,
    help: 'Print JSON, a line for each container.',
    apply: (s) => {
      s.json = 'text'
    },
  },
  ...CONSOLE_FLAGS.filter((flag) => flag.shorts === 'Jg').map((flag) => ({
    ...flag,
    group: group as Flag['group'],
    help: 'Use colour even if the output is not a terminal.',
  })),
  ...named(CONSOLE_FLAGS, 'color').map((flag) => ({ ...flag, group: group as Flag['group'] })),
  ...named(CONTAINER_FLAGS, 'docker-host'),
  ...named(OTHER_FLAGS, 'help', 'version'),
]
