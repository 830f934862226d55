import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type CloseReason, Connection, type Direction, Stream } from '../../src/core/connection.ts'
import { Endpoint } from '../../src/core/endpoint.ts'
import type { Exchange } from '../../src/core/exchange.ts'
import { dns } from '../../src/protocol/dns/dns.ts'
import {
  type ExchangeParser,
  type ExchangeProtocol,
  type ParserContext,
  RECOGNISED_CLIENT,
  RECOGNISED_MAYBE,
  RECOGNISED_NO,
  RECOGNISED_SERVER,
} from '../../src/protocol/exchange-parser.ts'
import { ExchangeStreams } from '../../src/protocol/exchange-streams.ts'
import { http } from '../../src/protocol/http/http.ts'
import { memcached } from '../../src/protocol/memcached/memcached.ts'
import { raw } from '../../src/protocol/raw/raw.ts'
import { redis } from '../../src/protocol/redis/redis.ts'
import { EXCHANGE_PROTOCOLS } from '../../src/protocol/registry.ts'
import { heldBufferBytes } from '../support/heap.ts'
import { answer, framed, query } from './dns/dns-builder.ts'
import { timeOf } from './exchange-transcript.ts'

/** A line protocol: `ASK …` is a client's, `SAY …` a server's. Writes down what its parser is given. */
class LineProtocol implements ExchangeProtocol {
  readonly name: string
  readonly ports: readonly number[]
  readonly log: string[] = []
  readonly #ask: string
  readonly #say: string
  waitsLonger = false

  constructor(name: string, ports: readonly number[], ask = 'ASK', say = 'SAY') {
    this.name = name
    this.ports = ports
    this.#ask = ask
    this.#say = say
  }

