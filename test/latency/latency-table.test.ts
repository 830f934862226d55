// The table: what it counts, and what people see.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExchangeHosts } from '../../src/core/exchange-hosts.ts'
import type { NamedHost, Names } from '../../src/core/ports.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import { Grouper, type Grouping } from '../../src/latency/grouping.ts'
import { makeHistogram } from '../../src/latency/histograms.ts'
import { formatLatencyTable } from '../../src/latency/latency-report.ts'
import { LatencyTable, OTHER_GROUPS } from '../../src/latency/latency-table.ts'
import { Slowest } from '../../src/latency/slowest.ts'
import { Threshold } from '../../src/latency/threshold.ts'
import { sanitizeLine } from '../../src/output/terminal/sanitize-text.ts'
import { EXCHANGE_GROUPINGS } from '../../src/protocol/registry.ts'
import { assertGolden } from '../support/golden.ts'
import { EXCHANGE_SECONDS, endpoint, timed } from '../support/timed-exchanges.ts'

function byCommand(): LatencyTable {
  return new LatencyTable((t) => t.exchange.command, makeHistogram)
}

describe('counting', () => {
  test('percentiles have three digits, the maximum is exact', () => {
    const table = byCommand()
    for (let i = 1; i <= 1000; i++) table.onTimedExchange(timed({ at: i * 1000, firstByteMicros: i * 100 }))
    const group = table.groups.get('SET')!
    for (const [percent, expected] of [
      [50, 50_000],
      [90, 90_000],
      [99, 99_000],
      [99.9, 99_900],
    ] as const) {
      const off = Math.abs(group.percentile(percent) - expected) / expected
      assert.ok(off <= 0.001, `p${percent}: ${group.percentile(percent)}`)
    }
    assert.equal(group.maximumMicros, 100_000)
    assert.equal(group.requests, 1000)
    assert.ok(Math.abs(table.rateOf(group) - 1000 / 1.099) < 0.01)
  })

  test('an hour and more, and less than a microsecond', () => {
    const table = byCommand()
    table.onTimedExchange(timed({ firstByteMicros: 1e12 }))
    table.onTimedExchange(timed({ firstByteMicros: 0 }))
    assert.equal(table.total.timed, 2)
    assert.equal(table.total.maximumMicros, 1e12)
  })

  test('errors, what has no answer, what is not known, what waits', () => {
    const table = byCommand()
    table.onTimedExchange(timed({ status: 'error' }))
    table.onTimedExchange(timed({ status: 'unanswered' }))
    table.onTimedExchange(timed({ status: 'unknown' }))
    table.onTimedExchange(timed({ status: 'silent' }))
    table.onTimedExchange(timed({ blocking: true, firstByteMicros: 9e6 }))
    table.onTimedExchange(timed({ blocking: true, status: 'unanswered' }))
    const { requests, errors, unanswered, unknown, blocking, timed: counted } = table.total
    assert.deepEqual([requests, errors, unanswered, unknown, blocking, counted], [6, 1, 1, 1, 1, 1])
    assert.equal(table.total.maximumMicros, 1102, 'a wait that was asked for is no latency')
  })

  test('a late answer is the same request: counted once, unanswered no more, and in the percentiles', () => {
    const table = byCommand()
    table.onTimedExchange(timed({ status: 'unanswered', requestBytes: 10 }))
    table.onTimedExchange(timed({ status: 'unanswered', requestBytes: 10 }))
    table.onTimedExchange(timed({ late: true, status: 'error', firstByteMicros: 6e6, requestBytes: 10 }))
    const { requests, errors, unanswered, timed: counted, requestBytes } = table.total
    assert.deepEqual([requests, errors, unanswered, counted, requestBytes], [2, 1, 1, 1, 20])
    assert.equal(table.total.maximumMicros, 6e6)
  })

  test('groups are bounded: the rest is one', () => {
    const table = new LatencyTable((t) => t.exchange.key, makeHistogram, 3)
    for (let i = 0; i < 10; i++) table.onTimedExchange(timed({ key: `k${i}` }))
    assert.deepEqual([...table.groups.keys()], ['k0', 'k1', 'k2', OTHER_GROUPS])
    assert.equal(table.groups.get(OTHER_GROUPS)!.requests, 7)
  })
})

