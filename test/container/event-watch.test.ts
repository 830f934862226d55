// The event stream: cut anywhere, dropped, silent, odd; and what is said while the engine is away.

import assert from 'node:assert/strict'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { Engine, EngineEvent } from '../../src/container/engine.ts'
import { OperatorError } from '../../src/core/errors.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { connect, type FakeEngine, type FakeRequest, fakeEngine, json } from './fake-engine.ts'

const LONGEST_PAUSE_MILLIS = 5000

let nanos = 0

function idOf(n: number): string {
  return n.toString(16).padStart(64, '0')
}

/** One that is like no other. */
function line(n: number, name = `c${n}`): string {
  const time = 1_700_000_000
  nanos++
  const event = { Type: 'container', Action: 'start', Actor: { ID: idOf(n), Attributes: { name, image: 'x' } }, time }
  return `${JSON.stringify(event).slice(0, -1)},"timeNano":${time}${String(nanos).padStart(9, '0')}}\n`
}

class Streams {
  readonly fake: FakeEngine
  readonly requests: FakeRequest[] = []
  /** Of the subscription that is open. */
  response: http.ServerResponse | undefined = undefined

  constructor(fake: FakeEngine, sendsHeaders = true) {
    this.fake = fake
    fake.on('GET /events', (response, request) => {
      this.requests.push(request)
      this.response = response
      response.on('close', () => {
        if (this.response === response) this.response = undefined
      })
      if (sendsHeaders) response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders()
    })
  }

  async write(bytes: string | Buffer): Promise<void> {
    await until(() => this.response !== undefined)
    await new Promise<void>((resolve) => this.response!.write(bytes, () => resolve()))
  }
}

async function until(what: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !what() && Date.now() < deadline; ) await settle()
  assert.ok(what(), 'it did not happen')
}

/** Resolves when the engine has answered a request that was made after everything else. */
async function answersAll(fake: FakeEngine): Promise<void> {
  await settle()
  await new Promise<void>((resolve, reject) => {
    http
      .get({ socketPath: fake.path, path: '/_ping', agent: false }, (response) => {
        response.resume().on('end', resolve)
      })
      .on('error', reject)
  })
}

interface Watched {
  readonly fake: FakeEngine
  readonly streams: Streams
  readonly engine: Engine
  readonly events: EngineEvent[]
  /** `start c1`, `lost`, `back` */
  readonly log: string[]
}

async function watch(t: TestContext, sendsHeaders = true): Promise<Watched> {
  const fake = await fakeEngine(t)
  const streams = new Streams(fake, sendsHeaders)
  const engine = await connect(t, fake)
  const events: EngineEvent[] = []
  const log: string[] = []
  await engine.watch((event) => {
    events.push(event)
    log.push(`${event.kind} ${event.name}`.trim())
  })
  return { fake, streams, engine, events, log }
}

test('asks for what is told, and from when on', async (t) => {
  const { streams } = await watch(t)
  const [request] = streams.requests
  const filters = JSON.parse(request!.query.get('filters')!)
  assert.deepEqual(filters.type, ['container', 'network'])
  for (const event of ['create', 'start', 'die', 'destroy', 'rename', 'connect', 'disconnect']) {
    assert.ok(filters.event.includes(event))
  }
  // The fake engine's clock is ours: a moment ago, and not the whole second that its answer's date is cut to.
  assert.match(request!.query.get('since')!, /^\d{10}\.\d{9}$/)
  const age = Date.now() / 1000 - Number(request!.query.get('since'))
  assert.ok(age > 0 && age < 30)
})

test('an engine whose clock is elsewhere is asked by its own', async (t) => {
  const fake = await fakeEngine(t)
  fake.on('GET /_ping', (response) => {
    response.writeHead(200, { 'Api-Version': '1.41', Date: 'Tue, 14 Nov 2023 22:13:20 GMT' }).end('OK')
  })
  const streams = new Streams(fake)
  await (await connect(t, fake)).watch(() => {})
  assert.equal(streams.requests[0]!.query.get('since'), '1700000000.000000000')
})

