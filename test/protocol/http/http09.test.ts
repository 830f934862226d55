import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type CloseReason, Connection, type Direction, Stream } from '../../../src/core/connection.ts'
import { Endpoint } from '../../../src/core/endpoint.ts'
import type { Exchange } from '../../../src/core/exchange.ts'
import { ExchangeStreams } from '../../../src/protocol/exchange-streams.ts'
import { raw } from '../../../src/protocol/raw/raw.ts'
import { EXCHANGE_PROTOCOLS } from '../../../src/protocol/registry.ts'
import { timeOf } from '../exchange-transcript.ts'

type Step = readonly ['>' | '<', string | number]

interface Options {
  readonly size?: number
  readonly middle?: boolean
  readonly why?: CloseReason
  readonly port?: number
}

/** `protocol request status text times bytes` of each exchange of a connection that the server ends. */
function told(
  steps: readonly Step[],
  { size = 1e9, middle = false, why = 'finished', port = 9999 }: Options = {},
): string[] {
  const lines: string[] = []
  const milli = (e: Exchange['requestStart']) => (e.seconds === 0 ? '-' : e.nanos / 1e6)
  const streams = new ExchangeStreams({
    protocols: EXCHANGE_PROTOCOLS,
    fallback: raw,
    consumer: {
      onExchange: (e: Exchange) =>
        lines.push(
          `${e.protocol} ${e.request} ${e.status} ${e.statusText} ${milli(e.requestEnd)}-${milli(e.responseEnd)} ${e.requestBytes}/${e.responseBytes}`,
        ),
    },
  })
  const client = new Endpoint(4, 0, 0, 0, 0x0a000001, 40000)
  const c = new Connection(client, new Endpoint(4, 0, 0, 0, 0x0a000002, port), new Stream(), new Stream())
  c.openerKnown = !middle
  let moment = 0
  for (const [arrow, what] of steps) {
    const d: Direction = arrow === '>' ? 0 : 1
    const t = timeOf(moment++)
    if (typeof what === 'number') {
      streams.onGap(c, d, 0, what, 'capture', t)
      continue
    }
    const bytes = Buffer.from(what, 'latin1')
    for (let pos = 0; pos < bytes.length; pos += size) {
      const lent = Buffer.concat([Buffer.from('GET /'), bytes.subarray(pos, pos + size), Buffer.from(' HTTP/1.1\r\n')])
      streams.onData(c, d, 0, lent, 5, lent.length - 11, t)
      lent.fill(0x58)
    }
  }
  c.streams[1].sawFin = why === 'finished'
  c.streams[1].sawReset = why === 'reset'
  streams.onClose(c, why, timeOf(moment))
  return lines
}

const ASK: Step = ['>', 'GET /a?b=c\r\n']

describe('HTTP/0.9', () => {
  test('a line, and bytes until the connection closes', () => {
    for (const size of [1e9, 1, 3]) {
      for (const port of [9999, 80, 6379]) {
        const page: Step[] = [ASK, ['<', '<html>\r\n'], ['<', 'hello\r\n</html>']]
        assert.deepEqual(told(page, { size, port }), ['http GET /a?b=c ok HTTP/0.9 0-2 12/22'])
      }
    }
    assert.deepEqual(
      told([
        ['>', 'GET /\n'],
        ['<', 'plain text'],
      ]),
      ['http GET / ok HTTP/0.9 0-1 6/10'],
    )
    assert.deepEqual(
      told([
        ['>', 'GET /\r\n\r\n'],
        ['<', '\0\x01\x02'],
      ]),
      ['http GET / ok HTTP/0.9 0-1 7/3'],
    )
  })

  test('answered in a later version, cut short, with a gap, or not at all', () => {
    const refusal = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'
    for (const size of [1e9, 1]) {
      assert.deepEqual(told([ASK, ['<', refusal]], { size }), [`http GET /a?b=c ok 400 0-1 12/${refusal.length}`])
    }
    assert.deepEqual(told([ASK, ['<', '<html>']], { why: 'reset' }), ['http GET /a?b=c error HTTP/0.9 0-1 12/6'])
    assert.deepEqual(told([ASK, ['<', '<html>']], { why: 'capture-ended' }), ['http GET /a?b=c unknown  0-- 12/0'])
    assert.deepEqual(told([ASK, ['<', '<p>hello, world'], ['<', 100], ['<', 'x']]), [
      'http GET /a?b=c ok HTTP/0.9 0-3 12/116',
    ])
    const long = `GET /${'x'.repeat(200)}\r\n`
    assert.deepEqual(
      told([
        ['>', long],
        ['<', '<p>'],
      ]),
      [`http ${long.trimEnd()} ok HTTP/0.9 0-1 207/3`],
    )
  })

  test('the answer decides: Redis', () => {
    for (const size of [1e9, 1]) {
      const [get] = told(
        [
          ['>', 'GET /key\r\n'],
          ['<', '$5\r\nvalue\r\n'],
        ],
        { size },
      )
      assert.match(get!, /^redis GET \/key ok/i)
      assert.match(
        told(
          [
            ['>', 'GET /key\r\n'],
            ['<', '$-1\r\n'],
          ],
          { size },
        )[0]!,
        /^redis GET \/key ok/i,
      )
    }
  })

  test('what is none of it', () => {
    const is = (protocol: string, steps: readonly Step[], options?: Options) => {
      assert.deepEqual([...new Set(told(steps, options).map((line) => line.split(' ')[0]))], [protocol])
    }
    is('raw', [
      ['<', '220 mail\r\n'],
      ['>', 'EHLO a\r\n'],
      ['<', '250 b\r\n'],
    ])
    is('raw', [
      ['<', 'hello'],
      ['>', 'GET /a\r\nX: y\r\n'],
      ['<', 'what'],
    ])
    is('http', [
      ['>', 'GET /a HTTP/1.1\r\n\r\n'],
      ['<', 'HTTP/1.1 204 No\r\n\r\n'],
    ])
  })
})
