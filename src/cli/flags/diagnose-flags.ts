// Flags of `tcpflow diagnose`: its own, and those of the dump that mean the same there.

import { type FindingSeverity, SEVERITIES } from '../../core/finding.ts'
import type { Flag, Group } from '../flag.ts'
import { parseChoice, parseDurationMillis, parseSize, parseWords } from '../quantities.ts'
import { CONSOLE_FLAGS } from './console-flags.ts'
import { CONTAINER_FLAGS } from './container-flags.ts'
import { named } from './named.ts'
import { OTHER_FLAGS } from './other-flags.ts'
import { PACKET_FLAGS } from './packet-flags.ts'
import { SOURCE_FLAGS } from './source-flags.ts'

const group: Group = 'Diagnosis'
/** A few packets of full size. */
const MINIMUM_KEEP_BYTES = 1 << 20

const OWN_FLAGS: readonly Flag[] = [
  {
    name: 'explain',
    shorts: '',
    group,
    argument: { label: 'ID', kind: 'finding', whenLeftOut: '', pattern: /^[\w-]+$/ },
    help: 'Print what a finding means, how it is told, what it cannot tell and what to do; without ID, list all. Captures nothing.',
    apply: (s, value) => {
      s.diagnose.explain = value
    },
  },
  {
    name: 'id',
    shorts: '',
    group,
    argument: { label: 'ID', kind: 'finding' },
    help: 'Tell only these findings: refused, idle-cut. Separate several by commas, or repeat the flag.',
    apply: (s, value, flag) => {
      s.diagnose.ids = [...(s.diagnose.ids ?? []), ...parseWords(value, flag)]
    },
  },
  {
    name: 'not-id',
    shorts: '',
    group,
    argument: { label: 'ID', kind: 'finding' },
    help: 'Do not tell these findings.',
    apply: (s, value, flag) => {
      s.diagnose.notIds.push(...parseWords(value, flag))
    },
  },
  {
    name: 'min-severity',
    shorts: '',
    group,
    argument: { label: 'SEVERITY', kind: 'none', choices: SEVERITIES },
    help: 'Tell only findings that are so serious or more: error, warning or note. Default note, which is all.',
    apply: (s, value, flag) => {
      s.diagnose.minimumSeverity = parseChoice<FindingSeverity>(value, flag, SEVERITIES)
    },
  },
  {
    name: 'slow',
    shorts: '',
    group,
    argument: { label: 'TIME', kind: 'none' },
    help: 'An answer that takes longer is slow: 250ms, 2s. Default 1s.',
    apply: (s, value, flag) => {
      s.diagnose.slowMillis = parseDurationMillis(value, flag, 's', 1)
    },
  },
  {
    name: 'hung-after',
    shorts: '',
    group,
    argument: { label: 'TIME', kind: 'none' },
    help: 'A request that has waited for longer counts as unanswered, until its answer comes. Default 30s.',
    apply: (s, value, flag) => {
      s.diagnose.hungAfterMillis = parseDurationMillis(value, flag, 's', 1)
    },
  },
  {
    name: 'json',
    shorts: '',
    group,
    help: 'Print a line of JSON for each finding when it is found, and again when its count is final.',
    apply: (s) => {
      s.diagnose.json = true
    },
  },
  {
    name: 'every',
    shorts: '',
    group,
    argument: { label: 'TIME', kind: 'none' },
    help: 'Print the report again after each such time: 10s, 5m. Without this flag it comes at the end, and on SIGUSR2.',
    apply: (s, value, flag) => {
      s.diagnose.everyMillis = parseDurationMillis(value, flag, 's', 100)
    },
  },
  {
    name: 'keep-around',
    shorts: '',
    group,
    argument: { label: 'WHAT', kind: 'finding' },
    help: 'With -w FILE: save only what led to findings, and what follows for 5 seconds, each in a file of its own. WHAT: errors, warnings (errors too), notes (all), or ids. --keep N keeps the newest N files (default 100).',
    apply: (s, value, flag) => {
      s.diagnose.keepAround = [...(s.diagnose.keepAround ?? []), ...parseWords(value, flag)]
    },
  },
  {
    name: 'keep-memory',
    shorts: '',
    group,
    argument: { label: 'SIZE', kind: 'none' },
    help: 'How much memory --keep-around may take for packets: 64M (default), 1G.',
    apply: (s, value, flag) => {
      s.diagnose.keepMemoryBytes = parseSize(value, flag, MINIMUM_KEEP_BYTES)
    },
  },
  {
    name: 'exit-code',
    shorts: '',
    group,
    help: 'End with exit code 3 if there was an error, for scripts and CI. Without this flag it is 0 whatever is found.',
    apply: (s) => {
      s.diagnose.exitCode = true
    },
  },
]

/** As in the dump, but without its letter, which is a protocol in latency. */
const NO_PROMISCUOUS = { ...named(SOURCE_FLAGS, 'no-promiscuous')[0]!, shorts: '' }

export const DIAGNOSE_FLAGS: readonly Flag[] = [
  ...named(SOURCE_FLAGS, 'interface', 'list', 'read', 'finish', 'files'),
  NO_PROMISCUOUS,
  ...named(SOURCE_FLAGS, 'snaplen', 'buffer-size', 'buffer-timeout', 'no-tunnels', 'relinquish-privileges'),
  ...CONTAINER_FLAGS,
  ...OWN_FLAGS,
  ...CONSOLE_FLAGS.filter((flag) => flag.shorts === 'Jg').map((flag) => ({
    ...flag,
    group,
    help: 'Use colour for errors and warnings, even if the output is not a terminal.',
  })),
  ...named(CONSOLE_FLAGS, 'color', 'no-names').map((flag) => ({ ...flag, group })),
  ...named(PACKET_FLAGS, 'write', 'rotate-size', 'rotate-age', 'keep'),
  ...named(OTHER_FLAGS, 'quiet', 'verbose', 'debug', 'help', 'version'),
]