test('lines cut anywhere', async (t) => {
  const { streams, log } = await watch(t)
  let n = 0
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(200), { maxLength: 12 }), async (cuts) => {
      const names = ['c', 'grüße', '漢字', '🐋'].map((name) => `${name}${n++}`)
      const bytes = Buffer.from(names.map((name) => line(n, name)).join(''))
      log.length = 0
      let from = 0
      for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
        if (cut > from) await streams.write(bytes.subarray(from, cut))
        from = Math.max(from, cut)
      }
      await until(() => log.length >= names.length)
      assert.deepEqual(
        log,
        names.map((name) => `start ${name}`),
      )
    }),
    { seed: 5, numRuns: 40 },
  )
})

test('what is no event is passed over', async (t) => {
  const { streams, log } = await watch(t)
  await streams.write('\n\nnull\n7\n[]\n{}\n{"Type":"container"}\nno json\n{"Type":{}}\n\0\n')
  await streams.write(Buffer.from([0xff, 0xfe, 0x0a]))
  await streams.write('{"Type":"container","Action":"exec_start","Actor":{"ID":"x"}}\n')
  // Longer than any event, in one line.
  const junk = 'x'.repeat(1 << 19)
  for (let i = 0; i < 6; i++) await streams.write(junk)
  await streams.write(`\n${line(1)}`)
  await until(() => log.length > 0)
  assert.deepEqual(log, ['start c1'])
})

test('a dropped stream: lost once, back once, and nothing twice', async (t) => {
  const clock = new ManualClock(t)
  const { fake, streams, events, log } = await watch(t)
  const first = line(1)
  await streams.write(first)
  await until(() => log.length === 1)
  await fake.shutDown()
  await until(() => log.length === 2)
  assert.equal(events[1]!.kind, 'lost')
  assert.notEqual(events[1]!.reason, '')
  assert.equal(events[1]!.id, '')
  // Several tries find nobody there.
  for (let tries = 0; tries < 4; tries++) {
    clock.advance(LONGEST_PAUSE_MILLIS)
    await settle()
  }
  await fake.listen()
  clock.advance(LONGEST_PAUSE_MILLIS)
  await streams.write(first + line(2))
  await until(() => log.length >= 4)
  assert.deepEqual(log, ['start c1', 'lost', 'back', 'start c2'])
})

test('an engine that ends the stream in order', async (t) => {
  const { streams, log, events } = await watch(t)
  streams.response!.end(line(1))
  await until(() => log.length === 3)
  assert.deepEqual(log, ['start c1', 'lost', 'back'])
  assert.equal(events[1]!.reason, 'the engine ended its event stream')
})

test('an engine that ends every stream is asked less and less often', async (t) => {
  const fake = await fakeEngine(t)
  const asked: number[] = []
  fake.on('GET /events', (response) => {
    asked.push(performance.now())
    response.writeHead(200).end()
  })
  await (await connect(t, fake)).watch(() => {})
  await until(() => asked.length >= 3)
  // No clock is so coarse that a timer ends this much early.
  assert.ok(asked[1]! - asked[0]! > 190)
  assert.ok(asked[2]! - asked[1]! > 390)
})

test('an engine that refuses', async (t) => {
  const fake = await fakeEngine(t)
  fake.on('GET /events', json({ message: 'not here' }, 403))
  const engine = await connect(t, fake)
  await assert.rejects(
    engine.watch(() => assert.fail()),
    (error) => error instanceof OperatorError && /forbids GET \/events: not here/.test(error.message),
  )
})

test('an engine that says nothing until something happens', async (t) => {
  const { streams, log } = await watch(t, false)
  await streams.write(line(1))
  await until(() => log.length === 1)
  streams.response!.destroy()
  await until(() => log.length === 2)
  assert.deepEqual(log, ['start c1', 'lost'])
})

test('nothing comes after the end', async (t) => {
  const clock = new ManualClock(t)
  const { fake, streams, engine, log } = await watch(t)
  await engine.close()
  await until(() => streams.response === undefined)
  clock.advance(2 * LONGEST_PAUSE_MILLIS)
  await answersAll(fake)
  assert.deepEqual(log, [])
  assert.equal(streams.requests.length, 1)
  await new Promise((resolve) => fake.server.close(resolve))
})

test('the end while the engine is away', async (t) => {
  const clock = new ManualClock(t)
  const { fake, engine, log } = await watch(t)
  await fake.shutDown()
  await until(() => log.length === 1)
  await engine.close()
  await fake.listen()
  clock.advance(2 * LONGEST_PAUSE_MILLIS)
  await answersAll(fake)
  assert.deepEqual(log, ['lost'])
  assert.deepEqual(fake.log, ['GET /events'])
})
