// Captures of containers come and go: with a launcher whose children say nothing but that they listen.

import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { target } from '../../src/container/capture-target.ts'
import { PlaceTable } from '../../src/core/places.ts'
import { ContainerCapture } from '../../src/pipeline/container-capture.ts'
import { container, FakeEngine, FakeView, idOf } from '../container/container-scene.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

// What a capture needs of the rest of the program, as far as this is about opening and closing.
// biome-ignore lint/suspicious/noExplicitAny: stand-ins for classes with private fields
type StandIn = any

class Children {
  started = 0
  readonly launcher: StandIn = {
    launch: async () => {
      this.started++
      const data = new PassThrough()
      let end: (exit: StandIn) => void = () => {}
      const exited = new Promise((resolve) => {
        end = resolve
      })
      const stop = () => {
        data.end()
        end({ code: 0, signal: null, stderr: '' })
      }
      // the first bytes are what says that it listens
      data.write(Buffer.alloc(100, 'x'))
      return { data, exited, stop, kill: stop }
    },
    close: async () => {},
  }
}

/** What every capture here is asked for. */
const INPUT = {
  interfaces: [],
  snapshotBytes: 65535,
  kernelBufferBytes: 65536,
  bufferTimeoutMillis: 1,
  promiscuous: false,
}

function partsOf(launcher: StandIn, containers: StandIn): StandIn {
  const selection = { containers: [], services: [], labels: [], networks: [], wait: false, ...containers }
  return { plan: { filter: '' }, input: INPUT, containers: selection, launcher, places: new PlaceTable(), env: {} }
}

test('a capture that ends by itself while it is on its way out takes nothing away from its successor', async (t) => {
  const clock = new ManualClock(t)
  const children = new Children()
  const parts = partsOf(children.launcher, { wait: true })
  const capture = new ContainerCapture(parts, new FakeEngine(), new FakeView())
  const feeds: StandIn[] = []
  const merge: StandIn = { add: (feed: StandIn) => feeds.push(feed), want() {}, close() {} }
  const buffers: StandIn = { feedOf: (source: StandIn) => ({ source, reader: {} }), giveBack() {} }
  const messages: StandIn = { info() {}, error() {} }
  await capture.begin(merge, buffers, messages, () => {})
  const wanted = target({ key: 'host x', way: 'host', label: 'x', interfaceName: 'any', containers: ['x'] })
  const fed = async (count: number) => {
    for (const deadline = Date.now() + 10_000; feeds.length < count && Date.now() < deadline; ) await settle()
    assert.equal(feeds.length, count)
  }

  capture.onTargets([wanted])
  await fed(1)
  capture.onTargets([])
  await settle()
  capture.feedEnded(feeds[0], undefined)
  capture.onTargets([wanted])
  await fed(2)
  // longer than anything is given to say its last
  clock.advance(600)
  await settle()
  capture.onTargets([wanted])
  await settle()
  assert.equal(children.started, 2, 'the successor is not known any more')
  assert.equal(feeds.length, 2)
  await feeds[1].source.close()
})

test('a wish to stop that comes before the beginning is heeded', async () => {
  const engine = new FakeEngine(container('web'))
  const capture = new ContainerCapture(
    partsOf(new Children().launcher, { containers: ['web'] }),
    engine,
    new FakeView(),
  )
  const done: string[] = []
  const merge: StandIn = { add: () => done.push('added'), want() {}, close: () => done.push('closed') }
  const messages: StandIn = { info: (line: string) => done.push(line), error: (line: string) => done.push(line) }
  capture.stop()
  await capture.begin(merge, {} as StandIn, messages, () => {})
  await capture.close()
  assert.deepEqual(done, ['closed'])
  assert.deepEqual(engine.asked, [])
})

/** A launcher whose children end at once, saying what a real child says, but for those of bridges. */
function refusing(code: string, before: () => void): StandIn {
  const stderrTail = `${JSON.stringify({ code, message: 'no such device', interfaceNames: ['eth0', 'lo'] })}\n`
  return {
    launch: async (request: StandIn) => {
      if (request.interfaceName === 'docker0') return await new Children().launcher.launch(request)
      before()
      const exited = Promise.resolve({ exitCode: 1, signal: null, stderrTail })
      return { data: new PassThrough().end().resume(), exited, stop() {}, kill() {} }
    },
    close: async () => {},
  }
}

