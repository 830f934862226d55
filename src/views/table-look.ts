// How a table of latencies is drawn where it goes.

import type { Io } from '../core/io.ts'
import type { LatencyPlan } from '../plan.ts'

/** Of a table that goes to no terminal. */
const UNLIMITED_WIDTH = 200

export function tableLook(latency: LatencyPlan, io: Io): { width: number; unicode: boolean; color: boolean } {
  const isTerminal = latency.table === 'stdout' ? io.stdoutIsTerminal : io.stderrIsTerminal
  const width = isTerminal ? io.columns() : UNLIMITED_WIDTH
  return { width, unicode: latency.unicode, color: latency.tableColor }
}
