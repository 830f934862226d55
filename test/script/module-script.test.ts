// Scripts that are modules: hooks and their order, copies, async hooks, errors, runaways, the end.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Connection, Stream } from '../../src/core/connection.ts'
import { Endpoint } from '../../src/core/endpoint.ts'
import { OperatorError } from '../../src/core/errors.ts'
import { Exchange } from '../../src/core/exchange.ts'
import { TimedExchange } from '../../src/core/timed-exchange.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import { AddressTexts, packetView } from '../../src/script/event-views.ts'
import { loadModuleScript } from '../../src/script/module-script.ts'
import { ScriptError, ScriptQueue } from '../../src/script/script-engine.ts'
import { datagramOf, segmentOf, Workshop } from './script-fixture.ts'

const T = new Timestamp(1_583_695_386, 500_000_000)
const CLIENT = new Endpoint(4, 0, 0, 0, 0x0a000001, 51137)
const SERVER = new Endpoint(4, 0, 0, 0, 0x0a000002, 6379)

function connectionOf(id = 1): Connection {
  const c = new Connection(CLIENT, SERVER, new Stream(), new Stream())
  c.id = id
  c.slot = 0
  return c
}

function exchangeOf(fields: Partial<Exchange>): TimedExchange {
  const exchange = new Exchange()
  Object.assign(exchange, { client: CLIENT, server: SERVER, protocol: 'redis', command: 'GET', key: 'a' }, fields)
  const timed = new TimedExchange(exchange)
  if (exchange.status !== 'unknown') timed.latencyMicros = 1250
  return timed
}

test('hooks hear everything in order, and onEnd comes last', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open(
    'all.mjs',
    `const seen = new Map()
    export function onPacket(p) { console.log('packet', p.protocol, p.source.address, p.destination.port, p.sequence, p.flags, p.payload.toString()) }
    export function onConnection(c, event) {
      if (event === 'open') seen.set(c, 0)
      console.log(event, c.id, c.client.address, c.server.port, c.server.name, c.closeReason, seen.get(c))
    }
    export function onData(d) {
      seen.set(d.connection, seen.get(d.connection) + d.data.length)
      console.log('data', d.direction, d.offset, d.timeMicros, d.missingBytes, d.data.toString())
    }
    export function onExchange(e) { console.log('exchange', e.protocol, e.command, e.key, e.latencyMicros, e.status) }
    export function onEnd(run) { run.print('end\\n') }`,
    { names: { version: 0, entries: () => [], hostOf: (_place, e) => (e === SERVER ? NAMED : undefined) } },
  )
  const c = connectionOf()
  script.onRawSegment(segmentOf({ flags: 2, sequence: -1 }))
  c.openTime.set(T)
  script.onOpen(c)
  script.onData(c, 0, 0, Buffer.from('..get a..'), 2, 7, T)
  script.onGap(c, 1, 7, 10, 'network', T)
  script.onTimedExchange(exchangeOf({}))
  script.onTimedExchange(exchangeOf({ status: 'unknown' }))
  script.onDatagram(datagramOf(Buffer.from('q')))
  script.onClose(c, 'reset', T)
  assert.equal(script.blocked, true)
  assert.deepEqual(workshop.lines, [])
  await script.drain()
  await script.finish()
  assert.deepEqual(workshop.lines, [
    'packet tcp 10.0.0.1 6379 4294967295 2 ',
    'open 1 10.0.0.1 6379 cache  0',
    'data client 0 1583695386500000 0 get a',
    'data server 7 1583695386500000 10 ',
    'exchange redis GET a 1250 ok',
    'exchange redis GET a -1 unknown',
    'packet udp 10.0.0.1 53 0 0 q',
    'close 1 10.0.0.1 6379 cache reset 5',
    'end',
  ])
  assert.deepEqual([workshop.said, script.failed], [[], false])
})
const NAMED = { name: 'cache', container: undefined, image: undefined, network: undefined }

test('a script that wants packets only is asked for nothing else', async (t) => {
  const script = await new Workshop(t).open('packets.mjs', 'export function onPacket() {}')
  assert.deepEqual(
    (['onPacket', 'onConnection', 'onData', 'onExchange', 'onEnd'] as const).map((hook) => script.hears(hook)),
    [true, false, false, false, false],
  )
  await script.finish()
})