interface Began {
  readonly lines: string[]
  readonly capture: ContainerCapture
  readonly starts: () => number
  readonly until: (line: RegExp) => Promise<void>
  /** So much time passes, and all that comes of it happens. */
  readonly pass: (millis: number) => Promise<void>
}

/** Begins to capture `web`; `atStart` is called with each child that is started, and its number. */
async function beginWith(
  t: TestContext,
  code: string,
  named: string,
  atStart: (engine: FakeEngine, start: number) => void,
  change: (view: FakeView) => void = () => {},
): Promise<Began> {
  const clock = new ManualClock(t)
  const engine = new FakeEngine(container('web'))
  const view = new FakeView()
  view.visible.add(idOf('web'))
  change(view)
  let starts = 0
  const launcher = refusing(code, () => atStart(engine, ++starts))
  const { via } = view as StandIn
  const capture = new ContainerCapture(partsOf(launcher, { containers: [named], via }), engine, view)
  t.after(() => capture.close())
  const lines: string[] = []
  const messages: StandIn = {
    info: (line: string) => lines.push(line),
    error: (line: string, hint = '') => lines.push(`! ${line}`, hint),
  }
  const merge: StandIn = { add() {}, want() {}, close() {} }
  const buffers: StandIn = { feedOf: (source: StandIn) => ({ source, reader: {} }), giveBack() {} }
  const pass = async (millis: number): Promise<void> => {
    clock.advance(millis)
    await settle()
  }
  const until = async (line: RegExp): Promise<void> => {
    for (const deadline = Date.now() + 10_000; Date.now() < deadline && !line.test(lines.join('\n')); ) await pass(50)
    assert.match(lines.join('\n'), line)
  }
  await capture.begin(merge, buffers, messages, () => {})
  return { lines, capture, starts: () => starts, until, pass }
}

for (const [code, way] of [
  ['no-such-interface', undefined],
  ['interface-gone', undefined],
  ['interface-down', undefined],
  ['wrong-namespace', 'netns'],
] as const) {
  test(`a container that is gone before it can be captured (${code}) has simply stopped`, async (t) => {
    // The engine learns of it a moment after the interface has vanished.
    const stopLater = (engine: FakeEngine, start: number): void => {
      if (start === 3) engine.stop(idOf('web'))
    }
    const { lines, capture, starts, until, pass } = await beginWith(t, code, 'web', stopLater, (view) => {
      Object.assign(view, { via: way })
      // the process that was looked up is another one now
      if (way === 'netns') Object.defineProperty(view, 'namespace', { get: nextNumber() })
    })
    await until(/^web has stopped; what it says next is shown when it is back$/m)
    assert.equal(starts(), 3)
    for (let waited = 0; waited < 5000; waited += 50) await pass(50)
    assert.deepEqual(
      lines.filter((line) => line.startsWith('!')),
      [],
    )
    assert.equal(capture.failed, false)
  })
}

function nextNumber(): () => string {
  let number = 4026532000
  return () => String(number++)
}

test('named by its id and removed before it can be captured: the run is over', async (t) => {
  const { lines, capture, until } = await beginWith(t, 'no-such-interface', idOf('web'), (engine) => {
    if (engine.containers.has(idOf('web'))) engine.remove(idOf('web'))
  })
  await until(/^! nothing is left to capture: web was removed$/m)
  assert.equal(capture.failed, true)
  assert.ok(!lines.join().includes('there is no interface'))
})

test('an interface that is missing for another reason is told, once', async (t) => {
  const { lines, capture, until, pass } = await beginWith(t, 'no-such-interface', 'web', () => {})
  await until(/^! there is no interface veth7$/m)
  assert.equal(capture.failed, true)
  for (let waited = 0; waited < 5000; waited += 50) await pass(50)
  assert.equal(lines.filter((line) => line.startsWith('!')).length, 1)
})

test('a container that runs and lacks the interface that was asked for is an error at once', async (t) => {
  let starts = 0
  const begun = beginWith(
    t,
    'no-such-interface',
    'web',
    () => starts++,
    (view) => Object.assign(view, { via: 'netns' }),
  )
  await assert.rejects(begun, /there is no interface any/)
  assert.equal(starts, 1)
})

test('what cannot be captured for want of permission is an error at once', async (t) => {
  await assert.rejects(
    beginWith(t, 'permission', 'web', () => {}),
    /no permission to capture/,
  )
})
