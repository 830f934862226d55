// What is known of a container beside its name: from a list of containers, and from the kernel's table of sockets.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ContainerNames } from '../../src/container/container-names.ts'
import type { ContainerDetails } from '../../src/container/engine.ts'
import { EngineFacts } from '../../src/container/engine-facts.ts'
import { listeningSockets } from '../../src/container/kernel-tables.ts'
import { Endpoint } from '../../src/core/endpoint.ts'
import { PlaceTable } from '../../src/core/places.ts'
import { attachment, BRIDGE, container, FakeEngine, FakeView, FRONT } from './container-scene.ts'

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const TABLE = `${HEAD}   0: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1 0000 100 0 0 10 0
   1: 0100007F:1539 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1235 1 0000 100 0 0 10 0
   2: 020011AC:1538 010011AC:C350 01 00000000:00000000 00:00000000 00000000     0        0 1236 1 0000 20 4 30 10 -1
`
const TABLE6 = `${HEAD}   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 77 1
   1: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 78 1
`

const db = container('db', { networks: [attachment('bridge', '172.17.0.2', '')], pid: 4000 })
const web = container('web', { networks: [attachment('front', '10.5.0.3', '')], pid: 4100 })

function end(address: string, port: number): Endpoint {
  const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number]
  return new Endpoint(4, 0, 0, 0, (a << 24) | (b << 16) | (c << 8) | d, port)
}

function factsOf(...containers: ContainerDetails[]) {
  const engine = new FakeEngine(...containers)
  const view = new FakeView()
  const places = new PlaceTable()
  const names = new ContainerNames(places, [])
  names.update(containers, [BRIDGE, FRONT])
  const place = (each: ContainerDetails): number => places.numberOf(`${each.name} ${each.id.slice(0, 12)} then`)
  return { engine, view, place, facts: new EngineFacts(engine, view, names) }
}

describe("the kernel's table of sockets", () => {
  test('listening ones, of IPv4 and IPv6', () => {
    assert.deepEqual(listeningSockets(TABLE), [
      { address: '0.0.0.0', port: 5432, inode: '1234' },
      { address: '127.0.0.1', port: 5433, inode: '1235' },
    ])
    assert.deepEqual(
      listeningSockets(TABLE6).map(({ address, port }) => `${address} ${port}`),
      [':: 80', '::1 81'],
    )
  })

  test('damaged lines are left out', () => {
    assert.deepEqual(listeningSockets(''), [])
    assert.deepEqual(listeningSockets(`${HEAD}garbage\n 0: 0100:1538 0 0A\n 0: 0100007F:zz 0:0 0A 0 0 0 0 0 1\n`), [])
  })
})

describe('facts of a container', () => {
  test('by its address: state, times, networks', async () => {
    const ended = { ...db, state: 'exited', exitCode: 137, isOutOfMemory: true, finishedAt: '2026-01-01T00:00:01.5Z' }
    const known = await factsOf(ended).facts.factsOf(0, end('172.17.0.2', 5432))
    assert.deepEqual(known, {
      name: 'db',
      state: 'exited',
      exitCode: 137,
      isOutOfMemory: true,
      startedMicros: Date.parse('2026-01-01T00:00:00Z') * 1000,
      finishedMicros: Date.parse('2026-01-01T00:00:01.5Z') * 1000,
      networks: ['bridge'],
      listening: undefined,
    })
  })

  test('one that has never ended', async () => {
    const known = await factsOf({ ...db, finishedAt: '0001-01-01T00:00:00Z' }).facts.factsOf(0, end('172.17.0.2', 1))
    assert.equal(known!.finishedMicros, 0)
  })

  test('sockets by its process where that is visible', async () => {
    const { facts, view } = factsOf(db)
    view.visible.add(db.id)
    view.sockets = [{ address: '0.0.0.0', port: 5432, process: 'postgres' }]
    assert.deepEqual((await facts.factsOf(0, end('172.17.0.2', 5433)))!.listening, view.sockets)
  })

  test('else by a program in the container; none, if there is no such program', async () => {
    const { facts, engine } = factsOf(db)
    assert.equal((await facts.factsOf(0, end('172.17.0.2', 5433)))!.listening, undefined)
    engine.answers[db.id] = TABLE + TABLE6
    assert.equal((await facts.factsOf(0, end('172.17.0.2', 5433)))!.listening!.length, 4)
  })

  test('who shares a network has that of its owner', async () => {
    const beside = { ...web, networkMode: `container:${db.id}`, networks: [] }
    const { facts, place } = factsOf(db, beside)
    assert.deepEqual((await facts.factsOf(place(beside), end('127.0.0.1', 1)))!.networks, ['bridge'])
  })

  test('nothing of an address that is no container, nor of an engine that has gone', async () => {
    const { facts, engine } = factsOf(db)
    assert.equal(await facts.factsOf(0, end('192.0.2.7', 80)), undefined)
    engine.inspect = async () => {
      throw new Error('gone')
    }
    assert.equal(await facts.factsOf(0, end('172.17.0.2', 80)), undefined)
  })
})

describe('who listens on a port beside', () => {
  test('another container, and the networks in common', async () => {
    const { facts, engine, place } = factsOf(db, web)
    engine.answers[db.id] = TABLE
    const at = place(web)
    assert.deepEqual(await facts.listenersBeside(at, end('127.0.0.1', 5432)), [{ name: 'db', commonNetworks: [] }])
    assert.deepEqual(await facts.listenersBeside(at, end('127.0.0.1', 5433)), [])
  })

  test('by what it declares, where its sockets cannot be read', async () => {
    const both = { ...db, networks: [...db.networks, ...web.networks], exposedPorts: ['6379/tcp'] }
    const { facts, place } = factsOf(both, web)
    const others = await facts.listenersBeside(place(web), end('127.0.0.1', 6379))
    assert.deepEqual(others, [{ name: 'db', commonNetworks: ['front'] }])
  })

  test('nobody is asked for an address that is not a container’s own', async () => {
    const { facts, engine } = factsOf(db, web)
    assert.equal(await facts.listenersBeside(0, end('127.0.0.1', 5432)), undefined)
    assert.deepEqual(engine.asked, [])
  })
})
