// Queues of new connections that are full, source ports that run out, and first SYNs that NAT loses; and what looks like it.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertFindings, diagnose } from '../../support/diagnosed.ts'
import { Talk, type TalkOptions } from '../../support/talk.ts'

const START = 1_700_000_000
const GET = 'GET / HTTP/1.1\r\nHost: web\r\n\r\n'
const SYN_ACK = { flags: 'S.', seq: 500_000, ack: 1001 }

/** SYNs at 0, 1 and 3 s without an answer. */
function synsUnanswered(options: TalkOptions): Talk {
  return new Talk(options).syn().wait(1000).repeat().wait(2000).repeat()
}

describe('backlog-full', () => {
  /** Established in the kernel; the application never accepts it. */
  function waiting(clientPort: number): Talk {
    return new Talk({ clientPort }).open().client(GET).acknowledge(1)
  }

  test('the server repeats SYN+ACK and ignores what the client says', () => {
    const talk = new Talk().open().client(GET).wait(200).repeat().wait(400).repeat().wait(300)
    talk.segment(1, SYN_ACK).acknowledge(0).wait(500).segment(0, { flags: 'P.', seq: 1001, payload: GET })
    const result = diagnose(talk.wait(1500).segment(1, SYN_ACK).acknowledge(0))
    assertFindings(result, 'backlog-full likely x 1')
    assert.match(result.findings[0]!.next, /ss -ltn 'sport = :80'/)
  })

  test('a full segment that is ignored is no MTU’s fault', () => {
    const large = 'x'.repeat(1448)
    const talk = new Talk().open().client(large).wait(200).repeat().wait(800).segment(1, SYN_ACK).acknowledge(0)
    for (const millis of [400, 1600, 3200]) talk.wait(millis).segment(0, { flags: 'P.', seq: 1001, payload: large })
    assertFindings(diagnose(talk), 'backlog-full likely x 1')
  })

  test('SYNs are dropped while the server is silent in others', () => {
    const late = synsUnanswered({ clientPort: 40009, startTime: START + 2 })
    const result = diagnose([waiting(40001), waiting(40002), late], { quietSeconds: 5 })
    assertFindings(result, 'backlog-full likely x 1')
    assert.match(result.findings[0]!.cause, /in 2 connections made before it says nothing/)
  })

  test('not: the server answers in others; then something drops the SYNs', () => {
    const busy = new Talk({ clientPort: 40001 }).open()
    for (let i = 0; i < 6; i++) busy.client('ask').server('OK').wait(1000)
    const late = synsUnanswered({ clientPort: 40009, startTime: START + 1 })
    assertFindings(diagnose([busy, late], { quietSeconds: 5 }), 'unanswered likely x 1')
  })

  test('not: a SYN+ACK that comes again at once is a copy from another place of the path', () => {
    const talk = new Talk()
      .open()
      .client(GET)
      .wait(50)
      .segment(1, SYN_ACK)
      .segment(0, { flags: 'P.', seq: 1001, payload: GET })
    const { findings } = diagnose(talk.server('OK').close())
    assert.ok(!findings.some(({ id }) => id === 'backlog-full'))
  })

  test('not: others wait at another port', () => {
    const late = synsUnanswered({ clientPort: 40009, serverPort: 81, startTime: START + 2 })
    assertFindings(diagnose([waiting(40001), late], { quietSeconds: 5 }), 'unanswered likely x 1')
  })

  test('not: a server that waits for data before it takes a connection (TCP_DEFER_ACCEPT)', () => {
    const talk = new Talk().open().wait(1000).segment(1, SYN_ACK).acknowledge(0).wait(2000).segment(1, SYN_ACK)
    assertFindings(diagnose(talk.acknowledge(0).client(GET).server('OK').close()))
  })

  test('not: one acknowledgement was lost', () => {
    const talk = new Talk().open().wait(1000).segment(1, SYN_ACK).acknowledge(0).client(GET).server('OK')
    assertFindings(diagnose(talk.close()))
  })
})

describe('port-exhaustion', () => {
  const FIRST = 40_000

  /** Short connections, each from the next port; `closer` closes first. */
  function short(count: number, ports: number, closer: 0 | 1, everyMillis = 10): Talk[] {
    return Array.from({ length: count }, (_, i) => {
      const round = Math.floor(i / ports)
      const talk = new Talk({ clientPort: FIRST + (i % ports), startTime: START + (i * everyMillis) / 1000 })
      const at = 1000 + round * 1_000_000
      const [client, server] = [at + 1, 600_001]
      talk.segment(0, { flags: 'S', seq: at, ack: 0 }).segment(1, { flags: 'S.', seq: 600_000, ack: client })
      talk.segment(0, { flags: '.', seq: client, ack: server })
      const fin = (d: 0 | 1, more: number): Talk =>
        d === 0
          ? talk.segment(0, { flags: 'F.', seq: client, ack: server + more })
          : talk.segment(1, { flags: 'F.', seq: server, ack: client + more })
      fin(closer, 0)
      return fin(closer === 0 ? 1 : 0, 1)
    })
  }

  test('every port of the range, and again within a minute after the client closed it', () => {
    const result = diagnose(short(700, 300, 0))
    assertFindings(result, 'port-exhaustion likely x 1')
    assert.match(result.findings[0]!.cause, /to 40299 that it takes them from/)
  })

  test('not: the server closes first, so that ports need no rest', () => {
    assertFindings(diagnose(short(700, 300, 1)))
  })

  test('not: as many connections, and each port once', () => {
    assertFindings(diagnose(short(700, 700, 0)))
  })

  test('not: ports that come again after minutes', () => {
    assertFindings(diagnose(short(700, 300, 0, 400)))
  })
})

describe('snat-race', () => {
  /** The first SYN is lost, the second is answered. */
  function lostFirst(server: string, clientPort: number, afterSeconds: number): Talk {
    const talk = new Talk({ server, clientPort, startTime: START + afterSeconds }).syn().wait(1000).repeat()
    return talk.segment(1, { flags: 'S.' }, 1).acknowledge(0).client('GET').server('OK').close()
  }

  test('three to the outside: one finding, and no loss beside it', () => {
    const result = diagnose([0, 1, 2].map((i) => lostFirst(`93.184.216.${i + 1}`, 40000 + i, i * 5)))
    assertFindings(result, 'snat-race possible x 3')
    assert.equal(result.findings[0]!.connectionCount, 3)
    assert.ok(result.told.includes('withdrawn loss'))
  })

  test('not: twice', () => {
    const result = diagnose([0, 1].map((i) => lostFirst('93.184.216.1', 40000 + i, i * 5)))
    assertFindings(result, 'loss likely x 2')
  })

  test('not: to hosts inside as well', () => {
    const inside = lostFirst('10.0.0.9', 40010, 0)
    const result = diagnose([inside, ...[1, 2, 3].map((i) => lostFirst('93.184.216.1', 40000 + i, i * 5))])
    assert.ok(!result.findings.some(({ id }) => id === 'snat-race'))
  })
})
