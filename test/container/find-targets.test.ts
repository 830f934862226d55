// Where a container is captured: every network mode, and what is left when this machine shows less.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AskedWay } from '../../src/container/capture-target.ts'
import type { ContainerDetails } from '../../src/container/engine.ts'
import { TargetFinder } from '../../src/container/find-targets.ts'
import { attachment, container, FakeEngine, FakeView } from './container-scene.ts'

interface Asked {
  via?: AskedWay
  networks?: string[]
  insideInterface?: string
  loopback?: boolean
}

async function find(engine: FakeEngine, view: FakeView, each: ContainerDetails, asked: Asked = {}) {
  engine.containers.set(each.id, each)
  const options = { insideInterface: '', networks: [], via: undefined, ...asked }
  const found = await new TargetFinder(engine, view, options).find(each, engine.networkList)
  if ('error' in found) return { error: `${found.error.message}\n${found.error.hint}` }
  return {
    targets: found.targets.map(({ way, label, interfaceName, filter }) => ({ way, label, interfaceName, filter })),
    found,
  }
}

const web = container('web')

test('a bridge: the veth by the namespace’s own list', async () => {
  const view = new FakeView()
  view.visible.add(web.id)
  const { targets } = await find(new FakeEngine(), view, web)
  assert.deepEqual(targets, [{ way: 'veth', label: 'web: veth7 on docker0', interfaceName: 'veth7', filter: '' }])
  assert.deepEqual(view.roused, [])
})

test('without its process: by the forwarding table, and a silent container is made to speak first', async () => {
  const view = new FakeView()
  view.onRouse = () => {
    view.forwarding['02:42:ac:11:00:02'] = 'veth9'
  }
  const { targets } = await find(new FakeEngine(), view, web)
  assert.deepEqual(
    targets?.map((t) => t.interfaceName),
    ['veth9'],
  )
  assert.deepEqual(view.roused, ['172.17.0.2'])
})

test('else by asking in the container; an answer that fits no veth of the bridge is not believed', async () => {
  const engine = new FakeEngine()
  engine.answers[web.id] = 'lo 1 1 00:00:00:00:00:00\neth0 2 7 02:42:AC:11:00:02\n'
  assert.deepEqual(
    (await find(engine, new FakeView(), web)).targets?.map((t) => t.interfaceName),
    ['veth7'],
  )
  engine.answers[web.id] = 'eth0 2 8 02:42:ac:11:00:02\n'
  assert.deepEqual(
    (await find(engine, new FakeView(), web)).targets?.map((t) => t.way),
    ['bridge'],
  )
})

test('where the veth cannot be told: the bridge, narrowed to the container’s addresses', async () => {
  const two = container('web', { networks: [attachment('bridge', '172.17.0.2', '02:42:ac:11:00:02', 'fd00::2')] })
  const { targets } = await find(new FakeEngine(), new FakeView(), two)
  assert.deepEqual(targets, [
    {
      way: 'bridge',
      label: 'web: 172.17.0.2 and fd00::2 on docker0',
      interfaceName: 'docker0',
      filter: 'host 172.17.0.2 or host fd00::2',
    },
  ])
})

test('two networks are captured on both; --network narrows to one', async () => {
  const view = new FakeView()
  view.forwarding = { '02:42:ac:11:00:02': 'veth1', '02:42:0a:05:00:02': 'veth2' }
  const both = container('web', {
    networkMode: 'front',
    networks: [...web.networks, attachment('front', '10.5.0.2', '02:42:0a:05:00:02')],
  })
  assert.deepEqual(
    (await find(new FakeEngine(), view, both)).targets?.map((t) => t.interfaceName),
    ['veth1', 'veth2'],
  )
  const one = await find(new FakeEngine(), view, both, { networks: ['front'] })
  assert.deepEqual(
    one.targets?.map((t) => t.interfaceName),
    ['veth2'],
  )
  const none = await find(new FakeEngine(), view, web, { networks: ['front'] })
  assert.equal(none.error, 'web is on none of the networks front\nit is on bridge')
})

