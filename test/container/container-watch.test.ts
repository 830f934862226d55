// Containers come, go, move and come back: what is captured at each moment, and what is said.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CaptureTarget } from '../../src/container/capture-target.ts'
import { ContainerWatch, type WatchOptions } from '../../src/container/container-watch.ts'
import { Endpoint } from '../../src/core/endpoint.ts'
import { OperatorError } from '../../src/core/errors.ts'
import { PlaceTable } from '../../src/core/places.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { attachment, container, FakeEngine, FakeView, idOf } from './container-scene.ts'

const NONE = { containers: [], services: [], labels: [], networks: [] }

class Watched {
  readonly engine: FakeEngine
  readonly view = new FakeView()
  readonly watch: ContainerWatch
  readonly log: string[] = []
  targets: readonly CaptureTarget[] = []

  constructor(engine: FakeEngine, selection: Partial<WatchOptions['selection']>, more: Partial<WatchOptions> = {}) {
    this.engine = engine
    const options = { selection: { ...NONE, ...selection }, via: undefined, wait: false, insideInterface: '', ...more }
    this.watch = new ContainerWatch(engine, this.view, options, new PlaceTable())
    this.view.forwarding = { '02:42:ac:11:00:02': 'veth1', '02:42:ac:11:00:03': 'veth2', '02:42:0a:05:00:02': 'veth3' }
  }

  async start(): Promise<this> {
    this.targets = await this.watch.start({
      onTargets: (targets) => {
        this.targets = targets
      },
      onEnded: ({ container: name, addresses, places }) => {
        this.log.push(`ended ${name} ${[...addresses, ...places].join(' ')}`)
      },
      info: (line) => this.log.push(line),
      error: (line) => this.log.push(`! ${line}`),
      onNothingLeft: (error) => this.log.push(`over: ${error.message}`),
    })
    return this
  }

  /** What is captured, in short. */
  get captured(): string[] {
    return this.targets.map((t) => {
      if (t.gate === undefined) return t.label
      const now = t.gate.filter(({ untilMicros }) => untilMicros === Number.POSITIVE_INFINITY)
      return `watch ${t.interfaceName} ${now.map(({ macAddress }) => macAddress).join(' ')}`.trim()
    })
  }

  settle(): Promise<void> {
    return settle()
  }
}

const web = container('web')

test('a container that stops is waited for on its bridge, and captured anew when it is back', async () => {
  const w = await new Watched(new FakeEngine(web), { containers: ['web'] }).start()
  assert.deepEqual(w.captured, ['web: veth1 on docker0'])
  w.engine.stop(web.id)
  await w.settle()
  assert.deepEqual(w.captured, ['watch docker0'])
  assert.deepEqual(w.log, ['web has stopped; what it says next is shown when it is back', 'ended web 172.17.0.2'])
  // back with another address: its frames are let through from the first one on
  w.engine.start({
    ...web,
    startedAt: 'later',
    networks: [attachment('bridge', '172.17.0.3', '02:42:ac:11:00:03')],
  })
  await w.settle()
  assert.deepEqual(w.captured, ['web: veth2 on docker0', 'watch docker0 02:42:ac:11:00:03'])
  w.watch.close()
})

test('a restart too quick to be seen as two events still is one', async () => {
  const w = await new Watched(new FakeEngine(web), { containers: ['web'] }).start()
  w.engine.start({ ...web, startedAt: 'later', pid: 4100 })
  await w.settle()
  assert.deepEqual(w.log, ['web was restarted', 'ended web 172.17.0.2'])
  assert.equal(w.targets.length, 1)
  assert.match(w.targets[0]!.key, /later/)
  w.watch.close()
})

test('made anew under the same name: the new one is captured, the old one forgotten', async () => {
  const w = await new Watched(new FakeEngine(web), { containers: ['web'] }).start()
  w.engine.stop(web.id)
  w.engine.remove(web.id)
  const next = { ...web, id: idOf('web2'), state: 'created', pid: 0 }
  w.engine.containers.set(next.id, next)
  w.engine.emit('create', next)
  await w.settle()
  assert.deepEqual(w.captured, ['watch docker0'])
  w.engine.start({ ...next, state: 'running', pid: 4200 })
  await w.settle()
  assert.deepEqual(w.captured, ['web: veth1 on docker0', 'watch docker0 02:42:ac:11:00:02'])
  assert.ok(!w.log.some((line) => line.startsWith('over')))
  w.watch.close()
})

