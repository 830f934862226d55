// What is believed of this machine, for engines that run here and for engines that run elsewhere: the real view of the
// machine that runs the tests, and the kernel's files as a folder that a test has written.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, networkInterfaces, release, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ContainerWatch } from '../../src/container/container-watch.ts'
import type { EngineMachine } from '../../src/container/engine.ts'
import { TargetFinder } from '../../src/container/find-targets.ts'
import { type HostView, LinuxHostView, viewFor } from '../../src/container/host-view.ts'
import { Endpoint } from '../../src/core/endpoint.ts'
import { PlaceTable } from '../../src/core/places.ts'
import { attachment, BRIDGE, container, FakeEngine } from './container-scene.ts'

const HERE: EngineMachine = {
  hostname: hostname(),
  kernelVersion: release(),
  memoryBytes: totalmem(),
  rootless: false,
}

const ELSEWHERE: Record<string, EngineMachine> = {
  'another memory size': { ...HERE, memoryBytes: HERE.memoryBytes * 2 },
  'a little less memory': { ...HERE, memoryBytes: Math.round(HERE.memoryBytes * 0.9) },
  'no memory size': { ...HERE, memoryBytes: 0 },
  'another host name': { ...HERE, hostname: `${HERE.hostname}-2` },
  'no host name': { ...HERE, hostname: '' },
  'another kernel': { ...HERE, kernelVersion: '3.10.0' },
  rootless: { ...HERE, rootless: true },
}

const WEB = container('web')
const MAC = '02:42:ac:11:00:02'
const OWN_PID = 4000
const SHIM_PID = 3999

interface Machine {
  readonly view: LinuxHostView
  put(path: string, text: string | Buffer): void
  link(path: string, target: string): void
}

/** A machine whose docker0 has the veth of WEB, as /proc and /sys/class/net tell it. */
function machine(t: TestContext): Machine {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-machine-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const put = (path: string, text: string | Buffer): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const link = (path: string, target: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    rmSync(join(folder, path), { force: true })
    symlinkSync(target, join(folder, path))
  }
  link('proc/self/ns/net', 'net:[100]')
  put('proc/self/status', 'CapEff:\t000001ffffffffff\n')
  put('proc/net/route', `Iface Destination Gateway Flags RefCnt Use Metric Mask\ndocker0 000011AC 0 1 0 0 0 0000FFFF\n`)
  put(`proc/${OWN_PID}/cgroup`, `0::/docker/${WEB.id}\n`)
  put(`proc/${OWN_PID}/status`, `Name:\tweb\nPPid:\t${SHIM_PID}\n`)
  link(`proc/${OWN_PID}/ns/net`, 'net:[200]')
  link(`proc/${SHIM_PID}/ns/net`, 'net:[100]')
  const inside = `proc/${OWN_PID}/root/sys/class/net/eth0`
  put(`${inside}/ifindex`, '2\n')
  put(`${inside}/iflink`, '7\n')
  put(`${inside}/address`, `${MAC}\n`)
  link(`proc/${OWN_PID}/fd/3`, 'socket:[77]')
  const listener = '0: 00000000:0050 00000000:0000 0A 0:0 0:0 0 0 0 77'
  put(`proc/${OWN_PID}/net/tcp`, `sl local rem st queue tr retr uid timeout inode\n${listener}\n`)
  put('net/docker0/bridge/bridge_id', 'x')
  put('net/docker0/brif/veth7/port_no', '0x1\n')
  put('net/veth7/ifindex', '7\n')
  put('net/veth7/iflink', '2\n')
  put('net/veth7/brport/port_no', '0x1\n')
  put('net/docker0/brforward', forwardingEntry(MAC, 1))
  return { view: new LinuxHostView(join(folder, 'proc'), join(folder, 'net')), put, link }
}

function forwardingEntry(macAddress: string, port: number): Buffer {
  const entry = Buffer.alloc(16)
  Buffer.from(macAddress.replaceAll(':', ''), 'hex').copy(entry)
  entry[6] = port
  return entry
}