test('payload is a copy', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open(
    'copy.mjs',
    `const kept = []
    export const onPacket = (p) => kept.push(p.payload)
    export function onEnd(run) { for (const each of kept) { run.print(each); each.fill(0) } }`,
  )
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
  const segment = segmentOf({ payload: bytes })
  script.onRawSegment(segment)
  const before = Buffer.from(segment.buf)
  segment.buf.fill(7)
  await script.finish()
  assert.deepEqual(workshop.output, Buffer.from(bytes))
  assert.deepEqual(before.subarray(4, 260), Buffer.from(bytes))
})

test('hooks may stand in a default export, and the module may be CommonJS', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open('old.cjs', `module.exports = { onPacket: (p) => console.log(p.payload.length) }`)
  script.onRawSegment(segmentOf({ payload: Buffer.from('abc') }))
  await script.finish()
  assert.deepEqual(workshop.lines, ['3'])
})

test('async hooks are waited for, at the end and when too many are under way', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open(
    'async.mjs',
    `let begun = 0, underWay = 0, most = 0, release = [], done = 0
    export async function onPacket() {
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => {
        release.push(resolve)
        if (++begun % 1000 !== 0 && begun !== 2500) return
        for (const each of release) each()
        release = []
      })
      underWay--
      done++
    }
    export async function onEnd() { await null; console.log(most, done) }`,
  )
  for (let i = 0; i < 2500; i++) script.onRawSegment(segmentOf({}))
  await script.drain()
  assert.equal(script.blocked, false)
  await script.finish()
  assert.deepEqual(workshop.lines, ['1000 2500'])
  assert.deepEqual(workshop.said, [])
})

async function refusal(t: TestContext, name: string, source: string): Promise<string> {
  const error = await new Workshop(t).open(name, source).then(
    () => assert.fail('it was loaded'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof OperatorError, String((error as Error).stack))
  return error.message
}

test('what cannot begin is said in one line', async (t) => {
  assert.match(await refusal(t, 'a.mjs', 'const x = 1\nfunction {'), /^a\.mjs:2: /)
  assert.equal(await refusal(t, 'b.mjs', '\nnot.there = 1'), 'b.mjs:2: not is not defined')
  assert.match(await refusal(t, 'c.mjs', "import './nowhere.mjs'"), /^c\.mjs.*Cannot find module/)
  assert.equal(
    await refusal(t, 'd.mjs', 'export const x = 1'),
    'd.mjs: exports none of onPacket, onConnection, onData, onExchange, onEnd',
  )
  assert.equal(await refusal(t, 'e.mjs', 'export const onPacket = 1'), 'e.mjs: onPacket is no function')
  await assert.rejects(new Workshop(t).openFile('none.mjs'), { message: 'none.mjs: there is no such file' })
})

test('an error in any hook names file and line, is said once, and ends the script alone', async (t) => {
  const sources: readonly [string, string][] = [
    [
      'export function onPacket(p) {\n  p.nothing.more\n}',
      "e.mjs:2: Cannot read properties of undefined (reading 'more')",
    ],
    ['export function onConnection() {\n\n  throw new Error("first\\nsecond") }', 'e.mjs:3: first'],
    ['export function onData() { throw "text" }', 'e.mjs: text'],
    ['export function onExchange() {\n  null() }', 'e.mjs:2: null is not a function'],
    ['export function onEnd() { throw new RangeError("late") }', 'e.mjs:1: late'],
    ['export async function onPacket() {\n  await null\n  throw new Error("async") }', 'e.mjs:3: async'],
    ['export async function onEnd() { await null; throw new Error("async") }', 'e.mjs:1: async'],
    [
      'export function onPacket() {\n  setImmediate(() => {\n    throw new Error("timer") }) }\nexport const onEnd = () => new Promise((r) => setTimeout(r, 20))',
      'e.mjs:3: timer',
    ],
  ]
  for (const [source, expected] of sources) {
    const workshop = new Workshop(t)
    const script = await workshop.open('e.mjs', source)
    const c = connectionOf()
    for (let i = 0; i < 3; i++) {
      script.onRawSegment(segmentOf({}))
      c.openTime.set(T)
      script.onOpen(c)
      script.onData(c, 0, 0, Buffer.from('x'), 0, 1, T)
      script.onTimedExchange(exchangeOf({}))
    }
    await script.drain()
    await script.finish()
    assert.deepEqual([workshop.said, script.failed], [[expected], true])
  }
})

test('run.stop ends the run with an exit code; onEnd is still called', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open(
    'stop.mjs',
    `let n = 0
    export function onPacket(p, run) { if (++n === 2) run.stop(4) }
    export function onEnd() { console.log(n) }`,
  )
  let stops = 0
  script.onStop = () => void stops++
  for (let i = 0; i < 5; i++) script.onRawSegment(segmentOf({}))
  await script.drain()
  script.onRawSegment(segmentOf({}))
  await script.finish()
  assert.deepEqual([workshop.lines, stops, script.exitCode, script.failed], [['2'], 1, 4, false])
})