test('named by its id, its removal is the end', async () => {
  const w = await new Watched(new FakeEngine(web), { containers: [web.id.slice(0, 12)] }).start()
  w.engine.stop(web.id)
  w.engine.remove(web.id)
  await w.settle()
  assert.equal(w.log.at(-1), 'over: nothing is left to capture: web was removed')
  w.watch.close()
})

test('renamed: meant by its id or service it goes on, in the place where it began', async () => {
  const labels = { 'com.docker.compose.service': 'api' }
  const one = container('api1', { labels })
  for (const selection of [{ containers: [one.id.slice(0, 12)] }, { containers: [one.id] }, { services: ['api'] }]) {
    const w = await new Watched(new FakeEngine(one), selection).start()
    const keys = w.targets.map(({ key }) => key)
    w.engine.rename(one.id, 'other')
    await w.settle()
    assert.deepEqual(w.captured, ['other: veth1 on docker0'])
    assert.deepEqual(
      w.targets.map(({ key }) => key),
      keys,
      'the capture goes on',
    )
    assert.deepEqual(w.log, ['api1 was renamed to other'])
    w.watch.close()
  }
  const w = new Watched(new FakeEngine(one), { services: ['api'] }, { via: 'netns' })
  w.view.visible.add(one.id)
  const { place } = (await w.start()).targets[0]!
  w.engine.rename(one.id, 'other')
  await w.settle()
  assert.equal(w.targets[0]!.place, place)
  w.engine.stop(one.id)
  await w.settle()
  assert.ok(w.log.at(-1)!.startsWith('ended other 172.17.0.2 '))
  assert.ok(w.log.at(-1)!.includes(place), 'its connections end there')
  w.watch.close()
})

test('renamed: meant by its name it is left, and whoever gets the name is captured', async () => {
  const next = container('next', { networks: [attachment('bridge', '172.17.0.3', '02:42:ac:11:00:03')] })
  const w = await new Watched(new FakeEngine(web, next), { containers: ['web', 'web?'] }, { wait: true }).start()
  w.log.length = 0
  w.engine.rename(web.id, 'former')
  await w.settle()
  assert.deepEqual(w.log, [
    'web was renamed to former and is captured no longer: it does not match --container web',
    'ended web 172.17.0.2',
  ])
  const captured = (): string[] => w.captured.filter((each) => !each.startsWith('watch'))
  assert.deepEqual(captured(), [])
  w.engine.rename(next.id, 'web')
  await w.settle()
  assert.deepEqual(captured(), ['web: veth2 on docker0'])
  w.engine.rename(next.id, 'web2')
  await w.settle()
  assert.deepEqual(w.log.slice(2), ['web was renamed to web2'], 'the pattern means it still')
  w.engine.rename(next.id, 'next')
  await w.settle()
  assert.equal(w.log[3], 'web2 was renamed to next and is captured no longer: it does not match --container web?')
  w.engine.rename(web.id, 'web')
  await w.settle()
  assert.deepEqual(captured(), ['web: veth1 on docker0'], 'the first one is back')
  w.watch.close()
})

test('two that change names between two looks', async () => {
  const next = container('next', { networks: [attachment('bridge', '172.17.0.3', '02:42:ac:11:00:03')] })
  const w = await new Watched(new FakeEngine(web, next), { containers: ['web'] }).start()
  w.engine.rename(web.id, 'former')
  w.engine.rename(next.id, 'web')
  await w.settle()
  assert.deepEqual(w.captured.slice(0, 1), ['web: veth2 on docker0'])
  assert.equal(w.log[0], 'web was renamed to former and is captured no longer: it does not match --container web')
  w.watch.close()
})

test('a service grows and shrinks', async () => {
  const labels = { 'com.docker.compose.service': 'api' }
  const one = container('api1', { labels })
  const two = container('api2', { labels, networks: [attachment('bridge', '172.17.0.3', '02:42:ac:11:00:03')] })
  const w = await new Watched(new FakeEngine(one), { services: ['api'] }).start()
  w.engine.start(two)
  await w.settle()
  assert.deepEqual(w.captured, ['api1: veth1 on docker0', 'api2: veth2 on docker0'])
  w.engine.stop(one.id)
  w.engine.remove(one.id)
  await w.settle()
  assert.deepEqual(
    w.captured.filter((each) => !each.startsWith('watch')),
    ['api2: veth2 on docker0'],
  )
  w.watch.close()
})

