// The table of latencies as text, as wide as the terminal: who, how many, how slow, and a small histogram drawn beside.

import { type Column, fittingLines } from './fitting-table.ts'
import { type LatencyGroup, type LatencyTable, SHAPE_BUCKETS } from './latency-table.ts'

const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
const ASCII_BLOCKS = [' ', '.', ':', '-', '=', '+', '*', '#', '@']
/** As many lines as fit a screen; the other groups are only counted. */
const MAXIMUM_ROWS = 40
/** Bars of a histogram; where there is less room, several buckets share one. */
const MOST_BARS = 20
const FEW_BARS = 8
const NARROW_WIDTH = 110

/** A shorter run says nothing about requests a second. */
const LEAST_RATED_MICROS = 1e6

const BOLD = '\x1b[1m'
const RESET = '\x1b[0m'

export interface ReportOptions {
  readonly width: number
  /** Block characters; false: ASCII. */
  readonly unicode: boolean
  readonly color: boolean
  /** Head of the first column. */
  readonly title: string
  /** Makes captured text harmless for a terminal. */
  readonly sanitize: (text: string) => string
}

/** Ends with a newline. Says so when there was no exchange. */
export function formatLatencyTable(table: LatencyTable, options: ReportOptions): string {
  if (table.total.requests === 0) return 'no requests\n'
  const groups = table.sorted()
  const shown = groups.slice(0, MAXIMUM_ROWS)
  const rows = groups.length > 1 ? [...shown, table.total] : shown
  const [head, ...lines] = fittingLines({
    title: options.title,
    names: rows.map((group) => options.sanitize(group.name)),
    rows,
    columns: columnsOf(table, options),
    width: options.width,
    unicode: options.unicode,
  })
  const hidden = groups.length - shown.length
  return [
    options.color ? `${BOLD}${head}${RESET}` : head!,
    ...lines,
    ...(hidden > 0 ? [`(${hidden} more)`] : []),
    ...partsLines(table.total),
    '',
  ].join('\n')
}

function columnsOf(table: LatencyTable, options: ReportOptions): Column<LatencyGroup>[] {
  const { total } = table
  const at = (percent: number) => (group: LatencyGroup) => milliseconds(group.percentile(percent))
  const isTooShort = table.lastMicros - table.firstMicros < LEAST_RATED_MICROS
  const rate = (group: LatencyGroup): string => (isTooShort ? '-' : shortNumber(table.rateOf(group)))
  const [from, to] = drawnRange(total)
  const bars = options.width < NARROW_WIDTH ? FEW_BARS : MOST_BARS
  const step = Math.ceil((to - from + 1) / bars)
  const all: (Column<LatencyGroup> | undefined)[] = [
    { title: 'requests', cell: (g) => String(g.requests), expendable: 0 },
    { title: 'per s', cell: rate, expendable: 6 },
    { title: 'errors', cell: (g) => String(g.errors), expendable: 1 },
    total.unanswered === 0 ? undefined : { title: 'unanswered', cell: (g) => String(g.unanswered), expendable: 1 },
    total.unknown === 0 ? undefined : { title: 'unknown', cell: (g) => String(g.unknown), expendable: 5 },
    { title: 'p50 ms', cell: at(50), expendable: 0 },
    { title: 'p90', cell: at(90), expendable: 8 },
    { title: 'p99', cell: at(99), expendable: 2 },
    { title: 'p99.9', cell: at(99.9), expendable: 9 },
    { title: 'max', cell: (g) => milliseconds(g.timed === 0 ? -1 : g.maximumMicros), expendable: 3 },
    { title: 'bytes', cell: (g) => shortBytes(g.requestBytes + g.responseBytes), expendable: 10 },
    total.timed === 0
      ? undefined
      : {
          title: `${shortMicros(2 ** from)}-${shortMicros(2 ** (to + 1))}`,
          cell: (g) => `|${drawn(g, from, to, step, options.unicode)}|`,
          expendable: 7,
        },
  ]
  return all.filter((column) => column !== undefined)
}

/** Where the time went, over all exchanges of which it is known. */
function partsLines(total: LatencyGroup): string[] {
  const sum = total.transferMicros + total.networkMicros + total.serverMicros
  if (total.split === 0 || sum <= 0) return []
  const percent = (micros: number): string => `${((micros / sum) * 100).toFixed(micros > 0 && micros < sum ? 1 : 0)}%`
  const known = total.split === total.timed ? '' : ` (of the ${total.split} requests where it is known)`
  return [
    `where the time went${known}: server ${percent(total.serverMicros)}, network to it ${percent(total.networkMicros)}, transfer ${percent(total.transferMicros)}`,
  ]
}

/** First and last bucket of the run that are not empty. */
function drawnRange(total: LatencyGroup): readonly [number, number] {
  let from = 0
  let to = SHAPE_BUCKETS - 1
  while (from < to && total.shape[from] === 0) from++
  while (to > from && total.shape[to] === 0) to--
  return [from, to]
}

/** One character for `step` buckets; its height by the share of the fullest. A bucket that is not empty can always be seen. */
function drawn(group: LatencyGroup, from: number, to: number, step: number, unicode: boolean): string {
  const blocks = unicode ? BLOCKS : ASCII_BLOCKS
  const counts: number[] = []
  for (let i = from; i <= to; i += step) {
    counts.push(group.shape.subarray(i, i + step).reduce((sum, count) => sum + count, 0))
  }
  const fullest = Math.max(...counts)
  return counts
    .map((count) => blocks[count === 0 ? 0 : Math.max(1, Math.round((count / fullest) * (blocks.length - 1)))])
    .join('')
}

/** Three significant digits: `0.085`, `12.4`, `1834`. */
function milliseconds(micros: number): string {
  if (micros < 0) return '-'
  const millis = micros / 1000
  return millis < 10 ? millis.toFixed(3) : millis < 100 ? millis.toFixed(1) : millis.toFixed(0)
}

function shortMicros(micros: number): string {
  if (micros < 1000) return `${micros}us`
  return micros < 1e6 ? `${Math.round(micros / 1000)}ms` : `${Math.round(micros / 1e6)}s`
}

function shortNumber(n: number): string {
  return n >= 100 ? n.toFixed(0) : n.toFixed(1)
}

function shortBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let size = bytes
  let unit = 0
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000
    unit++
  }
  return `${unit === 0 || size >= 99.5 ? size.toFixed(0) : size.toFixed(1)} ${units[unit]}`
}
