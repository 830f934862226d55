// Two captures of the same traffic: who is who without addresses, how far the clocks are apart, whose the time was.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExchangeHosts } from '../../src/core/exchange-hosts.ts'
import type { TimedExchange } from '../../src/core/timed-exchange.ts'
import { clockOffset } from '../../src/latency/comparison/clock-offset.ts'
import { ComparisonTable, compared } from '../../src/latency/comparison/comparison-report.ts'
import { ExchangeLog } from '../../src/latency/comparison/exchange-log.ts'
import { pairExchanges } from '../../src/latency/comparison/pair-conversations.ts'
import { areSidesSwapped, otherWayRound } from '../../src/latency/comparison/sides.ts'
import { makeHistogram } from '../../src/latency/histograms.ts'
import { sanitizeLine } from '../../src/output/terminal/sanitize-text.ts'
import { EXCHANGE_GROUPINGS } from '../../src/protocol/registry.ts'
import { Random } from '../fuzz/random.ts'
import { connection, endpoint, timed } from '../support/timed-exchanges.ts'

const CLOCK = 5_000_000

interface Said {
  request: string
  at: number
  /** Microseconds there, in the server, and back. */
  there: number
  server: number
  back: number
}

/** What both sides see of `talks`, one a connection; the server's clock is CLOCK ahead, and its addresses are others. */
function bothSides(talks: readonly (readonly Said[])[]): [ExchangeLog, ExchangeLog] {
  const client = new ExchangeLog(new ExchangeHosts(undefined))
  const server = new ExchangeLog(new ExchangeHosts(undefined))
  talks.forEach((talk, i) => {
    const here = connection(i, i + 1, endpoint(1, 1000 + i), endpoint(2, 6379))
    // accepted in another order than opened
    const there = connection(500 - i, 500 - i, endpoint(77, 60_000 - i), endpoint(88, 16_379))
    for (const { request, at, there: way, server: took, back } of talk) {
      const fields = { request, requestBytes: request.length, responseBytes: 5 }
      const whole = way + took + back
      client.onTimedExchange(
        timed({
          ...fields,
          connection: here,
          client: here.endpoints[0],
          server: here.endpoints[1],
          at,
          firstByteMicros: whole,
        }),
      )
      server.onTimedExchange(
        timed({
          ...fields,
          connection: there,
          client: there.endpoints[0],
          server: there.endpoints[1],
          at: at + way + CLOCK,
          firstByteMicros: took,
        }),
      )
    }
  })
  return [client, server]
}

function talk(seed: number, length: number, requests = (n: number) => `get key${n}`): Said[] {
  const random = new Random(seed)
  return Array.from({ length }, (_, i) => ({
    request: requests(random.below(1000)),
    at: i * 10_000 + seed,
    there: 400 + random.below(100),
    server: 1000 + random.below(1000),
    back: 400 + random.below(100),
  }))
}

test('connections are found by what was said, clocks by the fastest ways', () => {
  const [client, server] = bothSides([talk(1, 40), talk(2, 40), talk(3, 1), talk(4, 7)])
  const paired = pairExchanges(client.conversations, server.conversations)
  assert.equal(paired.length, 88)
  for (const { atClient, atServer, client: here, server: there } of paired) {
    assert.equal(atClient.request, atServer.request)
    const index = Number(here.ends.client.split(':')[1]) - 1000
    assert.equal(there.ends.client, `192.168.0.77:${60_000 - index}`)
  }
  const offset = clockOffset(paired)
  assert.ok(Math.abs(offset.micros - CLOCK) <= 50, String(offset.micros))
  assert.ok(offset.roundTripMicros >= 800 && offset.roundTripMicros < 1000)
  for (const pair of paired) {
    const e = compared(pair, offset)
    assert.ok(e.networkMicros >= 800 && e.networkMicros < 1000)
    assert.ok(Math.abs(e.thereMicros + e.backMicros - e.networkMicros) < 1)
    assert.ok(Math.abs(e.latencyMicros - e.networkMicros - e.serverMicros) < 1)
  }
})

