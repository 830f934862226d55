// Flags of bin/tcpkit: tcpkit's own, by their letters.

import { UsageError } from '../../core/errors.ts'
import { AUTO, PROTOCOL_NAMES, RAW } from '../../protocol/names.ts'
import type { Flag } from '../flag.ts'
import { parseListen, parseThreshold } from '../latency-quantities.ts'
import { parseChoice, parseCount, parseSize } from '../quantities.ts'
import { DEFAULT_SNAPSHOT_BYTES } from './source-flags.ts'

const KIBIBYTE = 1024
/** The largest value that libpcap takes, a C int. */
const MOST_KERNEL_BUFFER_BYTES = 2 ** 31 - 1
const LEAST_KERNEL_BUFFER_BYTES = 65_536
const PROTOCOLS = [RAW, ...PROTOCOL_NAMES, AUTO]

const source = 'What to read'
const latency = 'Latency'
const other = 'Other'

export const TCPKIT_FLAGS: readonly Flag[] = [
  {
    name: '',
    shorts: 'i',
    group: source,
    argument: { label: 'NAME', kind: 'interface' },
    help: 'Capture on this interface; may be repeated. Default any.',
    apply: (s, value) => s.interfaces.push(value),
  },
  {
    name: '',
    shorts: 'r',
    group: source,
    argument: { label: 'FILE', kind: 'file' },
    help: 'Read a capture file instead.',
    apply: (s, value) => s.paths.push(value),
  },
  {
    name: '',
    shorts: 'B',
    group: source,
    argument: { label: 'KIB', kind: 'none' },
    help: "The kernel's capture buffer, in KiB.",
    apply: (s, value, flag) => {
      const bytes = parseCount(value, flag) * KIBIBYTE
      s.kernelBufferBytes = Math.max(LEAST_KERNEL_BUFFER_BYTES, Math.min(bytes, MOST_KERNEL_BUFFER_BYTES))
    },
  },
  {
    name: '',
    shorts: 's',
    group: source,
    argument: { label: 'BYTES', kind: 'none' },
    help: 'Capture no more than this of each packet. Default: all of it.',
    apply: (s, value, flag) => {
      s.snapshotBytes = Math.min(parseSize(value, flag), DEFAULT_SNAPSHOT_BYTES) || DEFAULT_SNAPSHOT_BYTES
    },
  },
  {
    name: '',
    shorts: 'p',
    group: latency,
    argument: { label: 'PROTOCOL', kind: 'none', choices: PROTOCOLS },
    help: `Print a line for each request of this protocol: ${PROTOCOL_NAMES.join(', ')}, or ${AUTO}. Default ${RAW}: a line for each packet.`,
    apply: (s, value, flag) => {
      s.latency.protocol = parseChoice(value, flag, PROTOCOLS)
    },
  },
  {
    name: '',
    shorts: 't',
    group: latency,
    argument: { label: 'MS', kind: 'none' },
    help: 'Print only requests that took this many milliseconds or more.',
    apply: (s, value, flag) => {
      s.latency.threshold = parseThreshold(value, flag)
    },
  },
  {
    name: '',
    shorts: 'A',
    group: latency,
    help: 'With -p raw: print the payload of each packet too, as text.',
    apply: (s) => {
      s.latency.packetText = true
    },
  },
  {
    name: '',
    shorts: 'S',
    group: latency,
    argument: { label: 'FILE', kind: 'file' },
    help: 'Call the function process(packet) of this Lua script for each packet, and print what it prints.',
    apply: (s, value, flag) => {
      if (value === '') throw new UsageError(`${flag}: the name of a file is missing`)
      s.scripts.push(value)
    },
  },
  {
    name: '',
    shorts: 'w',
    group: latency,
    argument: { label: 'FILE', kind: 'file' },
    help: 'Save the packets too.',
    apply: (s, value, flag) => {
      if (value === '') throw new UsageError(`${flag}: the name of a file is missing`)
      s.savePath = value
    },
  },
  {
    name: '',
    shorts: 'P',
    group: latency,
    argument: { label: 'PORT', kind: 'none' },
    help: 'Send statistics to anyone who connects to this port; [HOST:]PORT. Default 33333, for this machine only.',
    apply: (s, value, flag) => {
      s.latency.stats = parseListen(value, flag)
    },
  },
  {
    name: 'color',
    shorts: '',
    group: latency,
    argument: { label: 'WHEN', kind: 'none', choices: ['auto', 'always', 'never'], whenLeftOut: 'always' },
    help: 'Use colour: always, never, or auto (on a terminal).',
    apply: (s, value, flag) => {
      s.color = parseChoice(value, flag, ['auto', 'always', 'never'] as const)
    },
  },
  {
    name: 'version',
    shorts: 'v',
    group: other,
    help: 'Show the version.',
    apply: (s) => {
      s.command = 'version'
    },
  },
  {
    name: 'help',
    shorts: 'h',
    group: other,
    help: 'Show this text.',
    apply: (s) => {
      s.command = 'help'
    },
  },
]