const QUESTIONS: Record<string, (view: HostView) => unknown> = {
  belongsTo: (view) => view.belongsTo(OWN_PID, WEB.id),
  parentOf: (view) => view.parentOf(OWN_PID),
  isInOurNetwork: (view) => [view.isInOurNetwork(OWN_PID), view.isInOurNetwork(SHIM_PID)],
  namespaceOf: (view) => [view.namespaceOf(), view.namespaceOf(OWN_PID)],
  interfacesInside: (view) => view.interfacesInside(OWN_PID),
  vethOf: (view) => view.vethOf({ name: 'eth0', index: 2, linkIndex: 7, macAddress: MAC }, 'docker0'),
  vethByForwarding: (view) => view.vethByForwarding('docker0', MAC),
  hasBridge: (view) => view.hasBridge('docker0', BRIDGE.subnets),
  rouse: (view) => view.rouse('127.0.0.1'),
  listeningPorts: (view) => view.listeningPorts([OWN_PID]),
}

/** Alike for every engine: what is sure by itself. */
const SURE = {
  belongsTo: true,
  parentOf: SHIM_PID,
  isInOurNetwork: [false, true],
  namespaceOf: ['100', '200'],
  interfacesInside: [{ name: 'eth0', index: 2, linkIndex: 7, macAddress: MAC }],
  rouse: undefined,
  listeningPorts: [80],
}

async function askEverything(view: HostView): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {}
  for (const [name, ask] of Object.entries(QUESTIONS)) answers[name] = await ask(view)
  return answers
}

test('an engine that is plainly this machine: everything here is its own', async (t) => {
  const { view } = machine(t)
  const seen = viewFor(HERE, view)
  assert.deepEqual(await askEverything(seen), {
    ...SURE,
    vethOf: 'veth7',
    vethByForwarding: 'veth7',
    hasBridge: true,
  })
  const own = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address))
  assert.deepEqual(seen.hostAddresses(), own)
  const roughly = { ...HERE, memoryBytes: Math.round(HERE.memoryBytes * 0.99) }
  assert.equal(viewFor(roughly, view).hasBridge('docker0', BRIDGE.subnets), true)
})

for (const [name, engine] of Object.entries(ELSEWHERE)) {
  test(`an engine with ${name}: every question has an answer, and no bridge here is its own`, async (t) => {
    const { view } = machine(t)
    const seen = viewFor(engine, view)
    assert.deepEqual(await askEverything(seen), {
      ...SURE,
      vethOf: undefined,
      vethByForwarding: undefined,
      hasBridge: false,
    })
    assert.deepEqual(seen.hostAddresses(), [])
  })

  test(`an engine with ${name}, on the machine as it really is`, async () => {
    const seen = viewFor(engine, new LinuxHostView())
    assert.equal(seen.belongsTo(process.pid, 'f'.repeat(64)), false)
    assert.equal(seen.namespaceOf(), seen.namespaceOf(process.pid))
    assert.equal(seen.parentOf(process.pid), process.ppid)
    assert.equal(seen.isInOurNetwork(process.pid), true)
    assert.equal(seen.isInOurNetwork(2 ** 22 + 1), false)
    assert.ok(Array.isArray(seen.interfacesInside(process.pid)))
    assert.equal(typeof (seen.whyNotEnter(2 ** 22 + 1) ?? undefined), 'string')
    assert.deepEqual(seen.listeningPorts([2 ** 22 + 1]), [])
    // a container whose process is not visible here
    const engineWith = new FakeEngine(container('web', { pid: process.pid }))
    const options = { via: undefined, networks: [], insideInterface: '' }
    const found = await new TargetFinder(engineWith, seen, options).find(
      [...engineWith.containers.values()][0]!,
      engineWith.networkList,
    )
    assert.ok('targets' in found)
    assert.deepEqual(
      found.targets.map(({ way }) => way),
      ['sidecar'],
    )
  })
}

