// Weeks in half a minute: a run that is fed four weeks of everything that could make it grow takes no more memory in the last
// week than in the second, in as little heap as the Compose file's container has; and what is new then has its place.
// SOAK_DAYS=N: as many days instead of 28.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FedRun, type Memory } from '../support/fed-run.ts'
import { type TrafficCounts, WeeksOfTraffic } from '../support/weeks-of-traffic.ts'

const DAYS = Math.max(28, Number(process.env.SOAK_DAYS ?? 0))
const ROUNDS_A_DAY = 1500
/** More than the table holds with this heap. */
const FILLED_CONNECTIONS = 36_000
/** What Node gives itself in a container of 512 MB. */
const HEAP_MEGABYTES = 256
const MEGABYTE = 1024 * 1024
/** A day leaves 1,300 connections open and brings as many servers, routes and names: had 14 days of any been kept … */
const MAXIMUM_GROWTH = 4 * MEGABYTE
const MAXIMUM_RESIDENT_GROWTH = 48 * MEGABYTE
const MAXIMUM_RESIDENT = 480 * MEGABYTE

const NEW_SERVER = 0x0ac80001
const NEW_SERVER_NAME = '10.200.0.1:6379'
const NEW_REQUESTS_A_DAY = 100
const NEW_DAYS = 7

test('memory stays, tables expire, and a clock that is set does no harm', { timeout: DAYS * 20_000 }, async (t) => {
  const args = ['latency', '-r', '-', '--table', '--by', 'server', '--every', '7d', '--no-notes']
  const run = new FedRun(t, [...args, '--metrics', '0', '--stats', '0'], HEAP_MEGABYTES)
  const made: Buffer[] = []
  const traffic = new WeeksOfTraffic((bytes) => made.push(bytes))
  const memory: Memory[] = []
  traffic.fill(FILLED_CONNECTIONS)
  for (let day = 1; day <= DAYS; day++) {
    traffic.day(ROUNDS_A_DAY)
    if (day > DAYS - NEW_DAYS) traffic.visit(NEW_SERVER, NEW_REQUESTS_A_DAY)
    for (const bytes of made.splice(0)) await run.feed(bytes)
    if (day % 2 === 0 && isCompared(day)) memory.push(await run.memory())
  }
  const metrics = await run.metricsAfter(traffic.counts.packets)
  const statistics = await run.page('/stats')
  await run.end()
  assertFlat(memory)
  assertMetrics(metrics, traffic.counts)
  const { [NEW_SERVER_NAME]: ofNew, ...others } = JSON.parse(statistics) as Record<string, { requests: number }>
  assert.ok(ofNew !== undefined && ofNew.requests >= NEW_REQUESTS_A_DAY)
  assert.ok(Object.keys(others).length <= 1001)
  assertTables(run.stdout)
})

/** The second quarter and the last: what fills up slowly is as full as it gets by then. */
function isCompared(day: number): boolean {
  return (day > DAYS / 4 && day <= DAYS / 2) || day > (DAYS * 3) / 4
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function assertFlat(memory: readonly Memory[]): void {
  const second = memory.slice(0, memory.length / 2)
  const last = memory.slice(memory.length / 2)
  const used = mean(last.map((m) => m.used)) - mean(second.map((m) => m.used))
  const resident = mean(last.map((m) => m.resident)) - mean(second.map((m) => m.resident))
  const inMegabytes = memory.map((m) => `${(m.used / MEGABYTE).toFixed(1)}/${(m.resident / MEGABYTE).toFixed(0)}`)
  const figures = `used/resident MB: ${inMegabytes.join(' ')}`
  if (process.env.SOAK_DAYS !== undefined) console.error(figures)
  assert.ok(used < MAXIMUM_GROWTH, figures)
  assert.ok(resident < MAXIMUM_RESIDENT_GROWTH, figures)
  assert.ok(
    memory.every((m) => m.resident < MAXIMUM_RESIDENT),
    figures,
  )
}

function assertMetrics(metrics: string, counts: TrafficCounts): void {
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1])
  const requests = [...metrics.matchAll(/^tcpflow_requests_total\{.* (\d+)$/gm)].map(([, count]) => Number(count))
  assert.ok(requests.length <= 210, `${requests.length} series`)
  const servers = [...metrics.matchAll(/^tcpflow_requests_total\{server="([^"]*)"/gm)].map(([, server]) => server)
  assert.ok(servers.includes(NEW_SERVER_NAME), `no series of its own for who came last: ${servers.join(' ')}`)
  assert.ok(value('tcpflow_connections_evicted_total') > 0)
  assert.ok(value('tcpflow_connections_open') < counts.leftOpen)
  // no clock that was set has made a request slow: none takes longer than a second and a bit
  const counted = (le: string): string[] =>
    [...metrics.matchAll(/^tcpflow_request_duration_seconds_bucket\{(.*),le="(.*)"\} (\d+)$/gm)]
      .filter(([, , bound]) => bound === le)
      .map(([, labels, , count]) => `${labels} ${count}`)
  assert.ok(counted('+Inf').length > 5)
  assert.deepEqual(counted('2.5'), counted('+Inf'))
}

/** One each week, all in order, whatever the clock did; each request is in one of its lines. */
function assertTables(stdout: string): void {
  const tables = stdout.split(/^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, since the start:)/m)
  assert.ok(Math.abs(tables.length - DAYS / 7) <= 1, `${tables.length} tables`)
  const times = tables.map((table) => table.slice(0, 19))
  assert.deepEqual(times, times.toSorted())
  assert.ok(
    times.every((time) => time.startsWith('2020-')),
    times.join(', '),
  )
  for (const table of tables) assert.doesNotMatch(table, /NaN|Infinity/)
}
