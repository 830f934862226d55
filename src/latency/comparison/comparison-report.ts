// Prints what two captures of the same traffic show together: for each exchange the time of the client, the network and the
// server.

import type { ComparedExchange } from '../../core/compared-exchange.ts'
import type { ExchangeGroupings } from '../../core/exchange-grouping.ts'
import { type Column, fittingLines } from '../fitting-table.ts'
import { Grouper, type Grouping } from '../grouping.ts'
import type { ReportOptions } from '../latency-report.ts'
import { type LatencyHistogram, type MakeHistogram, recordMicros } from '../latency-table.ts'
import type { ClockOffset } from './clock-offset.ts'
import type { PairedExchange } from './paired-exchange.ts'

const MAXIMUM_GROUPS = 500
const MAXIMUM_ROWS = 40
const OTHER = '(other)'

const BOLD = '\x1b[1m'
const RESET = '\x1b[0m'

export function compared(
  { atClient, atServer, client, server }: PairedExchange,
  offset: ClockOffset,
): ComparedExchange {
  const latencyMicros = atClient.endMicros - atClient.startMicros
  const networkMicros = latencyMicros - (atServer.endMicros - atServer.startMicros)
  const { serverMicros } = atServer
  return {
    endMicros: atClient.endMicros,
    client: client.ends.client,
    server: client.ends.server,
    atServerClient: server.ends.client,
    atServerServer: server.ends.server,
    protocol: atClient.protocol,
    command: atClient.command,
    key: atClient.key,
    request: atClient.request,
    status: atClient.status,
    requestBytes: atClient.requestBytes,
    responseBytes: atClient.responseBytes,
    latencyMicros,
    serverMicros,
    networkMicros,
    transferMicros: latencyMicros - networkMicros - serverMicros,
    thereMicros: atServer.startMicros - atClient.startMicros - offset.micros,
    backMicros: atClient.endMicros - atServer.endMicros + offset.micros,
  }
}

class ComparedGroup {
  readonly name: string
  requests = 0
  clientMicros = 0
  networkMicros = 0
  serverMicros = 0
  readonly client: LatencyHistogram
  readonly network: LatencyHistogram
  readonly server: LatencyHistogram

  constructor(name: string, make: MakeHistogram) {
    this.name = name
    this.client = make()
    this.network = make()
    this.server = make()
  }

  record({ latencyMicros, networkMicros, serverMicros }: ComparedExchange): void {
    this.requests++
    this.clientMicros += latencyMicros
    this.networkMicros += networkMicros
    this.serverMicros += serverMicros
    recordMicros(this.client, latencyMicros)
    recordMicros(this.network, networkMicros)
    recordMicros(this.server, serverMicros)
  }
}

export class ComparisonTable {
  readonly #groups = new Map<string, ComparedGroup>()
  readonly #total: ComparedGroup
  readonly #make: MakeHistogram
  readonly #by: readonly Grouping[]
  readonly #grouper: Grouper

  constructor(by: readonly Grouping[], protocols: ExchangeGroupings, make: MakeHistogram) {
    this.#by = by
    this.#grouper = new Grouper(by, protocols)
    this.#make = make
    this.#total = new ComparedGroup('all', make)
  }

  record(pair: PairedExchange, exchange: ComparedExchange): void {
    const name = this.#grouper.groupOf(pair.atClient, pair.client.ends)
    const shown = this.#groups.has(name) || this.#groups.size < MAXIMUM_GROUPS ? name : OTHER
    let group = this.#groups.get(shown)
    if (group === undefined) {
      group = new ComparedGroup(shown, this.#make)
      this.#groups.set(shown, group)
    }
    group.record(exchange)
    this.#total.record(exchange)
  }

  /** Ends with a newline. */
  format({ width, unicode, color, sanitize }: Omit<ReportOptions, 'title'>): string {
    const groups = [...this.#groups.values()].sort((a, b) => b.clientMicros - a.clientMicros)
    const shown = groups.slice(0, MAXIMUM_ROWS)
    const rows = groups.length > 1 ? [...shown, this.#total] : shown
    const names = rows.map((group) => sanitize(group.name))
    const title = this.#by.join(' ')
    const [head, ...lines] = fittingLines({ title, names, rows, columns: COLUMNS, width, unicode })
    if (groups.length > shown.length) lines.push(`(${groups.length - shown.length} more)`)
    return `${[color ? `${BOLD}${head}${RESET}` : head, ...lines].join('\n')}\n`
  }
}

/** A p99 column belongs to the column before it. It is dropped first when there is no room. */
const COLUMNS: readonly Column<ComparedGroup>[] = [
  { title: 'requests', cell: (g) => String(g.requests), expendable: 4 },
  { title: 'client p50 ms', cell: (g) => at(g.client, 50), expendable: 0 },
  { title: 'p99', cell: (g) => at(g.client, 99), expendable: 7 },
  { title: 'network p50', cell: (g) => at(g.network, 50), expendable: 2 },
  { title: 'p99', cell: (g) => at(g.network, 99), expendable: 8 },
  { title: 'server p50', cell: (g) => at(g.server, 50), expendable: 3 },
  { title: 'p99', cell: (g) => at(g.server, 99), expendable: 9 },
  { title: 'network', cell: (g) => share(g, g.networkMicros), expendable: 5 },
  { title: 'server', cell: (g) => share(g, g.serverMicros), expendable: 6 },
]

function at(histogram: LatencyHistogram, percent: number): string {
  return (histogram.getValueAtPercentile(percent) / 1000).toFixed(3)
}

function share({ clientMicros }: ComparedGroup, micros: number): string {
  if (clientMicros <= 0) return '-'
  return `${((Math.max(0, Math.min(micros, clientMicros)) / clientMicros) * 100).toFixed(1)}%`
}
