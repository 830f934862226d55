// What Prometheus gets, over HTTP as it asks for it.

import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { ExchangeHosts } from '../../src/core/exchange-hosts.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import { ExchangeMetrics } from '../../src/metrics/exchange-metrics.ts'
import { MetricsServer } from '../../src/metrics/metrics-server.ts'
import { FakeNames } from '../support/fake-names.ts'
import { assertGolden } from '../support/golden.ts'
import { settle } from '../support/manual-clock.ts'
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

  test('a late answer: one request, which was counted as unanswered and is timed', async () => {
    const metrics = metricsOf(new ExchangeHosts(undefined))
    record(metrics, { status: 'unanswered' })
    record(metrics, { late: true, firstByteMicros: 6e6 })
    const values = Object.fromEntries(
      (await metrics.toText()).split('\n').map((line) => [line.split('{')[0], line.split(' ').at(-1)]),
    )
    assert.equal(values.tcpflow_requests_total, '1')
    assert.equal(values.tcpflow_requests_unanswered_total, '1')
    assert.equal(values.tcpflow_late_responses_total, '1')
    assert.equal(values.tcpflow_request_duration_seconds_count, '1')
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
  async function opened(t: TestContext, metrics = async () => 'some_metric 1\n', host = '127.0.0.1'): Promise<string> {
    const server = new MetricsServer({ metrics, metricsType: 'text/plain; version=0.0.4', stats: () => '{}\n' })
    t.after(() => server.close())
    return `http://127.0.0.1:${await server.listen({ host, port: 0 })}`
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
      socket.write(i % 2 === 0 ? 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(50) : 'GET /metrics HTT')
      return socket
    })
    t.after(() => {
      for (const socket of sockets) socket.destroy()
    })
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
    assert.equal((await (await fetch(`${url}/metrics`)).text()).length, large.length)
  })

  /** Sockets that connect, `say` something and are never read; they reconnect at once when they are closed, if asked to. */
  function crowd(t: TestContext, url: string, count: number, say: string, reconnect = false): { closed: number } {
    const state = { closed: 0 }
    const sockets = new Set<Socket>()
    let over = false
    const join = (): void => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        state.closed++
        sockets.delete(socket)
        if (reconnect && !over) join()
      })
      if (say !== '') socket.write(say)
      socket.resume()
    }
    for (let i = 0; i < count; i++) join()
    t.after(() => {
      over = true
      for (const socket of sockets) socket.destroy()
    })
    return state
  }

  /** Those who have said nothing by then may be closed. */
  const GRACE_MILLIS = 500

  function passTime(t: TestContext, millis: number): void {
    const now = performance.now.bind(performance)
    t.mock.method(performance, 'now', () => now() + millis)
  }

  async function isServed(url: string, times = 5): Promise<void> {
    for (let i = 0; i < times; i++) {
      assert.equal(await (await fetch(`${url}/metrics`)).text(), 'some_metric 1\n')
      await settle()
    }
  }

  test('1,000 that say nothing: Prometheus is served, and the silent ones make room', async (t) => {
    const url = await opened(t)
    const silent = crowd(t, url, 1000, '')
    await isServed(url)
    passTime(t, GRACE_MILLIS)
    crowd(t, url, 100, '')
    await isServed(url)
    for (let turns = 0; turns < 1000 && silent.closed < 100; turns++) await settle()
    assert.ok(silent.closed >= 100, `${silent.closed} were closed`)
  })

  for (const [what, say] of [
    ['say nothing', ''],
    ['never finish asking', 'GET /metrics HTTP/1.1\r\nHost: loc'],
    ['ask all the time', 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['talk nonsense', '\x16\x03\x01\r\n\r\n'],
  ] as const) {
    test(`64 that reconnect for ever and ${what}: Prometheus is served`, async (t) => {
      const url = await opened(t)
      crowd(t, url, 64, say, true)
      await isServed(url)
      passTime(t, GRACE_MILLIS)
      await isServed(url)
    })
  }

  /** All that comes back, to the end of the connection. */
  function say(url: string, bytes: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = ''
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(bytes, 'latin1'))
      socket.setEncoding('latin1').on('data', (text: string) => {
        answer += text
      })
      socket.on('end', () => resolve(answer))
      socket.on('error', reject)
    })
  }

  test('one answer a connection, however many are asked for', async (t) => {
    const url = await opened(t)
    const answer = await say(url, 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(3000))
    assert.equal(answer.split('HTTP/1.1 ').length, 2)
    assert.ok(answer.endsWith('\r\n\r\nsome_metric 1\n'))
    assert.match(answer, /\r\nConnection: close\r\n/)
  })

  test('what is no request is said so, and a long one is not read to its end', async (t) => {
    const url = await opened(t)
    const status = async (bytes: string): Promise<string> => (await say(url, bytes)).split(' ')[1]!
    assert.equal(await status('GET /metrics\r\n\r\n'), '400')
    assert.equal(await status('GET /metrics HTTP/1.1\r\n\r\n'), '400')
    assert.equal(await status('GET /metrics HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n\r\n'), '400')
    assert.equal(await status(`GET /metrics HTTP/1.1\r\nX: ${'x'.repeat(9000)}`), '431')
    assert.equal(await status('GET /metrics HTTP/1.0\r\n\r\n'), '200')
    assert.equal(await status('\r\nGET /metrics HTTP/1.1\nHost: localhost\n\n'), '200')
    const head = await say(url, 'HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n')
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n([\w-]+: .*\r\n)*Content-Length: 14\r\n([\w-]+: .*\r\n)*\r\n$/)
  })

  test('on loopback a Host that is another machine is refused: a web page gave its own name our address', async (t) => {
    const url = await opened(t)
    const port = new URL(url).port
    const status = async (host: string, target = '/stats'): Promise<number> =>
      Number((await say(url, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).split(' ')[1])
    const own = ['localhost', 'LOCALHOST', 'localhost.', '127.0.0.1', '127.8.9.10', '[::1]']
    for (const host of own.flatMap((each) => [each, `${each}:${port}`, `${each}:1`])) {
      assert.equal(await status(host), 200, host)
    }
    const others = ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1', '127.0.0.256', '']
    others.push(
      '127.1',
      'localhost@evil.example',
      'evil.example:80:localhost',
      '[::2]',
      '[::1].evil.example',
      '0.0.0.0',
    )
    for (const host of others.flatMap((each) => [each, `${each}:${port}`])) assert.equal(await status(host), 403, host)
    assert.equal(await status('localhost', 'http://evil.example/stats'), 403)
    assert.equal(await status('evil.example', `http://127.0.0.1:${port}/stats`), 200)
  })

  test('where it listens for others, they call it what they like', async (t) => {
    const url = await opened(t, undefined, '0.0.0.0')
    const answer = await say(url, 'GET /stats HTTP/1.1\r\nHost: monitored.example\r\n\r\n')
    assert.match(answer, /^HTTP\/1\.1 200 /)
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
