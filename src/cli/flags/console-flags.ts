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
    help: 'Print what both sides say, and write no files.',
    apply: (s) => {
      s.console = 'names'
    },
  },
  {
    name: 'bare',
    shorts: 'C',
    group,
    help: 'As -c, but without the names of the flows in front.',
    apply: (s) => {
      s.console = 'bare'
    },
  },
  {
    name: '',
    shorts: 'Jg',
    group,
    help: 'Use colour, one for the client and one for the server, even if the output is not a terminal. (JSON is --json.)',
    apply: (s) => {
      s.color = 'always'
    },
  },
  {
    // Comes after -J, so that --color overrules a -J in an alias.
    name: 'color',
    shorts: '',
    group,
    argument: { label: 'WHEN', kind: 'none', choices: COLOR_CHOICES, whenLeftOut: 'always' },
    help: 'When to use colour: always, never, or auto (on a terminal, unless NO_COLOR or FORCE_COLOR say otherwise).',
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
    help: 'Show addresses and not names of hosts, as the C++ tcpflow does; in JSON and templates too.',
    apply: (s) => {
      s.hostNames = false
    },
  },
  {
    name: 'decode',
    shorts: '',
    group,
    help: 'Print HTTP bodies in readable form: chunks joined, compression undone.',
    apply: (s) => {
      s.decodeBodies = true
    },
  },
  {
    name: 'hex',
    shorts: 'D',
    group,
    help: 'Print a hex dump: 32 bytes a line, with the text beside them.',
    apply: (s) => {
      s.hex = true
    },
  },
  {
    name: 'ascii',
    shorts: '',
    group,
    help: 'Print a dot for every byte that is not printable ASCII. Without this flag UTF-8 is shown as text.',
    apply: (s) => {
      s.asciiOnly = true
    },
  },
  {
    name: 'strip',
    shorts: 's',
    group,
    help: 'Replace every byte that is not printable ASCII by a dot, in files too.',
    apply: (s) => {
      s.strip = true
    },
  },
  {
    name: 'binary',
    shorts: 'B',
    group,
    help: 'Print the bytes as they are, with all control characters. This is for pipes, not for a terminal.',
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
