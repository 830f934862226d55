// Flags for output that other programs read: JSON events, scripts and saved packets.

import { UsageError } from '../../core/errors.ts'
import type { Flag } from '../flag.ts'
import { parseChoice, parseCount, parseDurationMillis, parseSize } from '../quantities.ts'

const group = 'JSON, scripts and packets'
/**
 * Standard output under its other names. Opening these as files would truncate a file that somebody else writes to as
 * well.
 */
const STANDARD_OUTPUT = new Set(['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'])
const PAYLOAD_CHOICES = ['text', 'base64', 'none'] as const

export const PACKET_FLAGS: readonly Flag[] = [
  {
    name: 'json',
    shorts: '',
    group,
    argument: { label: 'PAYLOAD', kind: 'none', choices: PAYLOAD_CHOICES, whenLeftOut: 'text' },
    help: 'Print a line of JSON for each event (open, data, gap, close), payload as text (default), base64 or none.',
    apply: (s, value, flag) => {
      s.json = parseChoice(value, flag, PAYLOAD_CHOICES)
    },
  },
  {
    name: 'script',
    shorts: '',
    group,
    argument: { label: 'FILE', kind: 'file' },
    help: 'Give the traffic to a script and show what the script prints, and nothing else: Lua as for tcpkit, or a JavaScript module. May be repeated.',
    apply: (s, value, flag) => {
      if (value === '') throw new UsageError(`${flag}: the name of a file is missing`)
      s.scripts.push(value)
    },
  },
  {
    name: 'write',
    shorts: 'w',
    group,
    argument: { label: 'FILE', kind: 'file' },
    help: 'Save every packet too, as pcapng; "-" is standard output: tcpflow -w - | wireshark -k -i -. A file is called FILE.partial until it is complete. Nothing else is written, unless -c, -o or another output is asked for.',
    apply: (s, value, flag) => {
      if (value === '') throw new UsageError(`${flag}: the name of a file is missing`)
      s.savePath = STANDARD_OUTPUT.has(value) ? '-' : value
    },
  },
  {
    name: 'rotate-size',
    shorts: '',
    group,
    argument: { label: 'SIZE', kind: 'none' },
    help: 'Begin a new file when one has reached this size, with -w.',
    apply: (s, value, flag) => {
      s.rotateBytes = parseSize(value, flag, 1)
    },
  },
  {
    name: 'rotate-age',
    shorts: '',
    group,
    argument: { label: 'TIME', kind: 'none' },
    help: 'Begin a new file after so long, with -w: 30s, 5m, 1h.',
    apply: (s, value, flag) => {
      s.rotateSeconds = parseDurationMillis(value, flag, 's', 1000) / 1000
    },
  },
  {
    name: 'keep',
    shorts: '',
    group,
    argument: { label: 'N', kind: 'none' },
    help: 'Keep only the newest N files, with --rotate-size or --rotate-age.',
    apply: (s, value, flag) => {
      s.keep = parseCount(value, flag, 1)
    },
  },
]