  recognise(buf: Buffer, start: number, end: number): number {
    const text = buf.toString('latin1', start, end)
    const beginsLike = (word: string) => (text.length < word.length ? word.startsWith(text) : text.startsWith(word))
    if (!beginsLike(this.#ask) && !beginsLike(this.#say)) return RECOGNISED_NO
    if (!text.includes('\n')) return RECOGNISED_MAYBE
    return text.startsWith(this.#ask) ? RECOGNISED_CLIENT : RECOGNISED_SERVER
  }

  createParser({ clientDirection }: ParserContext): ExchangeParser {
    const { log } = this
    log.push(`client ${clientDirection}`)
    const isPatient = (): boolean => this.waitsLonger
    const arrow = (d: Direction) => (d === 0 ? '>' : '<')
    return {
      onData: (d, buf, start, end, t) => log.push(`${arrow(d)} ${t.nanos / 1e6} ${buf.toString('latin1', start, end)}`),
      onGap: (d, missing, t) => log.push(`${arrow(d)} ${t.nanos / 1e6} [${missing}]`),
      expire: (before) => log.push(`expire ${before.nanos / 1e6}`),
      get waitsLonger() {
        return isPatient()
      },
      onClose: () => log.push('close'),
    }
  }
}

class Scene {
  readonly told: string[] = []
  readonly chosen: string[] = []
  readonly streams: ExchangeStreams
  moment = 0

  constructor(protocols: readonly ExchangeProtocol[], fallback?: ExchangeProtocol) {
    this.streams = new ExchangeStreams({
      protocols,
      fallback,
      consumer: {
        onExchange: (e: Exchange) =>
          this.told.push(
            `${e.protocol} ${e.client?.port} ${e.request} ${e.status}${e.statusText === 'capture ended' ? ' (capture ended)' : ''}`,
          ),
      },
      onChosen: (name, c) => this.chosen.push(`${name} on ${c.id}`),
    })
  }

  open(slot: number, options: { port?: number; middle?: boolean } = {}): Connection {
    const c = new Connection(
      new Endpoint(4, 0, 0, 0, 1, 40000 + slot),
      new Endpoint(4, 0, 0, 0, 2, options.port ?? 9999),
      new Stream(),
      new Stream(),
    )
    c.id = slot + 1
    c.slot = slot
    c.openerKnown = options.middle !== true
    this.streams.onOpen(c, timeOf(this.moment))
    return c
  }

  say(c: Connection, d: Direction, what: string | Buffer | number, size = Number.POSITIVE_INFINITY): this {
    const t = timeOf(this.moment++)
    if (typeof what === 'number') {
      this.streams.onGap(c, d, 0, what, 'capture', t)
      return this
    }
    const bytes = typeof what === 'string' ? Buffer.from(what, 'latin1') : what
    for (let pos = 0; pos < bytes.length; pos += size) {
      const lent = Buffer.concat([Buffer.from('ASK '), bytes.subarray(pos, pos + size), Buffer.from('\nSAY \n')])
      this.streams.onData(c, d, 0, lent, 4, lent.length - 6, t)
      lent.fill(0x58)
    }
    return this
  }

  close(c: Connection, why: CloseReason = 'finished'): this {
    this.streams.onClose(c, why, timeOf(this.moment++))
    return this
  }
}

const GET = 'GET / HTTP/1.1\r\n\r\n'
const OK = 'HTTP/1.1 204 No\r\n\r\n'

describe('finding the protocol', () => {
  test('by content, on any port; each connection by itself, a slot used again', () => {
    const scene = new Scene([new LineProtocol('lines', []), http, dns])
    const web = scene.open(0, { port: 53 })
    const names = scene.open(1, { port: 80 })
    scene.say(web, 0, GET).say(names, 0, framed(query())).say(web, 1, OK).say(names, 1, framed(answer()))
    scene.close(web).close(names)
    const again = scene.open(0)
    scene.say(again, 0, framed(query())).close(again)
    assert.deepEqual(scene.told, [
      'http 40000 GET / ok',
      'dns 40001 A example.com ok',
      'dns 40000 A example.com unanswered',
    ])
    assert.deepEqual(scene.chosen, ['http on 1', 'dns on 2', 'dns on 1'])
    assert.deepEqual(
      [...scene.streams.counters.connections],
      [
        ['http', 1],
        ['dns', 2],
      ],
    )
  })

  test('in pieces of any size the parser gets every byte', () => {
    for (const size of [1, 2, 3, 5]) {
      const scene = new Scene([http, dns, new LineProtocol('lines', [])])
      const web = scene.open(0)
      const names = scene.open(1)
      scene.say(web, 0, GET, size).say(web, 1, OK, size).say(web, 0, GET, size).say(web, 1, OK, size).close(web)
      scene.say(names, 0, framed(query()), size).say(names, 1, framed(answer()), size).close(names)
      assert.deepEqual(scene.told, ['http 40000 GET / ok', 'http 40000 GET / ok', 'dns 40001 A example.com ok'])
    }
  })

  test('all protocols side by side, in pieces of any size; from the middle, whoever is taken for the client', () => {
    for (const [client, sizes] of [
      [0, [1, 2, 7, 1000]],
      [1, [1000]],
    ] as const) {
      for (const size of sizes) {
        const scene = new Scene(EXCHANGE_PROTOCOLS, raw)
        const talks: readonly (readonly [string | Buffer, string | Buffer])[] = [
          [GET, OK],
          ['*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n', '$3\r\nbar\r\n'],
          ['get foo\r\n', 'VALUE foo 0 3\r\nbar\r\nEND\r\n'],
          [framed(query()), framed(answer({ answers: 1 }))],
          ['? knock knock\n', '! who is there\n'],
        ]
        const connections = talks.map((_, slot) => scene.open(slot, { middle: client === 1 }))
        talks.forEach(([request, response], slot) => {
          const c = connections[slot]!
          scene.say(c, client, request, size).say(c, client === 0 ? 1 : 0, response, size)
        })
        for (const c of connections) scene.close(c)
        const port = (slot: number) => (client === 0 || slot === 4 ? 40000 + slot : 9999)
        const inOrder = [
          `http ${port(0)} GET / ok`,
          `redis ${port(1)} GET foo ok`,
          `memcached ${port(2)} get foo ok`,
          `dns ${port(3)} A example.com ok`,
        ]
        assert.deepEqual(scene.told.slice(0, 4).sort(), inOrder.sort())
        const knock = client === 0 ? '? knock knock. ok' : '! who is there. unanswered'
        assert.equal(scene.told[4], `raw 40004 ${knock}`)
      }
    }
  })

  test('what was held is given again, in order, with its times and gaps', () => {
    const lines = new LineProtocol('lines', [])
    const scene = new Scene([lines])
    const c = scene.open(0)
    scene.say(c, 0, 'A').say(c, 1, 'SA').say(c, 0, 'SK').say(c, 0, 3).say(c, 1, 'Y\nx').say(c, 0, 'y').close(c)
    assert.deepEqual(lines.log, ['client 0', '> 0 A', '< 1 SA', '> 2 SK', '> 3 [3]', '< 4 Y\nx', '> 5 y', 'close'])
  })

  test('roles: a server’s bytes from the one that was taken for the client', () => {
    for (const [first, second] of [
      [OK, GET],
      [framed(answer()), framed(query())],
      ['SAY hello\n', 'ASK\n'],
    ] as const) {
      const lines = new LineProtocol('lines', [])
      const scene = new Scene([http, dns, lines])
      const c = scene.open(0, { middle: true })
      scene.say(c, 0, first).say(c, 1, second).say(c, 0, first).close(c)
      if (first.includes('SAY')) assert.equal(lines.log[0], 'client 1')
      else assert.match(scene.told.join(), /^(http|dns) 9999 (GET \/|A example.com) ok$/)
    }
  })

  test('from the middle: what decides may come later, in either direction', () => {
    const scene = new Scene([http, dns], raw)
    const c = scene.open(0, { middle: true })
    for (let i = 0; i < 100; i++) scene.say(c, 1, Buffer.alloc(1400, 0x41))
    scene.say(c, 0, GET).say(c, 1, OK).close(c)
    assert.deepEqual(scene.chosen, ['http on 1'])
    assert.deepEqual(scene.told, ['http 40000 GET / ok'])
  })

  test('from the middle and never decided: the port decides, else the fallback takes it', () => {
    for (const [port, chosen] of [
      [80, 'http on 1'],
      [9999, 'raw on 1'],
    ] as const) {
      const scene = new Scene([dns, http], raw)
      const c = scene.open(0, { middle: true, port })
      for (let i = 0; i < 10; i++) scene.say(c, 0, 'blah\n').say(c, 1, 'bleh\n')
      assert.deepEqual(scene.chosen, [chosen])
    }
  })

  test('several that may be: the port settles it', () => {
    for (const [port, chosen] of [
      [7, 'one on 1'],
      [8, 'two on 1'],
      [9, ''],
    ] as const) {
      const both = [new LineProtocol('one', [7]), new LineProtocol('two', [8])]
      const scene = new Scene(both)
      const c = scene.open(0, { port })
      scene.say(c, 0, 'ASK'.padEnd(600, '.'))
      assert.equal(scene.chosen.join(), chosen)
      scene.say(c, 0, Buffer.alloc(70_000, 0x41)).say(c, 0, 'x').close(c)
      assert.equal(scene.streams.counters.undecided, chosen === '' ? 1 : 0)
    }
  })

  test('two that are sure: the port settles it, else the order', () => {
    for (const [port, chosen] of [
      [7, 'one on 1'],
      [8, 'two on 1'],
      [9, 'one on 1'],
    ] as const) {
      const scene = new Scene([new LineProtocol('one', [7]), new LineProtocol('two', [8])])
      scene.say(scene.open(0, { port }), 0, 'ASK\n')
      assert.deepEqual(scene.chosen, [chosen])
    }
  })

  test('none of them: the fallback at once, or nothing, and bounded memory', () => {
    const scene = new Scene([http, dns], raw)
    const c = scene.open(0)
    scene.say(c, 1, '220 hello\r\n').say(c, 0, 'HELO\r\n').say(c, 1, '250\r\n').close(c)
    assert.deepEqual(scene.told, ['raw 40000 HELO.. ok'])
    assert.equal(scene.streams.counters.undecided, 1)

    const silent = new Scene([http, dns])
    const d = silent.open(0)
    silent.say(d, 0, 'HELO\r\n').say(d, 1, '250\r\n').say(d, 0, GET).say(d, 0, 5).close(d)
    assert.deepEqual([silent.told, silent.chosen, silent.streams.counters.undecided], [[], [], 1])

    const only = new Scene([], raw)
    const e = only.open(0)
    only.say(e, 0, GET).say(e, 1, OK).close(e)
    assert.deepEqual(only.chosen, ['raw on 1'])
  })

  test('too short to tell: the fallback gets it when the connection ends', () => {
    const scene = new Scene([http], raw)
    const c = scene.open(0)
    scene.say(c, 0, 'GET').say(c, 1, 'HT').close(c)
    assert.deepEqual(scene.told, ['raw 40000 GET ok'])
  })
})

describe('who opened the connection is the client', () => {
  const FOO = '*2\r\n$3\r\nfoo\r\n$3\r\nbar\r\n'
  const GET_K = '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'
  const LIST = '*2\r\n$1\r\na\r\n$1\r\nb\r\n'
  const UNKNOWN = "-ERR unknown command 'foo'\r\n"

  test('a first command that Redis does not know, whatever the answer, in pieces, for auto and for redis', () => {
    for (const protocols of [EXCHANGE_PROTOCOLS, [redis]]) {
      for (const size of [1, 5, 1000]) {
        for (const [reply, status] of [
          [UNKNOWN, 'error'],
          [LIST, 'ok'],
        ] as const) {
          const scene = new Scene(protocols, raw)
          const c = scene.open(0)
          scene
            .say(c, 0, FOO, size)
            .say(c, 1, reply, size)
            .say(c, 0, GET_K, size)
            .say(c, 1, '$1\r\nv\r\n', size)
            .close(c)
          assert.deepEqual(scene.told, [`redis 40000 foo bar ${status}`, 'redis 40000 GET k ok'])
        }
      }
    }
  })

  test('a line that Redis does not know', () => {
    for (const protocols of [EXCHANGE_PROTOCOLS, [redis]]) {
      for (const size of [3, 1000]) {
        const scene = new Scene(protocols)
        const c = scene.open(0)
        scene.say(c, 0, 'foo bar\r\n', size).say(c, 1, UNKNOWN, size)
        scene.say(c, 0, 'GET k\r\n', size).say(c, 1, '$-1\r\n', size).close(c)
        assert.deepEqual(scene.told, ['redis 40000 foo bar error', 'redis 40000 GET k ok'])
      }
    }
  })

  test('where that was not seen, the simple answers decide, from either side', () => {
    for (const client of [0, 1] as const) {
      const server = client === 0 ? 1 : 0
      const scene = new Scene(EXCHANGE_PROTOCOLS)
      const c = scene.open(0, { middle: true })
      scene.say(c, client, FOO).say(c, server, LIST)
      for (let i = 0; i < 6; i++) scene.say(c, client, FOO).say(c, server, ':1\r\n')
      scene.close(c)
      const port = client === 0 ? 40000 : 9999
      assert.deepEqual(scene.chosen, ['redis on 1'])
      assert.equal(scene.told.at(-1), `redis ${port} foo bar ok`)
      assert.ok(scene.told.every((line) => line.startsWith(`redis ${port} foo bar `)))
    }
  })

  test('a first command that memcached does not know', () => {
    for (const protocols of [EXCHANGE_PROTOCOLS, [memcached]]) {
      for (const size of [2, 1000]) {
        const scene = new Scene(protocols)
        const c = scene.open(0)
        scene.say(c, 0, 'foo\r\n', size).say(c, 1, 'ERROR\r\n', size)
        scene.say(c, 0, 'get k\r\n', size).say(c, 1, 'END\r\n', size)
        scene.say(c, 0, 'get l\r\n', size).say(c, 1, 'END\r\n', size).close(c)
        assert.deepEqual(
          scene.told,
          ['foo error', 'get k ok', 'get l ok'].map((line) => `memcached 40000 ${line}`),
        )
      }
    }
  })

  test('nothing but an unknown command: the port decides at the end', () => {
    const scene = new Scene(EXCHANGE_PROTOCOLS, raw)
    const c = scene.open(0, { port: 11211 })
    scene.say(c, 0, 'foo\r\n').say(c, 1, 'ERROR\r\n').close(c)
    assert.deepEqual(scene.told, ['memcached 40000 foo error'])
  })

  test('a protocol by which the roles would be the other way round is not the one', () => {
    const scene = new Scene([http], raw)
    const c = scene.open(0)
    scene.say(c, 0, OK).say(c, 1, GET).close(c)
    assert.deepEqual(scene.chosen, ['raw on 1'])
  })

  test('NATS, which has lines like Redis’, is none', () => {
    const scene = new Scene(EXCHANGE_PROTOCOLS, raw)
    const c = scene.open(0)
    scene.say(c, 1, 'INFO {}\r\n').say(c, 0, 'CONNECT {}\r\nPING\r\n').say(c, 1, '+OK\r\nPONG\r\n').close(c)
    assert.deepEqual(scene.chosen, ['raw on 1'])
  })
})

test('what the end of the capture leaves open is not unanswered; what the timeout or the connection ended is', () => {
  const asks: readonly (readonly [string | Buffer, string])[] = [
    [GET, 'http 40000 GET /'],
    ['*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n', 'redis 40000 GET foo'],
    ['get foo\r\n', 'memcached 40000 get foo'],
    [framed(query()), 'dns 40000 A example.com'],
    ['knock\n', 'raw 40000 knock.'],
  ]
  for (const [ask, line] of asks) {
    for (const why of ['capture-ended', 'interface-gone', 'reset'] as const) {
      const scene = new Scene(EXCHANGE_PROTOCOLS, raw)
      const c = scene.open(0)
      scene.say(c, 0, ask)
      scene.close(c, why)
      assert.deepEqual(scene.told, [why === 'reset' ? `${line} unanswered` : `${line} unknown (capture ended)`])
      const d = scene.open(0)
      scene.say(d, 0, ask)
      scene.streams.expire(timeOf(9))
      scene.close(d, 'capture-ended')
      assert.equal(scene.told[1], `${line} unanswered`)
    }
  }
})

test('expire asks those that spoke, until it has found them silent', () => {
  const lines = new LineProtocol('lines', [])
  const scene = new Scene([lines])
  const first = scene.open(0)
  const second = scene.open(1)
  scene.say(first, 0, 'ASK\n').say(second, 0, 'ASK\n')
  lines.log.length = 0
  scene.streams.expire(timeOf(1))
  scene.streams.expire(timeOf(2))
  scene.streams.expire(timeOf(3))
  assert.deepEqual(lines.log.sort(), ['expire 1', 'expire 1', 'expire 2'])
  lines.log.length = 0
  scene.say(first, 1, 'SAY\n').close(second)
  scene.streams.expire(timeOf(9))
  scene.streams.expire(timeOf(10))
  scene.close(first)
  assert.deepEqual(lines.log, ['< 2 SAY\n', 'close', 'expire 9', 'close'])
})

test('expire goes on asking those on which the server was asked to wait', () => {
  const lines = new LineProtocol('lines', [])
  const scene = new Scene([lines])
  scene.say(scene.open(0), 0, 'ASK\n')
  lines.log.length = 0
  lines.waitsLonger = true
  for (const moment of [7, 8]) scene.streams.expire(timeOf(moment))
  lines.waitsLonger = false
  for (const moment of [9, 10]) scene.streams.expire(timeOf(moment))
  assert.deepEqual(lines.log, ['expire 7', 'expire 8', 'expire 9'])
})

test('many connections that never decide hold little', () => {
  const scene = new Scene([new LineProtocol('lines', [])])
  const bytes = Buffer.from('ASK'.padEnd(10_000, '.'))
  const t = timeOf(0)
  const before = heldBufferBytes()
  const connections = Array.from({ length: 2000 }, (_, slot) => scene.open(slot))
  for (const c of connections) for (let i = 0; i < 6; i++) scene.streams.onData(c, 0, 0, bytes, 0, bytes.length, t)
  assert.equal(scene.streams.counters.undecided, 0)
  assert.ok(heldBufferBytes() - before < 8e6)
  for (const c of connections) scene.close(c)
  assert.equal(scene.streams.counters.undecided, 2000)
})
