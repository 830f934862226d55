// Exchanges as lines and as JSON.

import assert from 'node:assert/strict'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { Endpoint } from '../../../src/core/endpoint.ts'
import { ExchangeHosts } from '../../../src/core/exchange-hosts.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../../../src/core/timed-exchange.ts'
import { ExchangeJson } from '../../../src/output/exchanges/exchange-json.ts'
import { ExchangeLines } from '../../../src/output/exchanges/exchange-lines.ts'
import { OutputStream } from '../../../src/output/writing/output-stream.ts'
import { FakeNames } from '../../support/fake-names.ts'
import { assertGolden } from '../../support/golden.ts'
import type { Cleanup } from '../../support/netns.ts'
import { temporaryFolder } from '../../support/program.ts'
import { endpoint, timed } from '../../support/timed-exchanges.ts'

process.env.TZ = 'UTC'

const PARTS = { networkMicros: 102, serverMicros: 1000, clientNetworkMicros: 85.25, view: 'client' as const }
const HOSTILE = 'a\x1b]0;x\x07b\u202ec\n"d\\'

const EXCHANGES: readonly TimedExchange[] = [
  timed({ at: 258_761 }, PARTS),
  timed({ at: 300_000.5, firstByteMicros: 85.125, requestMicros: 2, responseMicros: 3 }),
  timed({
    at: 400_000,
    firstByteMicros: 25_000,
    protocol: 'http',
    command: 'GET /a',
    key: '/a',
    request: 'GET /a?b',
    statusText: '200',
  }),
  timed({
    at: 500_000,
    firstByteMicros: 2_000_000,
    protocol: 'http',
    status: 'error',
    statusText: '503',
    request: 'GET /',
  }),
  timed({ at: 600_000, status: 'error', statusText: '', request: 'eval' }),
  timed({ at: 700_000, status: 'unanswered', request: 'get never' }),
  timed({ at: 700_001, status: 'unknown', request: 'get cut' }),
  timed({ at: 700_002, status: 'silent', protocol: 'memcached', request: 'set a noreply' }),
  timed({ at: 800_000, blocking: true, firstByteMicros: 4_500_000, command: 'BLPOP', request: 'blpop q 0' }),
  timed({
    at: 900_000,
    protocol: 'dns',
    retries: 2,
    status: 'error',
    statusText: 'NXDOMAIN',
    request: 'A nowhere.example',
  }),
  timed({ at: 950_000, request: HOSTILE, command: HOSTILE, key: HOSTILE, statusText: HOSTILE }),
  timed({ at: 960_000, server: new Endpoint(6, 0x20010db8 | 0, 0, 0, 1, 80), client: endpoint(7, 1) }),
  timed({ at: 700_000, late: true, firstByteMicros: 6_000_000, request: 'get never' }),
]

function printed(t: Cleanup, make: (stream: OutputStream) => TimedExchangeConsumer, exchanges = EXCHANGES): string {
  const path = join(temporaryFolder(t), 'out')
  const stream = new OutputStream(openSync(path, 'w'))
  const consumer = make(stream)
  for (const each of exchanges) consumer.onTimedExchange(each)
  stream.flush()
  return readFileSync(path, 'utf8')
}

const nobody = new ExchangeHosts(undefined)

test('lines', (t) => {
  const lines = printed(t, (stream) => new ExchangeLines(stream, nobody, { color: false, bare: false }))
  assertGolden('latency/lines.txt', lines)
  assert.doesNotMatch(lines, /[^\n\x20-\x7e]/)
})

test("tcpkit's own line, to the letter", (t) => {
  const lines = printed(t, (stream) => new ExchangeLines(stream, nobody, { color: false, bare: true }))
  assert.equal(
    lines.split('\n')[0],
    '2020-03-08 11:23:06.259863 192.168.0.1:51137 => 192.168.0.2:6379 | 1.102 ms | set foo bared',
  )
  assertGolden('latency/lines-bare.txt', lines)
})

test('in colour, by slowness', (t) => {
  assertGolden(
    'latency/lines-color.txt',
    printed(t, (stream) => new ExchangeLines(stream, nobody, { color: true, bare: false })),
  )
})