describe('grouping', () => {
  const host: NamedHost = { name: 'db', container: 'c0ffee', image: undefined, network: undefined }
  const names: Names = { version: 1, hostOf: (_place, e) => (e.port === 6379 ? host : undefined), entries: () => [] }
  const groupOf = (by: Grouping[], fields = {}, known: Names | 'nobody' = names): string => {
    const { exchange } = timed(fields)
    const hosts = new ExchangeHosts(known === 'nobody' ? undefined : known)
    return new Grouper(by, EXCHANGE_GROUPINGS).groupOf(exchange, hosts.of(exchange))
  }

  test('each way', () => {
    assert.equal(groupOf(['server']), 'db:6379')
    assert.equal(groupOf(['server'], {}, 'nobody'), '192.168.0.2:6379')
    assert.equal(groupOf(['container']), 'db')
    assert.equal(groupOf(['container'], { server: endpoint(9, 80) }), '192.168.0.9')
    assert.equal(groupOf(['command']), 'SET')
    assert.equal(groupOf(['route']), 'SET')
    assert.equal(groupOf(['key'], { key: 'user:17' }), 'user:*')
    assert.equal(groupOf(['server', 'command']), 'db:6379 SET')
  })

  test('HTTP', () => {
    const http = { protocol: 'http', command: 'GET /users/17', key: '/users/17' }
    assert.equal(groupOf(['command'], http), 'GET')
    assert.equal(groupOf(['route'], http), 'GET /users/:id')
    assert.equal(groupOf(['key'], http), '/users/:id')
  })

  test('of a protocol that is not known, the first word', () => {
    assert.equal(groupOf(['route'], { protocol: 'raw', command: 'SELECT 17' }), 'SELECT')
    assert.equal(groupOf(['route'], { protocol: 'raw', command: '..\x01' }), '(binary)')
  })

  test('names that change are asked for anew', () => {
    const changing = { version: 1, hostOf: () => undefined as NamedHost | undefined, entries: () => [] }
    const hosts = new ExchangeHosts(changing)
    const grouper = new Grouper(['server'], EXCHANGE_GROUPINGS)
    const { exchange } = timed()
    assert.equal(grouper.groupOf(exchange, hosts.of(exchange)), '192.168.0.2:6379')
    changing.version = 2
    changing.hostOf = () => host
    assert.equal(grouper.groupOf(exchange, hosts.of(exchange)), 'db:6379')
  })
})

describe('as people see it', () => {
  function filled(): LatencyTable {
    const table = byCommand()
    for (let i = 0; i < 2000; i++) {
      const parts = { networkMicros: 60, serverMicros: 140 + (i % 50) * 10 }
      table.onTimedExchange(timed({ at: i * 500, command: 'GET', firstByteMicros: 200 + (i % 50) * 10 }, parts))
    }
    for (let i = 0; i < 300; i++) {
      table.onTimedExchange(
        timed({
          at: (2000 + i) * 500,
          command: 'SET',
          firstByteMicros: 900 + i * 40,
          status: i % 100 === 0 ? 'error' : 'ok',
        }),
      )
    }
    table.onTimedExchange(
      timed({ at: 1_150_000, command: 'KEYS *', firstByteMicros: 1_834_000, responseBytes: 4_000_000 }),
    )
    table.onTimedExchange(timed({ at: 1_150_000, command: 'a\x1b[31mb', status: 'unanswered' }))
    table.onTimedExchange(timed({ at: 1_150_000, command: 'BLPOP', blocking: true }))
    return table
  }
  const options = { width: 200, unicode: true, color: false, title: 'command', sanitize: sanitizeLine }

  test('wide, narrow, in ASCII', () => {
    const table = filled()
    assertGolden('latency/table.txt', formatLatencyTable(table, options))
    assertGolden('latency/table-80.txt', formatLatencyTable(table, { ...options, width: 80 }))
    assertGolden('latency/table-ascii.txt', formatLatencyTable(table, { ...options, unicode: false }))
    assertGolden('latency/table-color.txt', formatLatencyTable(table, { ...options, color: true }))
  })

  test('no line is wider than the terminal', () => {
    const table = filled()
    for (let width = 10; width < 160; width++) {
      for (const line of formatLatencyTable(table, { ...options, width }).split('\n')) {
        if (!line.startsWith('where')) assert.ok(line.length <= width, `${width}: ${line}`)
      }
    }
  })

  test('what failed is the last to be left out, and what is drawn goes early', () => {
    const heads = [110, 80, 60, 50].map((width) => {
      const head = formatLatencyTable(filled(), { ...options, width }).split('\n')[0]!
      return head.trim().split(/\s\s+/).join(',')
    })
    assert.deepEqual(heads, [
      'command,requests,per s,errors,unanswered,p50 ms,p90,p99,p99.9,max,bytes,128us-2s',
      'command,requests,per s,errors,unanswered,p50 ms,p99,max,128us-2s',
      'command,requests,errors,unanswered,p50 ms,p99,max',
      'command,requests,errors,unanswered,p50 ms',
    ])
  })

  test('several parts stay told apart, however long the first is', () => {
    const server = 'a-server-with-a-rather-long-name.in.some.domain:6379'
    const table = new LatencyTable((t) => `${server} ${t.exchange.command}`, makeHistogram)
    for (const command of ['GET', 'SET']) table.onTimedExchange(timed({ command }))
    for (const unicode of [true, false]) {
      const text = formatLatencyTable(table, { ...options, unicode, title: 'server command', width: 80 })
      for (const command of ['GET', 'SET']) {
        assert.match(text, new RegExp(`^a-server-wit.*${unicode ? '…' : '~'}.*:6379 ${command} `, 'm'))
      }
    }
  })

  test('of less than a second, no rate is told', () => {
    const rateIn = (micros: number): string | undefined => {
      const table = byCommand()
      table.onTimedExchange(timed({ at: 0, firstByteMicros: 100 }))
      table.onTimedExchange(timed({ at: micros - 100, firstByteMicros: 100 }))
      return formatLatencyTable(table, options).split('\n')[1]!.split(/\s+/)[2]
    }
    assert.equal(rateIn(999_999), '-')
    assert.equal(rateIn(1_000_000), '2.0')
  })

  test('nothing at all', () => {
    assert.equal(formatLatencyTable(byCommand(), options), 'no requests\n')
  })

  test('many groups', () => {
    const table = new LatencyTable((t) => t.exchange.key, makeHistogram)
    for (let i = 0; i < 100; i++) table.onTimedExchange(timed({ key: `k${i}`, firstByteMicros: i }))
    const lines = formatLatencyTable(table, options).split('\n')
    assert.ok(lines.includes('(60 more)'))
    assert.match(lines[1]!, /^k99 /, 'most time spent first')
  })
})

