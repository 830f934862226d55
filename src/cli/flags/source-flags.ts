// Flags that say where packets come from and which of them count.

import type { Flag } from '../flag.ts'
import { parseDurationMillis, parseSize } from '../quantities.ts'

export const DEFAULT_SNAPSHOT_BYTES = 262_144
export const DEFAULT_KERNEL_BUFFER_BYTES = 32 * 2 ** 20
/** tcpflow's own value: output feels immediate, and the capture wakes up only a hundred times a second. */
export const DEFAULT_BUFFER_TIMEOUT_MILLIS = 10

const group = 'What to read'

export const SOURCE_FLAGS: readonly Flag[] = [
  {
    name: 'interface',
    shorts: 'i',
    group,
    argument: { label: 'NAME', kind: 'interface' },
    help: 'Capture on this interface; may be repeated; "any" is all of them. Without -i and -r: docker0 where there is one, else any.',
    apply: (s, value) => s.interfaces.push(value),
  },
  {
    name: 'list',
    shorts: '',
    group,
    help: 'List the interfaces, with state and addresses, and stop.',
    apply: (s) => {
      s.command = 'list'
    },
  },
  {
    name: 'read',
    shorts: 'r',
    group,
    argument: { label: 'FILE', kind: 'file' },
    help: 'Read a capture file (pcap or pcapng, also compressed) instead of an interface; may be repeated; "-" is standard input.',
    apply: (s, value) => s.paths.push(value),
  },
  {
    name: 'finish',
    shorts: 'R',
    group,
    argument: { label: 'FILE', kind: 'file' },
    help: 'Read this file after those of -r, but only for connections that began in them; may be repeated.',
    apply: (s, value) => s.finishPaths.push(value),
  },
  {
    name: 'files',
    shorts: 'l',
    group,
    help: 'All words that are not flags are capture files to read, and not a filter: tcpflow -c -l *.pcap',
    apply: (s) => {
      s.wordsAreFiles = true
    },
  },
  {
    name: 'no-promiscuous',
    shorts: 'p',
    group,
    help: 'Do not put the interface into promiscuous mode.',
    apply: (s) => {
      s.promiscuous = false
    },
  },
  {
    name: 'snaplen',
    shorts: '',
    group,
    argument: { label: 'BYTES', kind: 'none' },
    help: 'Capture no more than this of each packet; the rest is reported as missing. Default 262144: all of it.',
    apply: (s, value, flag) => {
      // As with tcpdump, 0 asks for the default.
      s.snapshotBytes = Math.min(parseSize(value, flag), DEFAULT_SNAPSHOT_BYTES) || DEFAULT_SNAPSHOT_BYTES
    },
  },
  {
    name: 'buffer-size',
    shorts: '',
    group,
    argument: { label: 'SIZE', kind: 'none' },
    help: "The kernel's capture buffer, default 32M. A larger one holds longer bursts before packets are dropped.",
    apply: (s, value, flag) => {
      // libpcap takes the size as a C int.
      s.kernelBufferBytes = Math.min(parseSize(value, flag, 65_536), 2 ** 31 - 1)
    },
  },
  {
    name: 'buffer-timeout',
    shorts: '',
    group,
    argument: { label: 'TIME', kind: 'none' },
    help: 'How long the kernel may hold packets back before it hands them over, default 10ms.',
    apply: (s, value, flag) => {
      s.bufferTimeoutMillis = Math.min(parseDurationMillis(value, flag, 'ms', 1), 60_000)
    },
  },
  {
    name: 'udp',
    shorts: '',
    group,
    help: 'Show UDP datagrams as well.',
    apply: (s) => {
      s.udp = true
    },
  },
  {
    name: 'no-tunnels',
    shorts: '',
    group,
    help: 'Do not look inside tunnels: VXLAN, GENEVE, GRE, ERSPAN, GTP-U, IP-in-IP and the like.',
    apply: (s) => {
      s.unwrapTunnels = false
    },
  },
  {
    name: 'relinquish-privileges',
    shorts: 'U',
    group,
    argument: { label: 'USER', kind: 'user' },
    help: 'When started as root, become this user before the first packet is looked at.',
    apply: (s, value) => {
      s.dropToUser = value
    },
  },
]
