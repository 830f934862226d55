// Flags of `tcpflow latency`: its own, and those of the dump that mean the same there.

import { UsageError } from '../../core/errors.ts'
import { AUTO, PROTOCOL_HELP, PROTOCOL_NAMES, RAW } from '../../protocol/names.ts'
import type { Flag, Group } from '../flag.ts'
import { GROUPINGS, LISTEN_PATTERN, parseGroupings, parseListen, parseThreshold } from '../latency-quantities.ts'
import { parseChoice, parseCount, parseDurationMillis } from '../quantities.ts'
import { CONSOLE_FLAGS } from './console-flags.ts'
import { CONTAINER_FLAGS } from './container-flags.ts'
import { named } from './named.ts'
import { OTHER_FLAGS } from './other-flags.ts'
import { PACKET_FLAGS } from './packet-flags.ts'
import { SOURCE_FLAGS } from './source-flags.ts'

const PROTOCOLS = [AUTO, ...PROTOCOL_NAMES, RAW]
const UNDERSTOOD = PROTOCOL_NAMES.map((name) => `${name} (${PROTOCOL_HELP[name]})`).join(', ')
const DEFAULT_STATS_PORT = '33333'
const DEFAULT_METRICS_PORT = '9478'
const MOST_KEPT = 10_000

const latency: Group = 'Latency'
const watching: Group = 'Watching'

const OWN_FLAGS: readonly Flag[] = [
  {
    name: 'protocol',
    shorts: 'p',
    group: latency,
    argument: { label: 'NAME', kind: 'none', choices: PROTOCOLS },
    help: `The protocol: ${UNDERSTOOD}, ${RAW} (any protocol of questions and answers, by whose turn it is), or ${AUTO}: found out from the content of each connection, and told once for each server. Default ${AUTO}.`,
    apply: (s, value, flag) => {
      s.latency.protocol = parseChoice(value, flag, PROTOCOLS)
    },
  },
  {
    name: 'slower',
    shorts: 't',
    group: latency,
    argument: { label: 'MS', kind: 'none' },
    help: 'Print only what took at least so long, in milliseconds (0.5, also 500us, 2s), or is among the slowest so far (p99, p99.9). Errors and requests without an answer are always printed. The table counts everything.',
    apply: (s, value, flag) => {
      s.latency.threshold = parseThreshold(value, flag)
    },
  },
  {
    name: 'top',
    shorts: '',
    group: latency,
    argument: { label: 'N', kind: 'none' },
    help: 'Print only the N slowest, slowest first, at the end.',
    apply: (s, value, flag) => {
      s.latency.top = parseCount(value, flag, 1)
      if (s.latency.top > MOST_KEPT) throw new UsageError(`${flag}: ${value} is too large, the maximum is ${MOST_KEPT}`)
    },
  },
  {
    name: 'json',
    shorts: '',
    group: latency,
    help: 'Print a line of JSON for each exchange, with the parts of its latency.',
    apply: (s) => {
      s.latency.json = true
    },
  },
  {
    name: 'by',
    shorts: '',
    group: latency,
    argument: { label: 'WHAT', kind: 'none', choices: GROUPINGS },
    help: 'Rows of the table: server, container, command, route (GET /users/:id; else the command) or key (user:*). Separate several by commas. Default route.',
    apply: (s, value, flag) => {
      s.latency.by = parseGroupings(value, flag)
    },
  },
  {
    name: 'table',
    shorts: '',
    group: latency,
    help: 'Print only the table, on standard output. Without this flag the table goes to standard error: at the end, after each --every TIME, and on SIGUSR2.',
    apply: (s) => {
      s.latency.tableOnly = true
    },
  },
  {
    name: 'every',
    shorts: '',
    group: latency,
    argument: { label: 'TIME', kind: 'none' },
    help: 'Print the table again after each such time: 10s, 5m.',
    apply: (s, value, flag) => {
      s.latency.everyMillis = parseDurationMillis(value, flag, 's', 100)
    },
  },
  {
    name: 'timeout',
    shorts: '',
    group: latency,
    argument: { label: 'TIME', kind: 'none' },
    help: 'In a live capture, a request without an answer is reported as unanswered after this time, and again when its answer comes. In a file the answer may be as late as it likes; a request that has waited for so long at the end of the file is unanswered. Default 5s.',
    apply: (s, value, flag) => {
      s.latency.timeoutMillis = parseDurationMillis(value, flag, 's', 1)
    },
  },
  {
    name: 'compare',
    shorts: '',
    group: latency,
    help: 'Compare two captures of the same traffic, one taken at the client and one at the server; the first two words name them. Tells for each request how much of its time was the network and how much the server, also across NAT and with clocks that differ.',
    apply: (s) => {
      s.latency.compare = true
    },
  },
  {
    name: 'stats',
    shorts: '',
    group: watching,
    argument: { label: 'PORT', kind: 'none', whenLeftOut: DEFAULT_STATS_PORT, pattern: LISTEN_PATTERN },
    help: `Send counts and latencies of each server, as JSON, to anyone who connects to this port, as tcpkit does. [HOST:]PORT; only this machine can connect unless HOST is given (0.0.0.0 for all). Default ${DEFAULT_STATS_PORT}.`,
    apply: (s, value, flag) => {
      s.latency.stats = parseListen(value, flag)
    },
  },
  {
    name: 'metrics',
    shorts: '',
    group: watching,
    argument: { label: 'PORT', kind: 'none', whenLeftOut: DEFAULT_METRICS_PORT, pattern: LISTEN_PATTERN },
    help: `Serve HTTP on this port: /metrics for Prometheus, /stats (the JSON of --stats) and /healthz. [HOST:]PORT as above; default ${DEFAULT_METRICS_PORT}.`,
    apply: (s, value, flag) => {
      s.latency.metrics = parseListen(value, flag)
    },
  },
]

/** As in the dump, but without its letter: -p is the protocol here. */
const NO_PROMISCUOUS = { ...named(SOURCE_FLAGS, 'no-promiscuous')[0]!, shorts: '' }

export const LATENCY_FLAGS: readonly Flag[] = [
  ...named(SOURCE_FLAGS, 'interface', 'list', 'read', 'finish', 'files'),
  NO_PROMISCUOUS,
  ...named(SOURCE_FLAGS, 'snaplen', 'buffer-size', 'buffer-timeout', 'no-tunnels', 'relinquish-privileges'),
  ...CONTAINER_FLAGS,
  ...OWN_FLAGS,
  ...CONSOLE_FLAGS.filter((flag) => flag.shorts === 'Jg').map((flag) => ({
    ...flag,
    group: latency,
    help: 'Use colour for slow requests and errors, even if the output is not a terminal.',
  })),
  ...named(CONSOLE_FLAGS, 'color', 'no-names').map((flag) => ({ ...flag, group: latency })),
  ...named(PACKET_FLAGS, 'script', 'write', 'rotate-size', 'rotate-age', 'keep'),
  ...named(OTHER_FLAGS, 'quiet', 'no-notes', 'verbose', 'debug', 'help', 'version'),
]
