// What two captures of the same traffic tell together: for each exchange the client's time, the network's and the server's.

import type { ComparedExchange } from '../../core/compared-exchange.ts'
import type { Grouping } from '../grouping.ts'
import { type LatencyHistogram, type MakeHistogram, recordMicros } from '../latency-table.ts'
import { keyPatternOf, routeOf } from '../patterns.ts'
import type { ClockOffset } from './clock-offset.ts'
import type { PairedExchange } from './pair-conversations.ts'

const MAXIMUM_GROUPS = 500
const MAXIMUM_ROWS = 40
const GAP = '  '
const MOST_NAME_WIDTH = 48
const OTHER = '(other)'

export function compared(
  { atClient, atServer, client, server }: PairedExchange,
  offset: ClockOffset,
): ComparedExchange {
  const latencyMicros = atClient.endMicros - atClient.startMicros
  const serverMicros = atServer.endMicros - atServer.startMicros
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
    networkMicros: latencyMicros - serverMicros,
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

  constructor(by: readonly Grouping[], make: MakeHistogram) {
    this.#by = by
    this.#make = make
    this.#total = new ComparedGroup('all', make)
  }

  record(pair: PairedExchange, exchange: ComparedExchange): void {
    const name = this.#by.map((by) => groupOf(pair, by)).join(' ')
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
  format(sanitize: (text: string) => string): string {
    const groups = [...this.#groups.values()].sort((a, b) => b.clientMicros - a.clientMicros)
    const shown = groups.slice(0, MAXIMUM_ROWS)
    const rows = [
      [
        this.#by.join(' '),
        'requests',
        'client p50 ms',
        'p99',
        'network p50',
        'p99',
        'server p50',
        'p99',
        'network',
        'server',
      ],
      ...[...shown, ...(groups.length > 1 ? [this.#total] : [])].map((group) => rowOf(group, sanitize)),
    ]
    const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
    const lines = rows.map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(GAP),
    )
    if (groups.length > shown.length) lines.push(`(${groups.length - shown.length} more)`)
    return `${lines.join('\n')}\n`
  }
}

function rowOf(group: ComparedGroup, sanitize: (text: string) => string): string[] {
  const at = (histogram: LatencyHistogram, percent: number): string =>
    (histogram.getValueAtPercentile(percent) / 1000).toFixed(3)
  const share = (micros: number): string =>
    group.clientMicros <= 0
      ? '-'
      : `${((Math.max(0, Math.min(micros, group.clientMicros)) / group.clientMicros) * 100).toFixed(1)}%`
  return [
    sanitize(group.name).slice(0, MOST_NAME_WIDTH),
    String(group.requests),
    ...[group.client, group.network, group.server].flatMap((histogram) => [at(histogram, 50), at(histogram, 99)]),
    share(group.networkMicros),
    share(group.serverMicros),
  ]
}

function groupOf({ atClient, client }: PairedExchange, by: Grouping): string {
  switch (by) {
    case 'server':
      return client.ends.server
    case 'container':
      return client.ends.container === '' ? client.ends.serverEndpoint.address : client.ends.container
    case 'command':
      return atClient.command
    case 'route':
      return atClient.protocol === 'http' ? routeOf(atClient.command) : atClient.command
    case 'key':
      return keyPatternOf(atClient.key)
  }
}
