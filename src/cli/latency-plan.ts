// Settings of `tcpflow latency` and of bin/tcpkit → plan.

import { UsageError } from '../core/errors.ts'
import type { LatencyPlan, ListenPlan } from '../plan.ts'
import { AUTO } from '../protocol/names.ts'
import { wantsColor } from './color.ts'
import { type Planned, planFromFlags, type Surroundings } from './plan-from-flags.ts'
import type { Settings } from './settings.ts'

const DEFAULT_TIMEOUT_MILLIS = 5000
const TCPKIT_STATS: ListenPlan = { host: '127.0.0.1', port: 33333, required: false }

/** Throws UsageError where flags contradict each other. */
export function latencyPlanFromFlags(
  settings: Settings,
  words: readonly string[],
  surroundings: Surroundings,
): Planned {
  refuseContradictions(settings)
  const compare = settings.latency.compare ? comparedFiles(settings, words) : undefined
  const tcpkit = settings.flagTable === 'tcpkit'
  if (tcpkit) asTcpkit(settings)
  // The rest of the plan sees JSON output: it writes no files, and shows no progress on a terminal that shows the
  // lines.
  settings.json = 'none'
  const { plan } = planFromFlags(settings, compare === undefined ? words : words.slice(2), surroundings)
  const latency = tcpkit ? tcpkitPlan(settings, surroundings) : latencyPlan(settings, surroundings)
  return { plan: { ...plan, json: undefined, latency: { ...latency, compare } }, remarks: remarksOn(settings) }
}

function refuseContradictions({ latency, savePath }: Settings): void {
  if (savePath === '-')
    throw new UsageError('-w - would mix packets with lines on standard output', 'give -w the name of a file')
  if (latency.tableOnly && (latency.json || latency.top > 0)) {
    throw new UsageError(
      `--table prints only the table, but --${latency.json ? 'json' : 'top'} prints requests`,
      'leave one of them out',
    )
  }
}

/** The two files are read as if they were given with -r, so that a filter is applied to both. */
function comparedFiles(s: Settings, words: readonly string[]): [string, string] {
  const [client, server] = words
  if (client === undefined || server === undefined) {
    throw new UsageError('--compare needs two captures', 'tcpflow latency --compare client.pcap server.pcap')
  }
  if (s.paths.length + s.interfaces.length > 0 || s.wordsAreFiles || s.savePath !== undefined) {
    throw new UsageError('--compare reads only its two captures: -i, -r, -l and -w do not go with it')
  }
  s.paths.push(client, server)
  return [client, server]
}

function latencyPlan(s: Settings, surroundings: Surroundings): LatencyPlan {
  const { latency } = s
  const table = latency.tableOnly ? 'stdout' : s.quiet ? 'none' : 'stderr'
  const tableOnTerminal = table === 'stdout' ? surroundings.stdoutIsTerminal : surroundings.stderrIsTerminal
  return {
    program: 'tcpflow',
    protocol: latency.protocol ?? AUTO,
    format: formatOf(s),
    threshold: latency.threshold,
    top: latency.top,
    by: latency.by ?? ['route'],
    everyMillis: latency.everyMillis,
    timeoutMillis: latency.timeoutMillis ?? DEFAULT_TIMEOUT_MILLIS,
    table,
    color: wantsColor(s.color, surroundings.env, surroundings.stdoutIsTerminal),
    tableColor: wantsColor(s.color, surroundings.env, tableOnTerminal),
    unicode: speaksUnicode(surroundings.env),
    stats: latency.stats && { ...latency.stats, required: true },
    metrics: latency.metrics && { ...latency.metrics, required: true },
    packets: 'none',
    compare: undefined,
  }
}

/** With a script, no lines are printed unless they are asked for. */
function formatOf({ latency, scripts }: Settings): LatencyPlan['format'] {
  if (latency.tableOnly) return 'none'
  if (latency.json) return 'json'
  return scripts.length > 0 && latency.top === 0 && latency.threshold === undefined ? 'none' : 'lines'
}

function tcpkitPlan(s: Settings, surroundings: Surroundings): LatencyPlan {
  const plan = latencyPlan(s, surroundings)
  const protocol = s.latency.protocol ?? 'raw'
  return {
    ...plan,
    program: 'tcpkit',
    protocol,
    format: s.scripts.length > 0 ? 'none' : 'bare',
    table: 'none',
    stats: plan.stats ?? TCPKIT_STATS,
    packets: protocol !== 'raw' || s.scripts.length > 0 ? 'none' : s.latency.packetText ? 'ascii' : 'lines',
  }
}

/** What is different in tcpkit: it captures on any interface, shows addresses and not names, and prints no notes. */
function asTcpkit(s: Settings): void {
  if (s.interfaces.length === 0 && s.paths.length === 0) s.interfaces.push('any')
  s.hostNames = false
  s.notes = false
}

function remarksOn(s: Settings): string[] {
  const remarks = [...s.remarks]
  const { packetText, protocol, top, threshold } = s.latency
  if (packetText && protocol !== undefined && protocol !== 'raw') {
    remarks.push(`-A has no effect: -p ${protocol} prints requests, not packets`)
  }
  if (top > 0 && threshold !== undefined) remarks.push('-t has no effect: --top prints the slowest')
  return remarks
}

/** As setlocale(3) chooses the locale: LC_ALL, LC_CTYPE, LANG. */
function speaksUnicode(env: Surroundings['env']): boolean {
  return /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '')
}