test('a hook that never returns is interrupted', async (t) => {
  const workshop = new Workshop(t)
  const failures: string[] = []
  const engine = await loadModuleScript(
    workshop.write('loop.mjs', 'export function onPacket(p) { if (p.sequence === 2) for (;;); }'),
    { print: () => {}, printError: () => {}, stop: () => {}, fail: (error) => void failures.push(error.message) },
    50,
  )
  const queue = new ScriptQueue()
  const addresses = new AddressTexts()
  for (const sequence of [1, 2, 3]) {
    const segment = segmentOf({ sequence })
    queue.push({ hook: 'onPacket', packet: packetView(segment, segment, addresses) })
  }
  assert.throws(() => engine.run(queue, 40), new ScriptError('loop.mjs: onPacket did not return within 0.05 s'))
  assert.equal(queue.length, 1)
  engine.close()
  assert.deepEqual(failures, [])
})

test('a script written against the published types', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.openFile(join(import.meta.dirname, 'typed-script.ts'))
  const c = connectionOf()
  script.onOpen(c)
  script.onData(c, 0, 0, Buffer.from('hello'), 0, 5, T)
  script.onTimedExchange(exchangeOf({ status: 'error', statusText: '-ERR' }))
  script.onClose(c, 'finished', T)
  await script.finish()
  assert.deepEqual(workshop.lines, ['open 10.0.0.1', 'client 5', 'redis -ERR', 'close 10.0.0.1', 'end'])
})

test('console speaks through the run, and is given back', async (t) => {
  const before = globalThis.console
  const workshop = new Workshop(t)
  const script = await workshop.open(
    'console.mjs',
    `console.log('%d of %s', 1, { a: 1 }); console.error('wrong'); export function onEnd() {}`,
  )
  await script.finish()
  assert.deepEqual([workshop.lines, workshop.errors], [['1 of { a: 1 }'], 'wrong\n'])
  assert.equal(globalThis.console, before)
})

test('a hook that can never be called here is said', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open('exchanges.mjs', 'export function onExchange() {}', {
    neverCalled: new Map([['onExchange', 'is called by tcpflow latency only']]),
  })
  await script.finish()
  assert.deepEqual(workshop.said, ['exchanges.mjs: onExchange is called by tcpflow latency only'])
  for (const [name, others, expected] of [
    ['alone.mjs', 'export function onEnd() {}', 'alone.mjs wants exchanges'],
    ['both.mjs', 'export function onData() {}', 'both.mjs: onExchange is never called'],
  ] as const) {
    const other = new Workshop(t)
    await (
      await other.open(name, `export function onExchange() {}; ${others}`, {
        neverCalled: new Map([['onExchange', 'is never called']]),
        alone: 'wants exchanges',
      })
    ).finish()
    assert.deepEqual(other.said, [expected])
  }
})

test('what is abandoned is not waited for', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open('never.mjs', 'export const onEnd = () => new Promise(() => {})')
  const finished = script.finish()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(script.busy, true)
  script.abandon()
  await finished
  assert.deepEqual([script.busy, script.failed], [false, false])
})