test('the server’s time is from the request’s last byte to the response’s first, without what the network took', () => {
  const log = (firstByteMicros: number, parts: Partial<TimedExchange>): ExchangeLog => {
    const made = new ExchangeLog(new ExchangeHosts(undefined))
    const here = connection(1, 1, endpoint(1, 1000), endpoint(2, 80))
    const fields = { connection: here, client: here.endpoints[0], server: here.endpoints[1], request: 'PUT /' }
    made.onTimedExchange(timed({ ...fields, requestMicros: 3000, firstByteMicros, responseMicros: 500 }, parts))
    return made
  }
  const client = log(2800, { networkMicros: 800, serverMicros: 2000 })
  for (const [server, serverMicros] of [
    [log(2000, {}), 2000],
    [log(2000, { networkMicros: 150, serverMicros: 1850 }), 1850],
  ] as const) {
    const [pair] = pairExchanges(client.conversations, server.conversations)
    const e = compared(pair!, { micros: 0, roundTripMicros: 800 })
    assert.deepEqual([e.latencyMicros, e.networkMicros, e.serverMicros], [6300, 800, serverMicros])
    assert.equal(e.transferMicros, 6300 - 800 - serverMicros)
  }
})

describe('what one capture lacks', () => {
  test('it began later, ended earlier, and has a hole', () => {
    const [client, server] = bothSides([talk(1, 60), talk(2, 60)])
    server.conversations[0]!.exchanges.splice(20, 3)
    server.conversations[0]!.exchanges.splice(0, 10)
    client.conversations[0]!.exchanges.splice(50)
    server.conversations[0]!.signature = 1
    const paired = pairExchanges(client.conversations, server.conversations)
    assert.equal(paired.length, 60 + 37)
    for (const { atClient, atServer } of paired) {
      const way = atServer.startMicros - atClient.startMicros - CLOCK
      assert.ok(way >= 400 && way < 500, 'never the wrong one')
    }
  })

  test('connections that only one has seen', () => {
    const [client, server] = bothSides([talk(1, 30), talk(2, 30), talk(3, 30)])
    client.conversations.shift()
    server.conversations.pop()
    assert.equal(pairExchanges(client.conversations, server.conversations).length, 30)
    assert.equal(pairExchanges([], server.conversations).length, 0)
    assert.deepEqual(clockOffset([]), { micros: 0, roundTripMicros: 0 })
  })
})

describe('which side is the client', () => {
  const pairs = (talks: readonly (readonly Said[])[]) => {
    const [client, server] = bothSides(talks)
    return pairExchanges(client.conversations, server.conversations)
  }
  const withNetwork = (micros: (i: number) => number, server = 1000): Said[] =>
    Array.from({ length: 40 }, (_, i) => ({
      request: `get key${i}`,
      at: i * 1_000_000,
      there: micros(i) / 2,
      server,
      back: micros(i) / 2,
    }))

  test('given the wrong way round it is noticed, and turned', () => {
    const right = pairs([talk(1, 40), talk(2, 40)])
    const wrong = otherWayRound(right)
    assert.equal(areSidesSwapped(right), false)
    assert.equal(areSidesSwapped(wrong), true)
    assert.deepEqual(otherWayRound(wrong), right)
    const starts = wrong.map(({ atClient }) => atClient.startMicros)
    assert.deepEqual(
      starts,
      [...starts].sort((a, b) => a - b),
    )
  })

  test('a network that takes next to nothing is noise in both directions', () => {
    const near = pairs([withNetwork((i) => (i % 5) * 8 - 16)])
    assert.equal(areSidesSwapped(near), false)
    assert.equal(areSidesSwapped(otherWayRound(near)), false)
    assert.equal(areSidesSwapped([]), false)
  })

  test('clocks that drift are not the other side', () => {
    const slow = pairs([withNetwork(() => -150, 1_000_000)])
    assert.equal(areSidesSwapped(slow), false, '150 us in a second are the clock')
    assert.equal(areSidesSwapped(pairs([withNetwork(() => -150)])), true, 'in a millisecond they are not')
  })

  test('a few that were faster at the client, and captures between which it goes both ways', () => {
    assert.equal(areSidesSwapped(pairs([withNetwork((i) => (i < 10 ? -500 : 300))])), false)
    assert.equal(areSidesSwapped(pairs([withNetwork((i) => (i % 3 === 0 ? 500 : -500))])), false)
    assert.equal(areSidesSwapped(pairs([withNetwork((i) => (i < 2 ? 500 : -500))])), true)
  })
})