test('a new replica is expected where the others are, before anything is asked of the engine', async () => {
  const labels = { 'com.docker.compose.service': 'api' }
  const one = container('api1', { labels })
  const w = await new Watched(new FakeEngine(one), { services: ['api'] }).start()
  const two = container('api2', { labels, networks: [attachment('bridge', '172.17.0.3', '02:42:ac:11:00:03')] })
  w.engine.inspect = () => new Promise(() => {})
  w.engine.emit('create', two)
  assert.deepEqual(w.captured, ['api1: veth1 on docker0', 'watch docker0 02:42:ac:11:00:02'])
  w.watch.close()
})

test('replicas on other nodes are told of', async () => {
  const labels = { 'com.docker.swarm.service.name': 'shop_api' }
  const engine = new FakeEngine(container('shop_api.1.x', { labels }))
  engine.elsewhere = 2
  const w = await new Watched(engine, { services: ['shop_api'] }).start()
  assert.deepEqual(w.log, ['shop_api: 2 more replicas run on other nodes and cannot be seen from this one'])
  w.watch.close()
})

test('removed replicas of a service are not waited for; new ones announce themselves', async (t) => {
  const clock = new ManualClock(t)
  const labels = { 'com.docker.compose.service': 'api' }
  const one = container('api1', { labels })
  const two = container('api2', { labels, networks: [attachment('front', '10.5.0.2', '02:42:0a:05:00:02')] })
  const w = await new Watched(new FakeEngine(one, two), { services: ['api'] }).start()
  w.engine.stop(one.id)
  w.engine.remove(one.id)
  await w.settle()
  w.engine.emit('start', two)
  await w.settle()
  // docker0 is watched on for the overlap, and not for ever
  assert.deepEqual(w.captured, ['api2: veth3 on br-abcdef123456', 'watch docker0'])
  clock.advance(1400)
  await w.settle()
  assert.deepEqual(w.captured, ['api2: veth3 on br-abcdef123456', 'watch docker0'])
  clock.advance(200)
  await w.settle()
  assert.deepEqual(w.captured, ['api2: veth3 on br-abcdef123456'])
  w.watch.close()
})

test('networks joined and left while it runs', async () => {
  const w = await new Watched(new FakeEngine(web), { containers: ['web'] }).start()
  const both = { ...web, networks: [...web.networks, attachment('front', '10.5.0.2', '02:42:0a:05:00:02')] }
  w.engine.containers.set(web.id, both)
  w.engine.emit('connect', both, 'front')
  await w.settle()
  assert.deepEqual(w.captured, ['web: veth1 on docker0', 'web: veth3 on br-abcdef123456'])
  w.engine.containers.set(web.id, { ...both, networks: both.networks.slice(1) })
  w.engine.emit('disconnect', both, 'bridge')
  await w.settle()
  assert.deepEqual(w.captured, ['web: veth3 on br-abcdef123456'])
  assert.deepEqual(w.log, ['web joined the network front', 'web left the network bridge', 'ended web 172.17.0.2'])
  w.watch.close()
})

test('--wait watches the bridges until it comes; on a named network only that one', async () => {
  const engine = new FakeEngine()
  const w = await new Watched(engine, { containers: ['web'] }, { wait: true }).start()
  assert.deepEqual(w.captured, ['watch docker0', 'watch br-abcdef123456'])
  assert.match(w.log[0]!, /^waiting for web: watching docker0, br-abcdef123456/)
  engine.start(web)
  await w.settle()
  assert.deepEqual(w.captured, ['web: veth1 on docker0', 'watch docker0 02:42:ac:11:00:02', 'watch br-abcdef123456'])
  w.watch.close()
  const narrow = await new Watched(
    new FakeEngine(),
    { containers: ['web'], networks: ['front'] },
    { wait: true },
  ).start()
  assert.deepEqual(narrow.captured, ['watch br-abcdef123456'])
  narrow.watch.close()
})

test('without --wait, what is not there is an error with a hint', async () => {
  await assert.rejects(new Watched(new FakeEngine(web), { containers: ['wbe'] }).start(), /there is no container wbe/)
  const engine = new FakeEngine(web)
  engine.stop(web.id)
  await assert.rejects(new Watched(engine, { containers: ['web'] }).start(), /container web is not running \(exited\)/)
  await assert.rejects(new Watched(engine, { networks: ['frnt'] }).start(), /there is no network frnt/)
})

test('--network alone captures its bridge, whoever is on it', async () => {
  const w = await new Watched(new FakeEngine(web), { networks: ['bridge'] }).start()
  assert.deepEqual(w.captured, ['network bridge: docker0'])
  assert.ok(!w.engine.asked.some((each) => each.startsWith('inspect')))
  w.watch.close()
})