describe('what is slow', () => {
  test('milliseconds', () => {
    const threshold = new Threshold({ kind: 'micros', micros: 1500 }, undefined)
    assert.deepEqual(
      [1499, 1500, 1501].map((micros) => threshold.isSlow(micros)),
      [false, true, true],
    )
  })

  test('a percentile of the run so far', () => {
    const threshold = new Threshold({ kind: 'percentile', percent: 99 }, makeHistogram())
    const slow = (from: number, to: number): number => {
      let count = 0
      for (let i = from; i < to; i++) if (threshold.isSlow(1000 + ((i * 7919) % 10_007))) count++
      return count
    }
    assert.equal(slow(0, 100), 0, 'nobody knows yet')
    const share = slow(100, 20_100) / 20_000
    assert.ok(share > 0.008 && share < 0.013, String(share))
    assert.equal(threshold.isSlow(1_000_000), true)
  })

  test('the slowest, in order', () => {
    const slowest = new Slowest(3, (t) => `${t.latencyMicros} ${t.exchange.key}`)
    for (const [micros, key] of [
      [5, 'a'],
      [9, 'b'],
      [1, 'c'],
      [9, 'd'],
      [7, 'e'],
      [2, 'f'],
    ] as const) {
      slowest.onTimedExchange(timed({ firstByteMicros: micros, key }))
    }
    slowest.onTimedExchange(timed({ status: 'unanswered' }))
    slowest.onTimedExchange(timed({ blocking: true, firstByteMicros: 1e9 }))
    assert.deepEqual(slowest.lines(), ['9 b', '9 d', '7 e'])
  })
})

describe('weeks', () => {
  const HOUR = 3600e6
  /** One exchange of `command` at a moment, which is also the clock's. */
  function ask(table: LatencyTable, command: string, at: number, firstByteMicros = 1000): void {
    table.onClock(new Timestamp(EXCHANGE_SECONDS + at / 1e6, 0))
    table.onTimedExchange(timed({ command, at, firstByteMicros }))
  }

  test('what was silent for an hour makes room, but not what took most time; nothing is lost of the sums', () => {
    const table = new LatencyTable((t) => t.exchange.command, makeHistogram, 20)
    ask(table, 'slow', 0, 9e6)
    for (let i = 0; i < 30; i++) ask(table, `old${i}`, 1e6)
    assert.ok(!table.groups.has('old25'))
    ask(table, 'new', HOUR / 2)
    assert.ok(!table.groups.has('new'), 'nobody is silent for so long')
    ask(table, 'new', 2 * HOUR)
    assert.ok(table.groups.has('new'))
    assert.ok(table.groups.has('slow'))
    assert.ok(table.groups.size <= 21)
    const others = table.groups.get(OTHER_GROUPS)!
    assert.ok(others.requests > 11 && others.timed === others.requests, String(others.requests))
    assert.equal(table.total.requests, 33)
    const sum = [...table.groups.values()].reduce((requests, group) => requests + group.requests, 0)
    assert.equal(sum, 33)
    assert.ok(Math.abs(others.percentile(50) - 1000) <= 1)
    assert.ok(Math.abs(table.total.percentile(100) - 9e6) <= 9000)
  })

  test('one absurd timestamp does not spoil the rate', () => {
    const table = byCommand()
    for (let i = 0; i < 100; i++) ask(table, 'GET', i * 1e6)
    const rate = table.rateOf(table.total)
    table.onTimedExchange(timed({ at: 3e15 }))
    table.onTimedExchange(timed({ at: -1.5e15 }))
    assert.ok(Math.abs(table.rateOf(table.total) / rate - 102 / 100) < 0.001)
  })

  test('nor does one that comes first', () => {
    const [usual, late] = [byCommand(), byCommand()]
    late.onClock(new Timestamp(EXCHANGE_SECONDS + 1e8))
    for (let i = 0; i < 100; i++) {
      ask(usual, 'GET', i * 1e6)
      ask(late, 'GET', i * 1e6)
    }
    assert.ok(usual.rateOf(usual.total) > 0.9)
    assert.equal(late.rateOf(late.total), usual.rateOf(usual.total))
  })
})
