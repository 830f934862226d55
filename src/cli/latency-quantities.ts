// Values of `tcpflow latency`'s flags: thresholds, groupings, ports to listen on.

import { UsageError } from '../core/errors.ts'
import type { LatencyGrouping, LatencyPlan, ListenPlan } from '../plan.ts'
import { parseChoice, quote } from './quantities.ts'

export const GROUPINGS: readonly LatencyGrouping[] = ['server', 'container', 'command', 'route', 'key']

const LOOPBACK = '127.0.0.1'
const MICROS: Readonly<Record<string, number>> = { us: 1, µs: 1, ms: 1000, s: 1_000_000 }
export const LISTEN_PATTERN = /^(?:\[[0-9a-fA-F:.]+\]:|[\w.-]*:)?\d+$/

/** `1.5` (milliseconds), `500us`, `2s`, `p99`, `p99.9`. */
export function parseThreshold(text: string, flag: string): NonNullable<LatencyPlan['threshold']> {
  const percentile = /^p(\d{1,2}(?:\.\d+)?)$/.exec(text)
  if (percentile !== null) return { kind: 'percentile', percent: Number(percentile[1]) }
  const duration = /^(\d+(?:\.\d+)?|\.\d+)(us|\u00b5s|ms|s)?$/.exec(text)
  if (duration === null) {
    throw new UsageError(
      `${flag}: ${quote(text)} is not a latency`,
      'give milliseconds, such as 1.5, or p99 for the slowest 1%',
    )
  }
  return { kind: 'micros', micros: Number(duration[1]) * MICROS[duration[2] ?? 'ms']! }
}

/** `server`, `server,command`. */
export function parseGroupings(text: string, flag: string): LatencyGrouping[] {
  return [...new Set(text.split(',').map((word) => parseChoice(word.trim(), flag, GROUPINGS)))]
}

/** `9000`: on loopback only; `0.0.0.0:9000`, `[::]:9000`; `:9000` is every address too. */
export function parseListen(text: string, flag: string): Omit<ListenPlan, 'required'> {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d+)$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new UsageError(
      `${flag}: ${quote(text)} is not a port`,
      'a port, or address:port; without an address only this machine can connect',
    )
  }
  return { host: match[1] ?? (match[2] === '' ? '::' : (match[2] ?? LOOPBACK)), port }
}
