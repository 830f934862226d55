// What deploy/ asks Prometheus for is what /metrics really has: names, labels, and files that are mounted.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { ExchangeHosts } from '../../src/core/exchange-hosts.ts'
import { ExchangeMetrics } from '../../src/metrics/exchange-metrics.ts'
import { MetricsServer } from '../../src/metrics/metrics-server.ts'
import { timed } from '../support/timed-exchanges.ts'

const DEPLOY = join(import.meta.dirname, '../../deploy')
/** What Prometheus itself adds, beside the metric `up`. */
const KNOWN_LABELS = new Set(['job', 'instance'])

function read(path: string): string {
  return readFileSync(join(DEPLOY, path), 'utf8')
}

/** Label names by metric, from the text that Prometheus would get. */
const labelsOf = new Map<string, Set<string>>()

before(async () => {
  const hosts = new ExchangeHosts(undefined)
  const counts = {
    packets: 1,
    packetBytes: 1,
    kernelDrops: 0,
    interfaceDrops: 0,
    connections: 1,
    openConnections: 1,
    payloadBytes: 1,
    gaps: 0,
    gapBytes: 0,
    evicted: 0,
    datagrams: 0,
  }
  const metrics = new ExchangeMetrics(
    '0',
    (t) => hosts.of(t.exchange),
    () => counts,
  )
  metrics.onTimedExchange(timed())
  const server = new MetricsServer({
    metrics: () => metrics.toText(),
    metricsType: metrics.contentType,
    stats: () => '',
  })
  const port = await server.listen({ host: '127.0.0.1', port: 0 })
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  server.close()
  for (const [, name, labels] of text.matchAll(/^([a-z_]+)(?:\{(.*)\})? /gm)) {
    const known = labelsOf.get(name!) ?? new Set<string>()
    for (const [, label] of (labels ?? '').matchAll(/(\w+)="/g)) known.add(label!)
    labelsOf.set(name!, known)
  }
})

/** Every query of the dashboard: of panels, and of the variables above them. */
function dashboardQueries(): string[] {
  const dashboard = JSON.parse(read('grafana/dashboards/tcpflow.json')) as {
    panels: { title: string; targets: { expr: string }[] }[]
    templating: { list: { definition: string }[] }
  }
  return [
    ...dashboard.panels.flatMap((panel) => panel.targets.map(({ expr }) => expr)),
    ...dashboard.templating.list.map(({ definition }) => definition),
  ]
}

/** `expr:` of each rule, on one line or folded. */
function ruleQueries(): string[] {
  return [...read('prometheus/alerts.yml').matchAll(/^( *)expr: (?:>-\n((?:\1 +.*\n)+)|(.*)\n)/gm)].map(
    ([, , folded, line]) => (folded ?? line)!.replace(/\s+/g, ' ').trim(),
  )
}

function check(query: string): void {
  const metrics = [...new Set([...query.matchAll(/\b(?:tcpflow|process)_\w+/g)].map(([name]) => name))]
  assert.ok(metrics.length > 0 || /\bup\{/.test(query), `no metric in ${query}`)
  for (const metric of metrics) assert.ok(labelsOf.has(metric), `there is no ${metric}: ${query}`)
  const all = new Set(metrics.flatMap((metric) => [...labelsOf.get(metric)!]))
  const used = [
    ...[...query.matchAll(/\{([^}]*)\}/g)].flatMap(([, inner]) =>
      [...inner!.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, l]) => l!),
    ),
    ...[...query.matchAll(/\b(?:by|without|on|ignoring) \(([^)]*)\)/g)].flatMap(([, inner]) => inner!.split(/, */)),
    ...[...query.matchAll(/label_values\(\w+, (\w+)\)/g)].map(([, label]) => label!),
  ]
  for (const label of used) assert.ok(all.has(label) || KNOWN_LABELS.has(label), `no label ${label}: ${query}`)
}

test("the dashboard's queries", () => {
  const queries = dashboardQueries()
  assert.ok(queries.length >= 20)
  for (const query of queries) check(query)
})

test('the alert rules', () => {
  const queries = ruleQueries()
  assert.equal(queries.length, read('prometheus/alerts.yml').match(/- alert:/g)!.length)
  for (const query of queries) check(query)
})

test('a query that asks for what is not there is found', () => {
  assert.throws(() => check('rate(tcpflow_request_total[5m])'), /there is no tcpflow_request_total/)
  assert.throws(() => check('sum by (host) (tcpflow_requests_total)'), /no label host/)
  assert.throws(() => check('tcpflow_packets_total{server="a"}'), /no label server/)
})

test('every metric of ours is looked at by somebody', () => {
  const asked = [...dashboardQueries(), ...ruleQueries()].join(' ')
  const ignored = [...labelsOf.keys()].filter((name) => !asked.includes(name) && name !== 'tcpflow_build_info')
  assert.deepEqual(ignored, [])
})

test('what the Compose file mounts is there, and nothing listens beyond this machine', () => {
  const compose = read('docker-compose.yml')
  const mounted = [...compose.matchAll(/^ +- (\.\/[^:]+):/gm)].map(([, path]) => path!)
  assert.ok(mounted.length >= 3)
  for (const path of mounted) assert.ok(existsSync(join(DEPLOY, path)), path)
  assert.doesNotMatch(compose, /0\.0\.0\.0|^ +ports:/m)
  const [, port] = /--metrics 127\.0\.0\.1:(\d+)/.exec(compose)!
  assert.ok(read('prometheus/prometheus.yml').includes(`127.0.0.1:${port}`))
  assert.match(read('grafana/provisioning/datasources/prometheus.yml'), /uid: prometheus/)
})
