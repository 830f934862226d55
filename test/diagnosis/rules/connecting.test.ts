// Connections that do not come about, as conversations; and those that look like it and are healthy.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertFindings, assertNotes, diagnose } from '../../support/diagnosed.ts'
import { Talk } from '../../support/talk.ts'

function refusedTalk(clientPort: number, serverPort: number, startTime = 1_700_000_000): Talk {
  return new Talk({ clientPort, serverPort, startTime }).syn().segment(1, { flags: 'R.', seq: 0 })
}

/** SYNs as Linux before 6.5 repeats them. */
function synsOf(talk: Talk, ...waits: number[]): Talk {
  talk.syn()
  for (const millis of waits) talk.wait(millis).repeat()
  return talk
}

describe('refused', () => {
  test('a reset in answer to the SYN', () => {
    const result = diagnose(refusedTalk(40000, 5433))
    assertFindings(result, 'refused likely x 1')
    const [finding] = result.findings
    assert.equal(finding!.server!.port, 5433)
    assert.deepEqual(finding!.connections, [1])
    assert.equal(finding!.evidence.length, 2)
    assert.match(finding!.cause, /nothing listens on port 5433/)
    assert.deepEqual(result.told, ['open refused', 'final refused'])
  })

  test('fourteen times is one finding', () => {
    const talks = Array.from({ length: 14 }, (_, i) => refusedTalk(40000 + i, 5433, 1_700_000_000 + i))
    const result = diagnose(talks)
    assertFindings(result, 'refused likely x 14')
    assert.equal(result.findings[0]!.connectionCount, 14)
    assert.deepEqual(result.told, ['open refused', 'final refused'])
  })

  test('a thousand ports are one finding', () => {
    const talks = Array.from({ length: 1000 }, (_, i) => refusedTalk(40000 + i, 1 + i, 1_700_000_000 + i / 100))
    const result = diagnose(talks)
    assertFindings(result, 'refused likely x 1000')
    assert.equal(result.findings[0]!.server!.port, undefined)
    assert.match(result.findings[0]!.cause, /^1000 ports, 1 to 1000\./)
    assert.equal(result.findings[0]!.connections.length, 20)
  })

  test('not: a reset after both FINs, and a client that resets when it has what it wants', () => {
    assertFindings(diagnose(new Talk().open().client('GET').server('OK').close().reset(0)))
    assertFindings(diagnose(new Talk().syn().segment(1, { flags: 'S.' }, 1).segment(0, { flags: 'R' })))
  })
})

describe('unanswered', () => {
  test('told at the third SYN, and once', () => {
    const result = diagnose(synsOf(new Talk(), 1000, 2000, 4000), { quietSeconds: 10 })
    assertFindings(result, 'unanswered likely x 1')
    assert.deepEqual(result.told, ['open unanswered', 'final unanswered'])
  })

  test('a single SYN and three seconds of silence', () => {
    assertFindings(diagnose(new Talk().syn(), { quietSeconds: 10 }), 'unanswered likely x 1')
  })

  test('not: the capture ended right after the SYN', () => {
    assertFindings(diagnose(new Talk().syn()))
  })

  test('withdrawn when an answer comes late: then a SYN was lost', () => {
    const talk = synsOf(new Talk(), 1000, 2000).segment(1, { flags: 'S.' }, 1).segment(0, { flags: '.' })
    const result = diagnose(talk.client('GET').server('OK').close())
    assertFindings(result, 'loss likely x 1')
    assert.deepEqual(result.told, ['open unanswered', 'withdrawn unanswered', 'open loss', 'final loss'])
  })
})

describe('handshake-incomplete', () => {
  test('the answer is repeated and never acknowledged', () => {
    const talk = new Talk().syn().segment(1, { flags: 'S.' }, 1).wait(1000).repeat().wait(2000).repeat()
    assertFindings(diagnose(talk, { quietSeconds: 80 }), 'handshake-incomplete likely x 1')
  })

  test('not: the last ACK was lost and data came', () => {
    const talk = new Talk().syn().segment(1, { flags: 'S.' }, 1).wait(1000).repeat().client('GET').server('OK').close()
    assertFindings(diagnose(talk))
  })
})

describe('port-reuse', () => {
  test('a SYN answered by an old ACK, and reset', () => {
    const talk = new Talk().syn().segment(1, { flags: '.', seq: 77, ack: 55 }).segment(0, { flags: 'R', seq: 55 })
    assertFindings(diagnose(talk, { quietSeconds: 5 }), 'port-reuse certain x 1')
  })
})

describe("the capture's own faults", () => {
  test('healthy traffic from the first SYN on has none', () => {
    const result = diagnose(new Talk().open().client('GET').server('OK').close())
    assertFindings(result)
    assertNotes(result)
  })

  test('met midway, and one direction alone', () => {
    const talk = new Talk().client('GET').acknowledge(0).wait(50).client('GET').acknowledge(0)
    assertNotes(diagnose(talk), 'one-way', 'mid-stream')
  })

  test('bytes that were acknowledged and never seen', () => {
    const talk = new Talk().open().client('GET').server('abc').lose(1, 1000).acknowledge(0).server('def').acknowledge(0)
    assertNotes(diagnose(talk.close(), { quietSeconds: 2 }), 'capture-loss')
  })
})
