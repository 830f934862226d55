// Flags about messages and the program itself, and flags that exist only for compatibility with the C++ tcpflow.

import { UsageError } from '../../core/errors.ts'
import type { Flag, Switch, Valued } from '../flag.ts'
import { parseCount } from '../quantities.ts'
import { applyTcpflowSetting } from '../tcpflow-settings.ts'

/** tcpflow's -d level that equals -v, and the highest level that says no more than usual. */
const VERBOSE_LEVEL = 10
const NORMAL_LEVEL = 1

const messages = 'Messages'
const other = 'Other'
const compatible = 'For compatibility with the C++ tcpflow'

/** An `apply` for flags that make no sense here. The error says why, and what to use instead. */
function refuse(flag: string, why: string, hint: string): () => never {
  return () => {
    throw new UsageError(`${flag} is not supported: ${why}`, hint)
  }
}

const MESSAGE_FLAGS: readonly Flag[] = [
  {
    name: 'quiet',
    shorts: 'q',
    group: messages,
    help: 'Print no start line, no progress and no summary at the end.',
    apply: (s) => {
      s.quiet = true
    },
  },
  {
    name: 'no-notes',
    shorts: '',
    group: messages,
    help: 'Print no lines about refused, unanswered and reset connections.',
    apply: (s) => {
      s.notes = false
    },
  },
  {
    name: 'verbose',
    shorts: 'v',
    group: messages,
    help: 'Say when each connection begins and ends, and give more detail at the end; the same as -d 10.',
    apply: (s) => {
      s.verbosity = VERBOSE_LEVEL
    },
  },
  {
    name: 'debug',
    shorts: 'd',
    group: messages,
    argument: { label: 'N', kind: 'none' },
    help: 'How much to say: 0 only errors, 1 the usual, 10 more.',
    apply: (s, value, flag) => {
      const level = parseCount(value, flag)
      s.verbosity = level > NORMAL_LEVEL ? level : 0
      if (level === 0) {
        s.quiet = true
        s.notes = false
      }
    },
  },
]

const PROGRAM_FLAGS: readonly Flag[] = [
  {
    name: 'help',
    shorts: 'h',
    group: other,
    help: 'Show this text.',
    apply: (s) => {
      s.command = 'help'
    },
  },
  {
    name: 'version',
    shorts: 'V',
    group: other,
    help: 'Show the version.',
    apply: (s) => {
      s.command = 'version'
    },
  },
  {
    name: 'completion',
    shorts: '',
    group: other,
    argument: { label: 'SHELL', kind: 'none', choices: ['bash', 'zsh', 'fish'], whenLeftOut: '' },
    help: 'Print a completion script for bash, zsh or fish: source <(tcpflow --completion bash)',
    apply: (s, value) => {
      s.command = 'completion'
      s.completionShell = value
    },
  },
]

const COMPATIBLE_FLAGS: readonly (Switch | Valued)[] = [
  {
    name: 'set',
    shorts: 'S',
    group: compatible,
    argument: { label: 'NAME=VALUE', kind: 'none' },
    help: 'Settings: enable_report=NO and packet-buffer-timeout=MS work, the others are refused with the reason.',
    apply: applyTcpflowSetting,
  },
  {
    name: 'no-purge',
    shorts: 'P',
    group: compatible,
    help: 'Does nothing: memory is bounded here.',
    apply: () => undefined,
  },
  {
    name: 'scanner-help',
    shorts: 'H',
    group: compatible,
    help: 'Refused: the scanners are http and md5, see -e.',
    apply: refuse('-H', 'there are only two scanners, http and md5', "tcpflow --help explains them at '-e'"),
  },
  {
    name: 'semaphore',
    shorts: 'L',
    group: compatible,
    argument: { label: 'NAME', kind: 'none' },
    help: 'Refused: output is written in whole blocks, so no lock is needed.',
    apply: refuse(
      '-L',
      'output is written in whole blocks, so several tcpflow on one terminal need no lock',
      'leave -L out',
    ),
  },
  {
    name: 'chroot',
    shorts: 'z',
    group: compatible,
    argument: { label: 'DIR', kind: 'folder' },
    help: 'Refused: use -U, a container, or chroot(8).',
    apply: refuse('-z', 'Node cannot change its root folder', 'use -U USER, or run it in a container'),
  },
]

export const OTHER_FLAGS: readonly Flag[] = [...MESSAGE_FLAGS, ...PROGRAM_FLAGS, ...COMPATIBLE_FLAGS]
