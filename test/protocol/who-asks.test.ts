// Whose a connection's bytes are, where both sides say similar things: Redis' arrays, and lines that memcached has as well.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Connection, type Direction, opposite, Stream } from '../../src/core/connection.ts'
import { Endpoint } from '../../src/core/endpoint.ts'
import { ExchangeStreams } from '../../src/protocol/exchange-streams.ts'
import { EXCHANGE_PROTOCOLS } from '../../src/protocol/registry.ts'
import { timeOf } from './exchange-transcript.ts'

interface Case {
  client?: Direction
  ports?: readonly [number, number]
  middle?: boolean
  /** Bytes a segment. */
  size?: number
}

type Said = readonly ['>' | '<', string]

/** What is told of a conversation: protocol, client's port, request, status. */
function told(
  said: readonly Said[],
  { client = 0, ports = [40000, 9999], middle = true, size = 1448 }: Case,
): string[] {
  const lines: string[] = []
  const streams = new ExchangeStreams({
    protocols: EXCHANGE_PROTOCOLS,
    fallback: undefined,
    consumer: {
      onExchange: (e) => lines.push(`${e.protocol} ${e.client?.port} ${e.request} ${e.status} ${e.statusText}`.trim()),
    },
  })
  const [own, other] = client === 0 ? ports : [ports[1], ports[0]]
  const at = (port: number) => new Endpoint(4, 0, 0, 0, 1, port)
  const c = new Connection(at(own), at(other), new Stream(), new Stream())
  c.slot = 0
  c.openerKnown = !middle
  streams.onOpen(c, timeOf(0))
  let moment = 0
  for (const [arrow, text] of said) {
    const d = arrow === '>' ? client : opposite(client)
    const bytes = Buffer.from(text, 'latin1')
    for (let pos = 0; pos < bytes.length; pos += size) {
      const end = Math.min(bytes.length, pos + size)
      streams.onData(c, d, 0, bytes, pos, end, timeOf(moment++))
    }
    // idle, so that a pair is known to be whole
    moment += 500
  }
  streams.onClose(c, 'finished', timeOf(moment))
  return lines
}

function ask(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}

const ENTRIES = [
  // as SLOWLOG, XRANGE, COMMAND and lists of commands are answered
  ask('SET', 'key', 'value'),
  ask('type', 'click', 'time', 'now'),
  `*2\r\n$15\r\n1526919030474-0\r\n${ask('move', 'left', 'info', 'x')}`,
  `*6\r\n$3\r\nget\r\n:2\r\n*1\r\n+readonly\r\n:1\r\n:1\r\n:1\r\n`,
]

describe('a capture that begins inside a large array answer of Redis', () => {
  const turns: Said[] = []
  for (let i = 0; i < 12; i++) turns.push(['>', ask('INCR', `n${i}`)], ['<', `:${i}\r\n`])

  for (const entry of ENTRIES) {
    for (const ports of [
      [40000, 9999],
      [40000, 6379],
    ] as const) {
      for (const client of [0, 1] as const) {
        test(`${JSON.stringify(entry.slice(0, 24))}, ports ${ports}, side ${client}`, () => {
          for (const count of [1, 3, 2000]) {
            for (const skipped of [0, 1, 5, entry.length - 2]) {
              const lines = told([['<', entry.repeat(count).slice(skipped)], ...turns], { client, ports })
              // what the server sent is nobody's request
              for (const line of lines) assert.match(line, /^redis 40000 INCR n\d+ (ok|unknown)$/)
              assert.ok(lines.length >= 8, `${count}, ${skipped}: ${lines.length}`)
            }
          }
        })
      }
    }
  }
})

test('a capture of Redis that begins inside a request, of one side too', () => {
  const rest = '$3\r\nkey\r\n$5\r\nvalue\r\n'
  for (const client of [0, 1] as const) {
    const lines = told(
      [
        ['>', rest + ask('GET', 'a')],
        ['<', '+OK\r\n$1\r\na\r\n'],
        ['>', ask('GET', 'b')],
        ['<', '$1\r\nb\r\n'],
      ],
      { client },
    )
    assert.ok(
      lines.every((line) => /^redis 40000 GET [ab] (ok|unknown)$/.test(line)),
      lines.join('\n'),
    )
    const alone = told(
      Array.from({ length: 4 }, (_, i): Said => ['>', ask('GET', `k${i}`)]),
      { client },
    )
    assert.deepEqual(alone.length, 4)
    assert.ok(
      alone.every((line) => line.startsWith('redis 40000 GET k')),
      alone.join('\n'),
    )
  }
})

