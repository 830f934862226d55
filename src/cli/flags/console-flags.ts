// Flags of the console: what `-c` prints and how.

import type { Flag } from '../flag.ts'
import { parseChoice } from '../quantities.ts'

const group = 'Console'
const COLOR_CHOICES = ['auto', 'always', 'never'] as const

export const CONSOLE_FLAGS: readonly Flag[] = [
  {
    name: 'console',
    shorts: 'c',
    group,
    help: 'Print to the console what is said, both ways, and write no files.',
    apply: (s) => {
      s.console = 'names'
    },
  },
  {
    name: 'bare',
    shorts: 'C',
    group,
    help: 'Print without the names of the flows in front, else as -c.',
    apply: (s) => {
      s.console = 'bare'
    },
  },
  {
    name: '',
    shorts: 'Jg',
    group,
    help: 'Use colour, also where the output is no terminal: client and server differ. (JSON is --json.)',
    apply: (s) => {
      s.color = 'always'
    },
  },
  {
    // Stands after -J, so that an alias that holds -J can be overruled.
    name: 'color',
    shorts: '',
    group,
    argument: { label: 'WHEN', kind: 'none', choices: COLOR_CHOICES, whenLeftOut: 'always' },
    help: 'Use colour or not: always, never, or auto (on a terminal; NO_COLOR and FORCE_COLOR count).',
    apply: (s, value, flag) => {
      s.color = parseChoice(value, flag, COLOR_CHOICES)
    },
  },
  {
    name: 'time',
    shorts: '',
    group,
    help: 'Put the time of the packet in front.',
    apply: (s) => {
      s.timestamps = true
    },
  },
  {
    name: 'summary',
    shorts: '',
    group,
    help: 'Print a line for each connection when it ends: who, how long, bytes each way, how it ended.',
    apply: (s) => {
      s.connectionSummary = true
    },
  },
  {
    name: 'no-names',
    shorts: '',
    group,
    help: 'Show addresses as numbers, as tcpflow does, also where a name of the host is known; in JSON and templates too.',
    apply: (s) => {
      s.hostNames = false
    },
  },
  {
    name: 'decode',
    shorts: '',
    group,
    help: 'Print HTTP bodies readable: chunks joined, compression undone.',
    apply: (s) => {
      s.decodeBodies = true
    },
  },
  {
    name: 'hex',
    shorts: 'D',
    group,
    help: 'Print a hex dump, 32 bytes a line, text beside it.',
    apply: (s) => {
      s.hex = true
    },
  },
  {
    name: 'ascii',
    shorts: '',
    group,
    help: 'Print a dot for every byte that is no printable ASCII; without this, UTF-8 is shown as text.',
    apply: (s) => {
      s.asciiOnly = true
    },
  },
  {
    name: 'strip',
    shorts: 's',
    group,
    help: 'A dot for every byte that is no printable ASCII, in files too.',
    apply: (s) => {
      s.strip = true
    },
  },
  {
    name: 'binary',
    shorts: 'B',
    group,
    help: 'Print the bytes as they are, control characters and all: for pipes, not for a terminal.',
    apply: (s) => {
      s.binary = true
    },
  },
  {
    name: 'no-newline',
    shorts: '0',
    group,
    help: 'Add no newline after each piece.',
    apply: (s) => {
      s.newline = false
    },
  },
]
