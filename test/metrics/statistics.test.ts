// tcpkit's statistics: buckets, JSON, and the port that hands it out.

import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { Timestamp } from '../../src/core/timestamp.ts'
import { LATENCY_BUCKET_NAMES, latencyBucketOf } from '../../src/metrics/latency-buckets.ts'
import { ServerStatistics } from '../../src/metrics/server-statistics.ts'
import { StatisticsPort } from '../../src/metrics/statistics-port.ts'
import { assertGolden } from '../support/golden.ts'
import { endpoint, timed } from '../support/timed-exchanges.ts'

test('buckets: the upper bound is within', () => {
  const cases: [number, string][] = [
    [0, '<0.1ms'],
    [100, '<0.1ms'],
    [100.5, '0.1ms~0.2ms'],
    [200, '0.1ms~0.2ms'],
    [201, '0.2~0.5ms'],
    [501, '0.5ms~1ms'],
    [1000, '0.5ms~1ms'],
    [1001, '1ms~5ms'],
    [5001, '5ms~10ms'],
    [10_001, '10ms~20ms'],
    [20_001, '20ms~50ms'],
    [50_001, '50ms~100ms'],
    [100_001, '100ms~200ms'],
    [200_001, '200ms~500ms'],
    [500_001, '0.5s~1s'],
    [1_000_001, '1s~2s'],
    [2_000_001, '2s~3s'],
    [3_000_001, '3s~5s'],
    [5_000_001, '5s~10s'],
    [10_000_001, '10s~20s'],
    [20_000_000, '10s~20s'],
    [20_000_001, '+inf'],
  ]
  for (const [micros, name] of cases) assert.equal(LATENCY_BUCKET_NAMES[latencyBucketOf(micros)], name, String(micros))
  assert.equal(new Set(cases.map(([, name]) => name)).size, LATENCY_BUCKET_NAMES.length)
})

function statistics(): ServerStatistics {
  const made = new ServerStatistics((t) => t.exchange.server!.toString())
  for (let i = 0; i < 16; i++) made.onTimedExchange(timed({ firstByteMicros: 300 + i }))
  made.onTimedExchange(timed({ firstByteMicros: 30_000_000 }))
  made.onTimedExchange(timed({ status: 'unanswered' }))
  made.onTimedExchange(timed({ server: endpoint(3, 80), firstByteMicros: 100, status: 'error' }))
  return made
}

test('the JSON is indented by tabs, and empty buckets are left out', () => {
  assertGolden('metrics/stats.json', statistics().toJson())
  assert.equal(new ServerStatistics(() => '').toJson(), '{}\n')
})

test('a late answer adds no request', () => {
  const made = new ServerStatistics(() => 'db')
  made.onTimedExchange(timed({ status: 'unanswered' }))
  made.onTimedExchange(timed({ late: true, firstByteMicros: 6_000_000 }))
  const { requests, responses, request_bytes, latency } = JSON.parse(made.toJson()).db
  assert.deepEqual([requests, responses, request_bytes, latency], [1, 1, 33, [{ '5s~10s': 1 }]])
})

test('servers are bounded', () => {
  let port = 0
  const made = new ServerStatistics(() => `10.0.0.1:${port++}`)
  for (let i = 0; i < 3000; i++) made.onTimedExchange(timed())
  const servers = JSON.parse(made.toJson()) as Record<string, { requests: number }>
  assert.equal(Object.keys(servers).length, 1001)
  assert.equal(servers.other!.requests, 2000)
})

describe('the port', () => {
  async function opened(t: TestContext, text: () => string): Promise<number> {
    const port = new StatisticsPort(text)
    t.after(() => port.close())
    return await port.listen({ host: '127.0.0.1', port: 0 })
  }

  function read(socket: Socket): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString('utf8')
      })
      socket.on('end', () => resolve(text))
      socket.on('error', reject)
    })
  }

  test('hands out the JSON at once and hangs up, whatever is said to it', async (t) => {
    const port = await opened(t, () => statistics().toJson())
    const silent = connect(port, '127.0.0.1')
    assert.equal(await read(silent), statistics().toJson())
    const talking = connect(port, '127.0.0.1')
    talking.write('\xff\xfb\x01GET / HTTP/1.1\r\n\r\n'.repeat(100))
    assert.equal(await read(talking), statistics().toJson())
  })

  test('readers that do not read cost nothing: others are served, and their text is one', async (t) => {
    let made = 0
    const large = 'x'.repeat(4 << 20)
    const port = await opened(t, () => {
      made++
      return large
    })
    const stuck = Array.from({ length: 20 }, () => connect(port, '127.0.0.1').pause())
    t.after(() => {
      for (const socket of stuck) socket.destroy()
    })
    await Promise.all(stuck.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
    assert.equal((await read(connect(port, '127.0.0.1'))).length, large.length)
    assert.ok(made < 22)
  })

  test('1,000 that take nothing, and 64 that come back for ever: others are served', async (t) => {
    const text = 'x'.repeat(1 << 20)
    const port = await opened(t, () => text)
    const sockets = new Set<Socket>()
    let over = false
    const join = (reconnect: boolean): void => {
      const socket = connect(port, '127.0.0.1').pause()
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        if (reconnect && !over) join(true)
      })
      if (reconnect) socket.resume()
    }
    t.after(() => {
      over = true
      for (const socket of sockets) socket.destroy()
    })
    for (let i = 0; i < 1064; i++) join(i < 64)
    for (let i = 0; i < 5; i++) {
      assert.equal((await read(connect(port, '127.0.0.1'))).length, text.length)
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
  })

  test('a port that is taken', async (t) => {
    const port = await opened(t, () => '')
    await assert.rejects(
      new StatisticsPort(() => '').listen({ host: '127.0.0.1', port }),
      /--stats: 127\.0\.0\.1:\d+ is in use/,
    )
    await assert.rejects(
      new StatisticsPort(() => '').listen({ host: '192.0.2.1', port: 0 }),
      /--stats: 192\.0\.2\.1 is no address of this machine/,
    )
  })
})

test('servers that were silent for an hour make room', () => {
  const counts = new ServerStatistics(({ exchange }) => String(exchange.server))
  counts.onClock(new Timestamp(5000, 0))
  for (let port = 0; port < 2000; port++) counts.onTimedExchange(timed({ server: endpoint(3, port) }))
  counts.onClock(new Timestamp(9000, 0))
  counts.onTimedExchange(timed({ server: endpoint(4, 80) }))
  const json = JSON.parse(counts.toJson()) as Record<string, { requests: number }>
  assert.equal(json['192.168.0.4:80']?.requests, 1)
  assert.ok(Object.keys(json).length > 850)
})