test('answers that look like requests, between requests', () => {
  const steps: Said[] = []
  for (let i = 0; i < 6; i++)
    steps.push(
      ['>', ask('KEYS', `*${i}`)],
      ['<', ask('type', 'time')],
      ['>', ask('GET', 'a')],
      ['<', '$1\r\na\r\n$1\r\nb\r\n'.slice(0, 7)],
    )
  for (const client of [0, 1] as const) {
    const lines = told(steps, { client })
    for (const line of lines) assert.match(line, /^redis 40000 (KEYS|GET) .* ok$/)
    assert.equal(lines.length, 12)
  }
})

describe('`get x` alone says nothing: the answer decides', () => {
  const REDIS = [
    ['get x', '$1\r\na\r\n'],
    ['GET x', '$-1\r\n'],
    ['get x', '_\r\n'],
    ['get x', '-WRONGTYPE Operation against a key\r\n'],
    ['get x', '-NOAUTH Authentication required.\r\n'],
    ['get x y', "-ERR wrong number of arguments for 'get' command\r\n"],
    ['set x 7', '+OK\r\n'],
    ['incr x', ':1\r\n'],
    ['decr x', ':-1\r\n'],
    ['append x y', ':2\r\n'],
    ['touch 1 2', ':0\r\n'],
    ['type x', '+none\r\n'],
    ['config get save', '*2\r\n$4\r\nsave\r\n$0\r\n\r\n'],
    ['config get save', '%1\r\n$4\r\nsave\r\n$0\r\n\r\n'],
  ] as const
  const MEMCACHED = [
    ['get x', 'END\r\n'],
    ['get x', 'VALUE x 0 1\r\na\r\nEND\r\n'],
    ['GET x', 'ERROR\r\n'],
    ['get x y', 'END\r\n'],
    ['get x', 'SERVER_ERROR out of memory\r\n'],
    ['touch x 10', 'TOUCHED\r\n'],
    ['touch x 10', 'NOT_FOUND\r\n'],
    ['set x 0 0 1\r\na', 'STORED\r\n'],
    ['set x y 0 0 1', 'CLIENT_ERROR bad command line format\r\n'],
    ['incr x 1', '2\r\n'],
    ['get k\xc3\xbc', 'END\r\n'],
  ] as const

  for (const [name, rows] of [
    ['redis', REDIS],
    ['memcached', MEMCACHED],
  ] as const) {
    for (const [request, reply] of rows) {
      test(`${JSON.stringify(request)} ${JSON.stringify(reply.slice(0, 12))}: ${name}, whole and in pieces, in a pipeline`, () => {
        for (const size of [1, 2, 7, 1448]) {
          for (const count of [1, 3]) {
            const said: Said[] = [
              ['>', `${request}\r\n`.repeat(count)],
              ['<', reply.repeat(count)],
            ]
            const lines = told(said, { middle: false, size })
            assert.equal(lines.length, count)
            for (const line of lines) assert.match(line, new RegExp(`^${name} 40000 .* (ok|error)`))
          }
        }
      })
    }

    test(`${name}, met in the middle`, () => {
      const [one, two] = rows.slice(0, 2) as readonly (readonly [string, string])[]
      for (const client of [0, 1] as const) {
        const said: Said[] = []
        for (let i = 0; i < 6; i++) {
          for (const [request, reply] of [one!, two!])
            said.push(['>', `${request}\r\n`.replace('GET', 'get')], ['<', reply])
        }
        const lines = told(said, { client })
        for (const line of lines) assert.match(line, new RegExp(`^${name} 40000 get x ok`))
        assert.equal(lines.length, 12)
        const pipelines = told(
          Array.from(
            { length: 8 },
            (_, i): Said => (i % 2 === 0 ? ['>', `${one![0]}\r\n`.repeat(3)] : ['<', one![1].repeat(3)]),
          ),
          { client },
        )
        assert.equal(pipelines.length, 12)
        for (const line of pipelines) assert.match(line, new RegExp(`^${name} 40000 get x (ok|unknown)`))
      }
    })
  }
})
