// `tcpflow latency --compare CLIENT SERVER`: reads two captures of the same traffic, one after the other, and tells of what
// is in both.

import type { ComparedExchange } from '../core/compared-exchange.ts'
import { ExchangeHosts } from '../core/exchange-hosts.ts'
import { type Io, STOPPED_EXIT_CODES, type StopSignal } from '../core/io.ts'
import { type ClockOffset, clockOffset } from '../latency/comparison/clock-offset.ts'
import { ComparisonTable, compared } from '../latency/comparison/comparison-report.ts'
import { ExchangeLog } from '../latency/comparison/exchange-log.ts'
import { pairExchanges } from '../latency/comparison/pair-conversations.ts'
import type { PairedExchange } from '../latency/comparison/paired-exchange.ts'
import { areSidesSwapped, otherWayRound } from '../latency/comparison/sides.ts'
import { makeHistogram } from '../latency/histograms.ts'
import { ComparisonJson, ComparisonLines } from '../output/exchanges/comparison-output.ts'
import { TerminalMessages } from '../output/messages/messages.ts'
import { sanitizeLine } from '../output/terminal/sanitize-text.ts'
import { OutputClosedError, OutputStream } from '../output/writing/output-stream.ts'
import type { LatencyPlan, Plan } from '../plan.ts'
import { EXCHANGE_GROUPINGS } from '../protocol/registry.ts'
import { SavefileNames } from '../savefile/savefile-names.ts'
import { tableLook } from '../views/table-look.ts'
import { readExchanges } from './read-exchanges.ts'

/** A round trip below zero that the jitter of two captures does not explain. */
const DRIFT_MILLIS = -0.1
const FLUSH_EVERY = 1000
const EXIT_FAILED = 1

/** Resolves to the exit code. Rejects with OperatorError. */
export async function compareCaptures(plan: Plan, latency: LatencyPlan, io: Io): Promise<number> {
  const messages = new TerminalMessages(io.stderr, { info: !plan.quiet, notes: plan.notes })
  const stopping = new AbortController()
  let stopSignal: StopSignal | undefined
  io.onSignal((signal) => {
    stopSignal = signal
    stopping.abort()
  })
  const [clientPath = '', serverPath = ''] = latency.compare ?? []
  const logs: ExchangeLog[] = []
  let failed = false
  for (const path of [clientPath, serverPath]) {
    const { log, damage } = await readLog(path, plan, latency, messages, stopping.signal)
    if (stopSignal !== undefined) {
      messages.error('stopped before both captures were read: there is nothing to compare')
      await messages.finish()
      return STOPPED_EXIT_CODES[stopSignal]
    }
    if (damage !== undefined) {
      failed = true
      messages.error(`${path}: ${damage}`, 'everything before that has been read')
    }
    if (log.left > 0) messages.info(`${path}: ${log.left} more exchanges are left out, that is too many to compare`)
    logs.push(log)
  }
  let [client, server] = logs as [ExchangeLog, ExchangeLog]
  let paired: readonly PairedExchange[] = pairExchanges(client.conversations, server.conversations)
  if (areSidesSwapped(paired)) {
    messages.info(
      `${serverPath} is the client's side (it waited longer), ${clientPath} the server's: taken that way round`,
    )
    ;[client, server] = [server, client]
    paired = otherWayRound(paired)
  }
  const offset = clockOffset(paired)
  for (const line of clockLines(paired, client, server, offset)) messages.info(line)
  try {
    await print(paired, offset, latency, io, messages)
  } catch (error) {
    if (!(error instanceof OutputClosedError)) throw error
  }
  await messages.finish()
  return failed ? EXIT_FAILED : 0
}

async function readLog(
  path: string,
  plan: Plan,
  latency: LatencyPlan,
  messages: TerminalMessages,
  stopping: AbortSignal,
): Promise<{ log: ExchangeLog; damage: string | undefined }> {
  const names = plan.names ? new SavefileNames() : undefined
  const hosts = new ExchangeHosts(names)
  const log = new ExchangeLog(hosts)
  const { damage } = await readExchanges(path, { plan, latency, messages, hosts, names, stopping }, log)
  return { log, damage }
}

async function print(
  paired: readonly PairedExchange[],
  offset: ClockOffset,
  latency: LatencyPlan,
  io: Io,
  messages: TerminalMessages,
): Promise<void> {
  const stream = new OutputStream(io.stdout, { name: 'standard output' })
  const printer = latency.format === 'json' ? new ComparisonJson(stream) : new ComparisonLines(stream, latency.color)
  const table = new ComparisonTable(latency.by, EXCHANGE_GROUPINGS, makeHistogram)
  let shown: ComparedExchange[] = []
  for (const pair of paired) {
    const exchange = compared(pair, offset)
    table.record(pair, exchange)
    if (latency.format !== 'none' && isSlow(latency, exchange)) shown.push(exchange)
  }
  if (latency.top > 0) shown = shown.sort((a, b) => b.latencyMicros - a.latencyMicros).slice(0, latency.top)
  for (let i = 0; i < shown.length; i++) {
    printer.print(shown[i]!)
    if (i % FLUSH_EVERY === 0 && stream.blocked) await stream.drain()
  }
  stream.flush()
  const text = table.format({ ...tableLook(latency, io), sanitize: sanitizeLine })
  if (latency.table === 'stdout') stream.writeText(text)
  else if (latency.table === 'stderr') messages.draw(text)
  await stream.finish()
}

/** Percentiles need a run that goes on; here only milliseconds count. */
function isSlow({ threshold }: LatencyPlan, exchange: ComparedExchange): boolean {
  return threshold?.kind !== 'micros' || exchange.latencyMicros >= threshold.micros
}

function clockLines(
  paired: readonly PairedExchange[],
  client: ExchangeLog,
  server: ExchangeLog,
  offset: ClockOffset,
): string[] {
  const counts = `${paired.length} exchanges are in both captures (of ${client.exchanges} at the client, ${server.exchanges} at the server)`
  if (paired.length === 0) return [counts]
  const ahead = `the server's clock is ${(Math.abs(offset.micros) / 1000).toFixed(3)} ms ${offset.micros < 0 ? 'behind' : 'ahead'}`
  const trip = offset.roundTripMicros / 1000
  const how =
    trip < DRIFT_MILLIS
      ? 'and one of them drifts or was set meanwhile: the ways there and back are rough, the network as a whole is not'
      : `taking the fastest way there and back (${trip.toFixed(3)} ms together) to be equally fast`
  return [counts, `${ahead}, ${how}`]
}
