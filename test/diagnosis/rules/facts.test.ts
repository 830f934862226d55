// What the engine and the system know changes what a finding says: wrong-bind, localhost-misuse, wrong-network, and the state of
// a server that refuses, hangs, resets or is not there.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HostFacts } from '../../../src/core/ports.ts'
import { assertFindings, diagnose, diagnoseLater } from '../../support/diagnosed.ts'
import { container, KnownHosts, socket } from '../../support/known-hosts.ts'
import { Talk, type TalkOptions } from '../../support/talk.ts'

const START = 1_700_000_000
const SERVER = '10.0.0.2'
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

function refused(options: TalkOptions = {}): Talk {
  return new Talk({ serverPort: 5433, ...options }).syn().segment(1, { flags: 'R.', seq: 0 })
}

function unanswered(): Talk {
  return new Talk().syn().wait(1000).repeat().wait(2000).repeat()
}

function listening(...sockets: string[]): Record<string, HostFacts> {
  return { [SERVER]: container('db', { listening: sockets.map(socket) }) }
}

describe('refused', () => {
  test('certain, with the port that is open', () => {
    const { findings, told, ...rest } = diagnose(refused(), {
      hosts: new KnownHosts(listening('0.0.0.0:5432 postgres')),
    })
    assertFindings({ findings, told, ...rest }, 'refused certain x 1')
    assert.equal(findings[0]!.cause, 'Nothing listens on port 5433 of db. db listens on 0.0.0.0:5432 (postgres).')
    assert.equal(findings[0]!.next, 'use port 5432')
  })

  test('the same when the answer comes late', async () => {
    const result = await diagnoseLater(refused(), { hosts: new KnownHosts(listening('0.0.0.0:5432'), undefined, true) })
    assertFindings(result, 'refused certain x 1')
    assert.deepEqual(result.told, ['open refused', 'final refused'])
  })

  test('asked once, however often it happens', () => {
    const hosts = new KnownHosts(listening('0.0.0.0:5432'))
    const talks = [0, 1, 2].map((n) => refused({ clientPort: 40000 + n, startTime: START + n }))
    assertFindings(diagnose(talks, { hosts }), 'refused certain x 3')
    assert.deepEqual(hosts.asked, [SERVER])
  })

  test('the port is open by now: likely, and the text says so', () => {
    const result = diagnose(refused(), { hosts: new KnownHosts(listening('0.0.0.0:5433')) })
    assertFindings(result, 'refused likely x 1')
    assert.match(result.findings[0]!.cause, /^db listens on port 5433 now/)
  })

  test('nobody is asked where nothing is refused', () => {
    const hosts = new KnownHosts(listening('0.0.0.0:80'))
    diagnose(new Talk().open().client(GET).server('HTTP/1.1 204 No Content\r\n\r\n').close(), { hosts })
    assert.deepEqual(hosts.asked, [])
  })
})

describe('wrong-bind', () => {
  for (const address of ['127.0.0.1', '10.9.9.9']) {
    test(`it listens on ${address} only`, () => {
      const result = diagnose(refused(), { hosts: new KnownHosts(listening(`${address}:5433 postgres`)) })
      assertFindings(result, 'wrong-bind certain x 1')
      assert.match(result.findings[0]!.cause, /^db listens on .* \(postgres\) only/)
      assert.equal(result.findings[0]!.next, 'let postgres in db listen on 0.0.0.0:5433')
    })
  }

  test('what was told as refused is withdrawn in its favour, with its count', async () => {
    const hosts = new KnownHosts(listening('127.0.0.1:5433'), undefined, true)
    const result = await diagnoseLater(refused(), { hosts })
    assertFindings(result, 'wrong-bind certain x 1')
    assert.deepEqual(result.findings[0]!.connections, [1])
    assert.deepEqual(result.told, ['open refused', 'withdrawn refused', 'open wrong-bind', 'final wrong-bind'])
  })

  test('later refusals are counted in it at once', () => {
    const talks = [0, 1, 2].map((n) => refused({ clientPort: 40000 + n, startTime: START + n }))
    const result = diagnose(talks, { hosts: new KnownHosts(listening('127.0.0.1:5433')) })
    assertFindings(result, 'wrong-bind certain x 3')
    assert.equal(result.findings[0]!.connectionCount, 3)
    assert.equal(result.told.filter((each) => each === 'open refused').length, 1)
  })

  test('not: for the other IP version only, for every address', () => {
    assertFindings(diagnose(refused(), { hosts: new KnownHosts(listening('::1:5433')) }), 'refused certain x 1')
    assertFindings(diagnose(refused(), { hosts: new KnownHosts(listening(':::5433')) }), 'refused likely x 1')
  })
})