test('--network with an interface captures that one in each container on it', async () => {
  const w = new Watched(new FakeEngine(web), { networks: ['bridge'] }, { insideInterface: 'eth0' })
  w.view.visible.add(web.id)
  await w.start()
  assert.deepEqual(w.captured, ['web: eth0 in its network namespace'])
  w.watch.close()
})

test('--network on a network without a bridge captures each container on it', async () => {
  const lan = container('lan1', { networkMode: 'lan', networks: [attachment('lan', '192.0.2.5', '02:42:c0:00:02:05')] })
  const w = new Watched(new FakeEngine(web, lan), { networks: ['lan'] })
  w.view.visible.add(lan.id)
  await w.start()
  assert.deepEqual(w.captured, ['lan1: any in its network namespace'])
  assert.equal(w.targets[0]!.filter, 'host 192.0.2.5')
  w.watch.close()
})

test('the engine lost and found: captures go on, and what changed meanwhile is noticed', async () => {
  const w = await new Watched(new FakeEngine(web), { containers: ['web'] }).start()
  w.engine.emit('lost')
  await w.settle()
  assert.deepEqual(w.captured, ['web: veth1 on docker0'])
  w.engine.containers.set(web.id, { ...web, startedAt: 'later' })
  w.engine.emit('back')
  await w.settle()
  assert.deepEqual(w.log, [
    'the engine is gone (connection reset): trying again, captures go on',
    'the engine is back',
    'web was restarted',
    'ended web 172.17.0.2',
  ])
  w.watch.close()
})

test('an interface that is not there is looked for anew, whether or not an event told of the restart', async () => {
  const w = await new Watched(new FakeEngine(web), { containers: ['web'] }).start()
  w.engine.containers.set(web.id, { ...web, startedAt: 'later' })
  w.view.forwarding = { '02:42:ac:11:00:02': 'veth7' }
  w.watch.lookAgain()
  for (const deadline = Date.now() + 10_000; w.log.length < 2 && Date.now() < deadline; ) await sleep(20)
  assert.deepEqual(w.log, ['web was restarted', 'ended web 172.17.0.2'])
  assert.deepEqual(w.captured, ['web: veth7 on docker0'])
  w.watch.close()
})

test('only what may have changed is inspected again', async () => {
  const others = Array.from({ length: 50 }, (_, i) => container(`other${i}`, { networks: [] }))
  const w = await new Watched(new FakeEngine(web, ...others), { containers: ['web'] }).start()
  assert.equal(w.engine.asked.filter((each) => each.startsWith('inspect')).length, 1)
  w.engine.start(container('other99', { networks: [] }))
  await w.settle()
  assert.equal(w.engine.asked.filter((each) => each.startsWith('inspect')).length, 1)
  w.watch.close()
})

test('names follow: containers by address, published ports on the host, loopback inside a place', async () => {
  const places = new PlaceTable()
  const engine = new FakeEngine({
    ...web,
    ports: [{ protocol: 'tcp', containerPort: 80, hostAddress: '0.0.0.0', hostPort: 8080 }],
  })
  const options = { selection: { ...NONE, containers: ['web'] }, via: undefined, wait: false, insideInterface: '' }
  const watch = new ContainerWatch(engine, new FakeView(), options, places)
  const noone = { onTargets() {}, onEnded() {}, info() {}, error() {}, onNothingLeft() {} }
  await watch.start(noone)
  const name = (address: string, port: number, place = 0): string | undefined => {
    const [a, b, c, d] = address.split('.').map(Number)
    const word = (a! << 24) | (b! << 16) | (c! << 8) | d!
    return watch.names.hostOf(place, new Endpoint(4, 0, 0, 0, word, port))?.name
  }
  assert.equal(name('172.17.0.2', 80), 'web')
  assert.equal(name('172.17.0.1', 40000), 'host')
  assert.equal(name('172.17.0.1', 8080), 'web')
  assert.equal(name('127.0.0.1', 8080), 'web')
  assert.equal(name('127.0.0.1', 8081), 'host')
  assert.equal(name('198.51.100.7', 80), undefined)
  assert.equal(name('127.0.0.1', 8080, places.numberOf(`web ${web.id.slice(0, 12)} x`)), 'web')
  const before = watch.names.version
  engine.emit('start', web)
  await settle()
  assert.equal(watch.names.version, before)
  const own = { ...attachment('bridge', '172.17.0.9', '02:42:ac:11:00:09'), aliases: ['database'] }
  engine.start(container('db', { networks: [own] }))
  await settle()
  assert.equal(name('172.17.0.9', 5432), 'db')
  assert.ok(watch.names.version > before)
  const called = [...watch.names.entries()].filter(({ address: each }) => each === '172.17.0.9')
  const facts = { container: idOf('db'), image: 'nginx', network: 'bridge' }
  assert.deepEqual(called, [{ family: 4, address: '172.17.0.9', name: 'db', aliases: ['database'], ...facts }])
  watch.close()
})