test('names', (t) => {
  const names = new FakeNames()
  names.set('192.168.0.2', { name: `db\x1b[2J`, container: 'c0ffee', image: undefined, network: undefined })
  const hosts = new ExchangeHosts(names)
  const lines = printed(t, (stream) => new ExchangeLines(stream, hosts, { color: false, bare: false }))
  assert.match(lines, / 192\.168\.0\.1:51137 => db\.\[2J:6379 \| 1\.102 ms \| set foo bared\n/)
  const json = printed(t, (stream) => new ExchangeJson(stream, hosts))
  assert.equal(JSON.parse(json.split('\n')[0]!).serverName, `db\x1b[2J`)
  assert.equal(JSON.parse(json.split('\n')[0]!).server, '192.168.0.2:6379')
})

test('JSON: every line can be read alone, has all fields in order, and nothing that acts on a terminal', (t) => {
  const json = printed(t, (stream) => new ExchangeJson(stream, nobody))
  assertGolden('latency/exchanges.jsonl', json)
  assert.doesNotMatch(json, /[^\n\x20-\x7e]/)
  const rows = json
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  for (const row of rows) {
    assert.deepEqual(Object.keys(row).slice(0, 10), [
      ...[
        'time',
        'client',
        'server',
        'protocol',
        'command',
        'key',
        'status',
        'latencyMicros',
        'requestBytes',
        'responseBytes',
      ],
    ])
    for (const value of Object.values(row)) assert.ok(value === null || typeof value !== 'object', 'flat')
  }
  assert.equal(rows[10]!.request, HOSTILE)
})

test('what is formatted for later is what is printed', (t) => {
  for (const make of [
    (stream: OutputStream) => new ExchangeLines(stream, nobody, { color: true, bare: false }),
    (stream: OutputStream) => new ExchangeJson(stream, nobody),
  ]) {
    let formatted = ''
    const direct = printed(t, (stream) => {
      const printer = make(stream)
      formatted = EXCHANGES.map((each) => printer.format(each)).join('')
      return printer
    })
    assert.equal(formatted, direct)
  }
})

test('the quick way of a plain line and the other one write the same', (t) => {
  const micros = [
    0, 0.4, 0.5, 1, 9, 99.5, 999, 999.6, 1000, 12_345, 99_999, 123_456, 9_999_999, 12_345_678, 999_999_999,
  ]
  const exchanges = [
    ...micros.map((firstByteMicros) => timed({ at: 1, firstByteMicros, requestMicros: 0, responseMicros: 0 })),
    timed({ at: 2, request: '' }),
    timed({ at: 3, request: 'x'.repeat(1024) }),
    timed({ at: 4, request: 'x'.repeat(1025) }),
    timed({ at: 5, request: 'set é \t' }),
    timed({ at: 6, server: new Endpoint(6, 0x20010db8 | 0, 0, 0, 1, 80), client: endpoint(7, 1) }),
  ]
  const path = join(temporaryFolder(t), 'out')
  const stream = new OutputStream(openSync(path, 'w'))
  const lines = new ExchangeLines(stream, nobody, { color: false, bare: false })
  for (const each of exchanges) lines.onTimedExchange(each)
  stream.flush()
  assert.equal(readFileSync(path, 'utf8'), exchanges.map((each) => lines.format(each)).join(''))
})

test('JSON: any text and any number come back as they were', (t) => {
  const text = (maxLength: number) =>
    fc.oneof(
      fc.string({ maxLength }),
      fc.string({ unit: 'binary', maxLength }),
      fc.constant('\u202e'.repeat(maxLength)),
    )
  const number = fc.oneof(
    fc.nat(1_000_000),
    fc.constantFrom(0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 40),
    fc.nat(1e9).map((thousandths) => thousandths / 1000),
  )
  const parts = { command: text(256), request: text(1024), bytes: fc.nat(), micros: number }
  const any = fc.record(parts, { noNullPrototype: true })
  const path = join(temporaryFolder(t), 'out')
  fc.assert(
    fc.property(fc.array(any, { maxLength: 10 }), (all) => {
      const stream = new OutputStream(openSync(path, 'w'))
      const json = new ExchangeJson(stream, nobody)
      for (const { command, request, bytes, micros } of all) {
        const fields = { command, key: request.slice(0, 256), request, statusText: command, requestBytes: bytes }
        json.onTimedExchange(timed(fields, { latencyMicros: micros, networkMicros: -1 }))
      }
      stream.flush()
      const rows = readFileSync(path, 'utf8').split('\n').slice(0, -1)
      assert.deepEqual(
        rows.map((row) => {
          assert.doesNotMatch(row, /[\p{Cc}\u202e]/u)
          const { command, key, request, statusText, requestBytes, latencyMicros, networkMicros } = JSON.parse(row)
          assert.ok(command === statusText && key === request.slice(0, 256) && networkMicros === null)
          return { command, request, bytes: requestBytes, micros: latencyMicros }
        }),
        all,
      )
    }),
    { seed: 417 },
  )
})

test('tcpkit’s line has the version behind the request, ours has not', (t) => {
  const web = timed({ at: 0, firstByteMicros: 1000, protocol: 'http', request: 'GET /', version: 'HTTP/1.0' })
  const coffee = timed({ at: 0, firstByteMicros: 1000, protocol: 'http', request: 'GET /café', version: 'HTTP/1.1' })
  const print = (bare: boolean) =>
    printed(t, (stream) => new ExchangeLines(stream, nobody, { color: false, bare }), [web, coffee])
  const texts = (lines: string) => lines.split('\n').map((line) => line.split(' | ')[2])
  assert.deepEqual(texts(print(true)), ['GET / HTTP/1.0', 'GET /café HTTP/1.1', undefined])
  assert.deepEqual(texts(print(false)), ['GET /', 'GET /café', undefined])
})