async function targetsOf(view: HostView, each = WEB, engine = new FakeEngine()) {
  const finder = new TargetFinder(engine, view, { via: undefined, networks: [], insideInterface: '' })
  const found = await finder.find(each, engine.networkList)
  assert.ok('targets' in found, JSON.stringify(found))
  return found.targets.map(({ way, interfaceName, filter, place }) => ({ way, interfaceName, filter, place }))
}

test('a rootless engine’s container is captured inside its namespace, not by a bridge of the same name here', async (t) => {
  const { view } = machine(t)
  assert.deepEqual(
    (await targetsOf(viewFor(HERE, view))).map(({ way, interfaceName }) => [way, interfaceName]),
    [['veth', 'veth7']],
  )
  assert.deepEqual(
    (await targetsOf(viewFor(ELSEWHERE.rootless!, view))).map(({ way, interfaceName }) => [way, interfaceName]),
    [['netns', 'any']],
  )
})

test('the host network of a rootless engine is not ours: it is entered, and narrowed to where the container listens', async (t) => {
  const { view, link } = machine(t)
  const onHost = container('web', { networkMode: 'host', networks: [attachment('host', '', '')] })
  const rootless = viewFor(ELSEWHERE.rootless!, view)
  assert.deepEqual(await targetsOf(rootless, onHost), [
    { way: 'netns', interfaceName: 'any', filter: 'port 80', place: '' },
  ])
  link(`proc/${OWN_PID}/ns/net`, 'net:[100]')
  assert.deepEqual(await targetsOf(viewFor(HERE, view), onHost), [
    { way: 'host', interfaceName: 'any', filter: 'port 80', place: '' },
  ])
})

test('a second engine in a network of its own: its bridge has the name and the addresses of ours', async (t) => {
  const { view, link } = machine(t)
  link(`proc/${SHIM_PID}/ns/net`, 'net:[300]')
  assert.deepEqual(
    (await targetsOf(viewFor(HERE, view))).map(({ way }) => way),
    ['netns'],
  )
})

test('a bridge of that name with other addresses is another engine’s', (t) => {
  const { view, put } = machine(t)
  assert.equal(view.hasBridge('docker0', ['172.18.0.0/16']), false)
  assert.equal(view.hasBridge('docker0', ['172.17.0.0/24']), false)
  assert.equal(view.hasBridge('docker0', []), false)
  put('net/br-0123456789ab/bridge/bridge_id', 'x')
  assert.equal(view.hasBridge('br-0123456789ab', []), true)
  for (const name of ['', '.', '..', '../docker0', 'a b', 'x'.repeat(16)])
    assert.equal(view.hasBridge(name, BRIDGE.subnets), false)
})

test('addresses of this machine are called host only for an engine of this machine', async (t) => {
  const { view } = machine(t)
  const own = '127.0.0.1'
  for (const [engine, name] of [
    [HERE, 'host'],
    [ELSEWHERE['another host name']!, undefined],
  ] as const) {
    const selection = { containers: ['web'], services: [], labels: [], networks: [] }
    const options = { selection, via: undefined, wait: false, insideInterface: '' }
    const seen = viewFor(engine, view)
    const places = new PlaceTable()
    const watch = new ContainerWatch(new FakeEngine(WEB), seen, options, places)
    await watch.start({ onTargets() {}, onEnded() {}, info() {}, error() {}, onNothingLeft() {} })
    const address = seen.hostAddresses().find((each) => each !== own && /^\d+\./.test(each))
    if (address !== undefined) {
      const word = address.split('.').reduce((sum, part) => (sum << 8) | Number(part), 0)
      assert.equal(watch.names.hostOf(0, new Endpoint(4, 0, 0, 0, word, 9))?.name, name)
    }
    // an address that this machine does not have is nobody's
    assert.equal(watch.names.hostOf(0, new Endpoint(4, 0, 0, 0, 0x01020304, 9)), undefined)
    watch.close()
  }
})