for (const [mode, networks] of [
  ['lan', [attachment('lan', '192.0.2.5', '02:42:c0:00:02:05')]],
  ['none', []],
] as const) {
  test(`${mode}: inside its namespace, which is a place of its own`, async () => {
    const view = new FakeView()
    const each = container('web', { networkMode: mode, networks })
    view.visible.add(each.id)
    const { targets, found } = await find(new FakeEngine(), view, each)
    assert.deepEqual(
      targets?.map((t) => [t.way, t.interfaceName]),
      [['netns', 'any']],
    )
    assert.match(found!.targets[0]!.place, /^web 776562000000 2026/)
    assert.deepEqual(found!.targets[0]!.namespace, { pid: 4000, inode: '4026532000' })
  })

  test(`${mode}, where namespaces cannot be entered: a sidecar, which needs only the engine`, async () => {
    const each = container('web', { networkMode: mode, networks })
    const { targets, found } = await find(new FakeEngine(), new FakeView(), each)
    assert.deepEqual(
      targets?.map((t) => t.way),
      ['sidecar'],
    )
    assert.equal(found!.targets[0]!.sidecarOf, each.id)
  })
}

test('the host’s network: narrowed to the ports on which the container listens, and said to be shared', async () => {
  const view = new FakeView()
  const each = container('web', { networkMode: 'host', networks: [attachment('host', '', '')] })
  view.visible.add(each.id)
  view.ports = [80, 443]
  const { targets, found } = await find(new FakeEngine(), view, each)
  assert.deepEqual(targets, [
    { way: 'host', label: 'web: any on the host, ports 80, 443', interfaceName: 'any', filter: 'port 80 or port 443' },
  ])
  assert.match(found!.targets[0]!.remark, /shares the host's network: only ports 80, 443/)
  view.ports = []
  const silent = await find(new FakeEngine(), view, each)
  assert.equal(silent.targets?.[0]?.filter, '')
  assert.match(silent.found!.targets[0]!.remark, /everything on the host/)
  view.visible.clear()
  assert.deepEqual((await find(new FakeEngine(), view, { ...each, exposedPorts: ['6379/tcp'] })).targets?.[0], {
    way: 'sidecar',
    label: 'web: any, from a sidecar container in its network',
    interfaceName: 'any',
    filter: 'port 6379',
  })
})

test('container: modes share a namespace: one place, one key', async () => {
  const view = new FakeView()
  const side = container('side', { networkMode: `container:${web.id}`, networks: [], pid: 4001 })
  view.visible.add(side.id)
  view.visible.add(web.id)
  const engine = new FakeEngine(web)
  const { found } = await find(engine, view, side)
  assert.equal(found!.targets[0]!.way, 'netns')
  assert.match(found!.targets[0]!.place, /^web /)
  assert.equal(found!.targets[0]!.remark, 'side shares the network of web')
  const owner = await find(engine, view, web, { via: 'netns' })
  assert.equal(owner.found!.targets[0]!.key, found!.targets[0]!.key)
})

test('--via asks for one way, and says why it cannot be', async () => {
  const view = new FakeView()
  view.visible.add(web.id)
  assert.equal((await find(new FakeEngine(), view, web, { via: 'netns' })).targets?.[0]?.way, 'netns')
  view.refusal = 'entering takes CAP_SYS_ADMIN'
  assert.match(
    (await find(new FakeEngine(), view, web, { via: 'netns' })).error ?? '',
    /--via netns: entering takes CAP_SYS_ADMIN/,
  )
  const lan = container('lan1', { networkMode: 'lan', networks: [attachment('lan', '192.0.2.5', '02:42:c0:00:02:05')] })
  assert.match(
    (await find(new FakeEngine(), view, lan, { via: 'veth' })).error ?? '',
    /lan1 cannot be captured --via veth: its network lan \(driver macvlan\) has no bridge on this host/,
  )
  const host = container('h', { networkMode: 'host', networks: [] })
  assert.match((await find(new FakeEngine(), view, host, { via: 'bridge' })).error ?? '', /on the host network/)
})

test('an interface inside is captured inside', async () => {
  const view = new FakeView()
  view.visible.add(web.id)
  const { targets } = await find(new FakeEngine(), view, web, { insideInterface: 'lo' })
  assert.deepEqual(
    targets?.map((t) => [t.way, t.interfaceName]),
    [['netns', 'lo']],
  )
})

test('an interface beside a container on the host’s network is the host’s: narrowed and said to be shared all the same', async () => {
  const view = new FakeView()
  const each = container('web', { networkMode: 'host', networks: [attachment('host', '', '')] })
  view.visible.add(each.id)
  view.ports = [80]
  const { targets, found } = await find(new FakeEngine(), view, each, { insideInterface: 'lo' })
  assert.deepEqual(targets, [
    { way: 'host', label: 'web: lo on the host, port 80', interfaceName: 'lo', filter: 'port 80' },
  ])
  assert.match(found!.targets[0]!.remark, /shares the host's network: only port 80/)
})

test('an engine elsewhere shows neither bridge nor process: a sidecar', async () => {
  const view = new FakeView()
  view.bridges.clear()
  assert.deepEqual(
    (await find(new FakeEngine(), view, web)).targets?.map((t) => t.way),
    ['sidecar'],
  )
})

test('the host’s network is captured once by a sidecar, however many share it', async () => {
  const keys: string[] = []
  for (const name of ['one', 'two']) {
    const { found } = await find(
      new FakeEngine(),
      new FakeView(),
      container(name, { networkMode: 'host', networks: [] }),
    )
    assert.equal(found!.targets[0]!.way, 'sidecar')
    keys.push(found!.targets[0]!.key)
  }
  assert.equal(keys[0], keys[1])
})

test('lo inside the namespace as well, where it is wanted: entered, else by a sidecar', async () => {
  const view = new FakeView()
  view.visible.add(web.id)
  const onlyFor = 'connections to localhost and DNS through 127.0.0.11 in web'
  const all = async (asked: Asked) => (await find(new FakeEngine(), view, web, asked)).found!.targets
  const [veth, lo, ...others] = await all({ loopback: true })
  assert.deepEqual([veth!.way, veth!.onlyFor, others.length], ['veth', '', 0])
  assert.deepEqual([lo!.way, lo!.interfaceName, lo!.onlyFor], ['netns', 'lo', onlyFor])
  assert.equal(lo!.namespace?.pid, web.pid)
  assert.notEqual(lo!.place, '')
  view.refusal = 'it needs SYS_ADMIN'
  const [, beside] = await all({ loopback: true, via: 'veth' })
  assert.deepEqual([beside!.way, beside!.interfaceName, beside!.sidecarOf], ['sidecar', 'lo', web.id])
  assert.equal(beside!.place, lo!.place)
  assert.notEqual(beside!.key, lo!.key)
})

test('lo is not captured twice, and not on the host', async () => {
  const view = new FakeView()
  view.visible.add(web.id)
  const interfaces = async (each: ContainerDetails, asked: Asked) =>
    (await find(new FakeEngine(), view, each, { ...asked, loopback: true })).targets?.map((t) => t.interfaceName)
  assert.deepEqual(await interfaces(web, { via: 'netns' }), ['any'])
  assert.deepEqual(await interfaces(web, { insideInterface: 'lo' }), ['lo'])
  assert.deepEqual(await interfaces(web, { insideInterface: 'eth0' }), ['eth0', 'lo'])
  const onHost = container('agent', { networkMode: 'host', networks: [] })
  view.visible.add(onHost.id)
  assert.equal((await interfaces(onHost, {}))?.length, 1)
})
