// What Prometheus gets, over HTTP as it asks for it.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { ExchangeHosts } from '../../src/core/exchange-hosts.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import { ExchangeMetrics } from '../../src/metrics/exchange-metrics.ts'
import { MetricsServer } from '../../src/metrics/metrics-server.ts'
import { FakeNames } from '../support/fake-names.ts'
import { assertGolden } from '../support/golden.ts'
import { connection, type ExchangeFields, endpoint, timed } from '../support/timed-exchanges.ts'

const COUNTS = {
  packets: 2180,
  packetBytes: 500_000,
  kernelDrops: 3,
  interfaceDrops: 1,
  connections: 104,
  openConnections: 50,
  payloadBytes: 476_100,
  gaps: 2,
  gapBytes: 2920,
  evicted: 0,
  datagrams: 0,
}

function metricsOf(hosts = new ExchangeHosts(undefined)): ExchangeMetrics {
  return new ExchangeMetrics(
    '1.2.3',
    (t) => hosts.of(t.exchange),
    () => COUNTS,
  )
}

function record(metrics: ExchangeMetrics, fields: ExchangeFields, parts = {}): void {
  metrics.onTimedExchange(timed(fields, parts))
}

describe('the text', () => {
  test('as Prometheus reads it', async () => {
    const names = new FakeNames()
    names.set('192.168.0.2', { name: 'db', container: 'c0ffee' })
    const metrics = metricsOf(new ExchangeHosts(names))
    for (const firstByteMicros of [90, 100, 101, 4000, 60_000_000]) {
      record(metrics, { firstByteMicros }, { serverMicros: 80, networkMicros: 10 })
    }
    record(metrics, { status: 'error', firstByteMicros: 200 })
    record(metrics, { status: 'unanswered' })
    record(metrics, { status: 'unknown' })
    record(metrics, { blocking: true, firstByteMicros: 5e6 })
    record(metrics, {
      server: endpoint(3, 80),
      protocol: 'http',
      connection: connection(1, 2, endpoint(1, 1), endpoint(3, 80)),
    })
    const text = (await metrics.toText()).replace(/(process_resident_memory_bytes) \d+/, '$1 0')
    assertGolden('metrics/metrics.txt', text)
  })

  test('series are bounded, and so are labels; nothing in them breaks the format', async () => {
    const names = new FakeNames()
    names.set('192.168.0.2', `evil"\n} 1\\${'x'.repeat(500)}`)
    const metrics = metricsOf(new ExchangeHosts(names))
    for (let i = 0; i < 5000; i++) record(metrics, { server: endpoint(2, i) })
    const text = await metrics.toText()
    const series = text.split('\n').filter((line) => line.startsWith('tcpflow_requests_total{'))
    assert.equal(series.length, 201)
    assert.ok(series.includes('tcpflow_requests_total{server="other",protocol="redis",container=""} 4800'))
    assert.ok(Math.max(...series.map((line) => line.length)) < 200)
    for (const line of text.split('\n'))
      assert.match(line, /^($|# (HELP|TYPE) |[a-z_]+(\{[^{}"\\]*("[^"\\]*"[^{}"\\]*)*\})? [\d.e+-]+$)/)
  })
})

describe('the server', () => {
  async function opened(t: TestContext, metrics = async () => 'some_metric 1\n'): Promise<string> {
    const server = new MetricsServer({ metrics, metricsType: 'text/plain; version=0.0.4', stats: () => '{}\n' })
    t.after(() => server.close())
    return `http://127.0.0.1:${await server.listen({ host: '127.0.0.1', port: 0 })}`
  }

  test('its pages', async (t) => {
    const url = await opened(t)
    const metrics = await fetch(`${url}/metrics?x=1`)
    assert.equal(metrics.headers.get('content-type'), 'text/plain; version=0.0.4')
    assert.equal(await metrics.text(), 'some_metric 1\n')
    assert.equal(await (await fetch(`${url}/stats`)).text(), '{}\n')
    assert.equal(await (await fetch(`${url}/healthz`)).text(), 'ok\n')
    assert.equal((await fetch(`${url}/nothing`)).status, 404)
    assert.equal((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status, 405)
    assert.equal((await fetch(`${url}/metrics`, { method: 'HEAD' })).status, 200)
  })

  test("those who do not read, or never finish asking, are in nobody else's way", async (t) => {
    const large = 'x'.repeat(8 << 20)
    const url = await opened(t, async () => large)
    const port = Number(new URL(url).port)
    const sockets = Array.from({ length: 20 }, (_, i) => {
      const socket = connect(port, '127.0.0.1').pause()
      socket.on('error', () => {})
      socket.write(i % 2 === 0 ? 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(50) : 'GET /metrics HTT')
      return socket
    })
    t.after(() => {
      for (const socket of sockets) socket.destroy()
    })
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
    assert.equal((await (await fetch(`${url}/metrics`)).text()).length, large.length)
  })

  test('no more than so many at once', async (t) => {
    const url = await opened(t)
    const port = Number(new URL(url).port)
    let refused = 0
    const sockets = Array.from({ length: 100 }, () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      return socket
    })
    t.after(() => {
      for (const socket of sockets) socket.destroy()
    })
    await new Promise<void>((resolve) => {
      for (const socket of sockets) {
        socket.on('close', () => {
          if (++refused === 68) resolve()
        })
        socket.resume()
      }
    })
    assert.equal(refused, 68)
  })
})

test('servers that were silent for an hour make room for new ones, the longest silent first', async () => {
  const metrics = metricsOf()
  const seriesOf = async (port: number): Promise<string | undefined> =>
    new RegExp(`^tcpflow_requests_total\\{server="192.168.0.3:${port}".* (\\d+)$`, 'm').exec(
      await metrics.toText(),
    )?.[1]
  for (let port = 1; port <= 200; port++) {
    metrics.onClock(new Timestamp(10_000 + port, 0))
    record(metrics, { server: endpoint(3, port) })
  }
  metrics.onClock(new Timestamp(10_300, 0))
  record(metrics, { server: endpoint(3, 1000) })
  assert.equal(await seriesOf(1000), undefined)
  metrics.onClock(new Timestamp(14_000, 0))
  record(metrics, { server: endpoint(3, 1) })
  record(metrics, { server: endpoint(3, 1000) })
  assert.equal(await seriesOf(1000), '1')
  assert.equal(await seriesOf(1), '2', 'it has spoken since')
  assert.equal(await seriesOf(2), undefined)
  assert.equal(await seriesOf(200), '1')
})