describe('localhost-misuse', () => {
  const own = { client: '127.0.0.1', server: '127.0.0.1' }

  test('another container listens on that port', () => {
    const hosts = new KnownHosts({}, [{ name: 'db', commonNetworks: ['front'] }])
    const result = diagnose(refused(own), { hosts })
    assertFindings(result, 'localhost-misuse certain x 1')
    assert.match(result.findings[0]!.next, /use db:5433 in place of localhost:5433$/)
  })

  test('not: nobody does, or it is no container', () => {
    assertFindings(diagnose(refused(own), { hosts: new KnownHosts({}, []) }), 'refused likely x 1')
    assertFindings(diagnose(refused(own), { hosts: new KnownHosts({}) }), 'refused likely x 1')
  })
})

describe('wrong-network', () => {
  const hosts = (server: string[]): KnownHosts =>
    new KnownHosts({ '10.0.0.1': container('web'), [SERVER]: container('db', { networks: server }) })

  test('no network in common', () => {
    const result = diagnose(unanswered(), { hosts: hosts(['back']), quietSeconds: 5 })
    assertFindings(result, 'wrong-network certain x 1')
    assert.equal(result.findings[0]!.cause, 'web (on front) and db (on back) share no network.')
    assert.equal(result.findings[0]!.next, 'docker network connect front db')
  })

  test('not: one in common, or the network of the host', () => {
    assertFindings(
      diagnose(unanswered(), { hosts: hosts(['back', 'front']), quietSeconds: 5 }),
      'unanswered likely x 1',
    )
    assertFindings(diagnose(unanswered(), { hosts: hosts(['host']), quietSeconds: 5 }), 'unanswered likely x 1')
  })
})

describe('the state of a container', () => {
  const state = (more: Partial<HostFacts>): KnownHosts => new KnownHosts({ [SERVER]: container('db', more) })

  test('paused: hung-peer is certain', () => {
    const talk = new Talk().open().client(GET).acknowledge(1)
    const result = diagnose(talk, { hosts: state({ state: 'paused' }), quietSeconds: 40 })
    assertFindings(result, 'hung-peer certain x 1')
    assert.equal(result.findings[0]!.next, 'docker unpause db')
    assertFindings(diagnose(talk, { hosts: state({}), quietSeconds: 40 }), 'hung-peer possible x 1')
  })

  test('killed for its memory in that second: the reset is explained', () => {
    const talk = new Talk().open().client(GET).acknowledge(1).wait(700).reset(1)
    const at = (START + 1) * 1e6
    const ended = { finishedMicros: at, startedMicros: at + 300_000, isOutOfMemory: true, exitCode: 137 }
    const result = diagnose(talk, { hosts: state(ended), quietSeconds: 5 })
    assertFindings(result, 'reset certain x 1')
    assert.match(
      result.findings[0]!.cause,
      /^db was killed, because it wanted more memory than it may have, and was started again 300\.0 ms later/,
    )
    const longAgo = { ...ended, finishedMicros: at - 60e6 }
    assertFindings(diagnose(talk, { hosts: state(longAgo), quietSeconds: 5 }), 'reset likely x 1')
  })

  test('restarted while nothing was said: it knows nothing of the connection', () => {
    const talk = new Talk().open().client(GET).server('HTTP/1.1 204 No Content\r\n\r\n').acknowledge(0)
    talk.wait(4000).client(GET).segment(1, { flags: 'R' })
    const restarted = { finishedMicros: (START + 2) * 1e6, startedMicros: (START + 2.4) * 1e6 }
    const result = diagnose(talk, { hosts: state(restarted), quietSeconds: 5 })
    assertFindings(result, 'reset certain x 1')
    assert.match(result.findings[0]!.cause, /^db stopped, and was started again 400\.0 ms later/)
  })

  test('it does not run: unanswered is certain', () => {
    const result = diagnose(unanswered(), { hosts: state({ state: 'exited', exitCode: 1 }), quietSeconds: 5 })
    assertFindings(result, 'unanswered certain x 1')
    assert.equal(result.findings[0]!.cause, 'db does not run: it is exited, exit code 1.')
  })
})