test('many that said exactly the same are told apart by time, once the clocks are known', () => {
  const same = Array.from({ length: 20 }, (_, i) => [
    { request: 'GET /health', at: 1_000_000 + i * 50_000, there: 400, server: 900, back: 400 },
  ])
  const [client, server] = bothSides([talk(1, 20), ...same])
  // one is missing, so that counting alone would be off by one
  server.conversations.splice(5, 1)
  const paired = pairExchanges(client.conversations, server.conversations)
  const health = paired.filter(({ atClient }) => atClient.request === 'GET /health')
  assert.ok(health.length >= 18)
  const right = health.filter(
    ({ atClient, atServer }) => Math.abs(atServer.startMicros - atClient.startMicros - CLOCK - 400) < 50,
  )
  assert.ok(right.length >= 18, `${right.length} of ${health.length}`)
})

test('a log is bounded', () => {
  const log = new ExchangeLog(new ExchangeHosts(undefined), 10)
  for (let i = 0; i < 25; i++) log.onTimedExchange(timed({ at: i }))
  log.onTimedExchange(timed({ status: 'unanswered' }))
  assert.deepEqual([log.exchanges, log.left], [10, 15])
})

test('the table', () => {
  const [client, server] = bothSides([talk(1, 100, (n) => `get key${n}`)])
  const paired = pairExchanges(client.conversations, server.conversations)
  const table = new ComparisonTable(['command'], EXCHANGE_GROUPINGS, makeHistogram)
  const offset = clockOffset(paired)
  for (const pair of paired) table.record(pair, compared(pair, offset))
  const look = { width: 200, unicode: true, color: false, sanitize: sanitizeLine }
  const lines = table.format(look).split('\n')
  assert.match(lines[0]!, /^command +requests +client p50 ms +p99 +network p50 +p99 +server p50 +p99 +network +server$/)
  assert.match(lines[1]!, /^SET +100 +2\.\d+ +\d\.\d+ +0\.\d+ +0\.\d+ +1\.\d+ +\d\.\d+ +\d\d\.\d% +\d\d\.\d%$/)
  assert.ok(table.format({ ...look, color: true }).startsWith(`\x1b[1m${lines[0]}\x1b[0m\n`))
})

test('the table fits narrow terminals: columns go, those that the rest can do without first', () => {
  const talks = ['get', 'set', 'lpush', 'a-command-of-some-length'].map((name, i) =>
    talk(i + 1, 20, (n) => `${name} key${n}`),
  )
  const [client, server] = bothSides(talks)
  const paired = pairExchanges(client.conversations, server.conversations)
  const table = new ComparisonTable(['server', 'command'], EXCHANGE_GROUPINGS, makeHistogram)
  const offset = clockOffset(paired)
  for (const pair of paired) table.record(pair, compared(pair, offset))
  const at = (width: number): string[] =>
    table.format({ width, unicode: true, color: false, sanitize: sanitizeLine }).trimEnd().split('\n')
  const wide = at(200)
  assert.match(
    wide[0]!,
    /^server command +requests +client p50 ms +p99 +network p50 +p99 +server p50 +p99 +network +server$/,
  )
  assert.match(at(93)[0]!, /^server command +requests +client p50 ms +network p50 +server p50 +network +server$/)
  assert.match(at(75)[0]!, /^server command +requests +client p50 ms +network p50 +server p50$/)
  assert.match(at(52)[0]!, /^server command +client p50 ms +network p50$/)
  for (let width = 20; width <= 200; width++) {
    const lines = at(width)
    assert.equal(lines.length, wide.length)
    for (const line of lines) assert.ok(line.length <= width, `${width}: ${line}`)
  }
})