test('a removed network ends the run where it was all that was asked for', async () => {
  const w = await new Watched(new FakeEngine(), { networks: ['front'] }).start()
  w.engine.networkList = w.engine.networkList.filter(({ name }) => name !== 'front')
  w.engine.emit('network')
  await w.settle()
  assert.equal(w.log.at(-1), 'over: nothing is left to capture: the network was removed')
  w.watch.close()
})

test('--network narrows what is watched during a restart too', async () => {
  const networks = [...web.networks, attachment('front', '10.5.0.2', '02:42:0a:05:00:02')]
  const both = container('web', { networks })
  const w = await new Watched(new FakeEngine(both), { containers: ['web'], networks: ['front'] }).start()
  w.engine.stop(both.id)
  await w.settle()
  assert.deepEqual(w.captured, ['watch br-abcdef123456'])
  w.engine.start({ ...both, startedAt: 'later' })
  await w.settle()
  assert.deepEqual(w.captured, ['web: veth3 on br-abcdef123456', 'watch br-abcdef123456 02:42:0a:05:00:02'])
  w.watch.close()
})

test('a container in a restart loop is one that has stopped', async () => {
  const w = await new Watched(new FakeEngine(web), { containers: ['web'] }).start()
  w.engine.containers.set(web.id, { ...web, state: 'restarting', pid: 0 })
  const list = w.engine.list.bind(w.engine)
  w.engine.list = async () => [...(await list(true))]
  w.engine.emit('die', web)
  await w.settle()
  assert.deepEqual(w.captured, ['watch docker0'])
  assert.match(w.log[0]!, /web has stopped/)
  w.watch.close()
})

test('an inspection that fails once loses nothing', async (t) => {
  const clock = new ManualClock(t)
  const w = await new Watched(new FakeEngine(web), { containers: ['web'] }).start()
  const inspect = w.engine.inspect.bind(w.engine)
  w.engine.inspect = async () => {
    w.engine.inspect = inspect
    throw new OperatorError('the engine does not answer')
  }
  w.engine.start({ ...web, startedAt: 'later' })
  await w.settle()
  assert.deepEqual(w.log, [])
  clock.advance(1000)
  await w.settle()
  assert.deepEqual(w.log, ['web was restarted', 'ended web 172.17.0.2'])
  w.watch.close()
})

/** What comes of it within two seconds. */
async function waitFor(w: Watched, line: RegExp): Promise<void> {
  for (const deadline = Date.now() + 2000; !w.log.some((each) => line.test(each)) && Date.now() < deadline; )
    await sleep(10)
  assert.match(w.log.join('\n'), line)
}

const STOPS: Record<string, (engine: FakeEngine) => void> = {
  'before it is inspected': (engine) => {
    const inspect = engine.inspect.bind(engine)
    engine.inspect = async (id) => {
      engine.inspect = inspect
      engine.stop(web.id)
      return await inspect(id)
    }
  },
  'and is removed before it is inspected': (engine) => {
    engine.inspect = async () => {
      if (engine.containers.has(web.id)) engine.remove(web.id)
      return undefined
    }
  },
  'before its interface is found': (engine) => {
    engine.networks = async () => []
    const inspect = engine.inspect.bind(engine)
    let inspections = 0
    engine.inspect = async (id) => {
      if (++inspections === 2) engine.stop(web.id)
      return await inspect(id)
    }
  },
}

for (const [when, stop] of Object.entries(STOPS)) {
  test(`listed as running, it stops ${when}: it has simply stopped`, async () => {
    const engine = new FakeEngine(web)
    stop(engine)
    const w = await new Watched(engine, { containers: ['web'] }, { via: 'veth' }).start()
    assert.deepEqual(w.captured, [])
    await waitFor(w, /^web has stopped; what it says next is shown when it is back$/m)
    assert.deepEqual(
      w.log.filter((line) => line.startsWith('!')),
      [],
    )
    w.watch.close()
  })
}

test('named by its id and removed before it is inspected: the run is over', async () => {
  const engine = new FakeEngine(web)
  STOPS['and is removed before it is inspected']!(engine)
  const w = await new Watched(engine, { containers: [web.id] }).start()
  await waitFor(w, /^over: nothing is left to capture: web was removed$/m)
  w.watch.close()
})
