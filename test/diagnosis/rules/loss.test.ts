// Data that was sent again: lost, spurious, or only in another order; and packets that the capture has twice.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertFindings, assertNotes, diagnose, diagnoseFrames } from '../../support/diagnosed.ts'
import { Talk } from '../../support/talk.ts'

const FULL = 'x'.repeat(1000)
const SERVER_FIRST = 500_001
const SACK_PERMITTED = Buffer.from([1, 1, 4, 2])

/** A download: the server's segment number `which`, once more or for the first time. */
function part(talk: Talk, which: number): Talk {
  return talk.segment(1, { flags: 'P.', seq: SERVER_FIRST + which * 1000, payload: FULL })
}

function upTo(talk: Talk, which: number, options: Buffer = Buffer.alloc(0)): Talk {
  return talk.segment(0, { flags: '.', ack: SERVER_FIRST + which * 1000, options })
}

function downloading(count: number): Talk {
  const talk = new Talk().open().client('GET').acknowledge(1)
  for (let i = 0; i < count; i++) talk.server(FULL)
  return talk
}

describe('loss', () => {
  test('three duplicate acknowledgements, sent again, acknowledged', () => {
    const talk = upTo(upTo(upTo(upTo(downloading(5), 1), 1), 1), 1)
    const result = diagnose(upTo(part(talk, 1), 5).close())
    assertFindings(result, 'loss likely x 1')
    assert.match(result.findings[0]!.cause, /from 10\.0\.0\.2:80 to 10\.0\.0\.1 was lost behind this capture point/)
    assert.match(result.findings[0]!.cause, /noticed quickly/)
  })

  test('a time-out', () => {
    const result = diagnose(upTo(part(downloading(1).wait(250), 0), 1).close())
    assertFindings(result, 'loss likely x 1')
    assert.match(result.findings[0]!.cause, /1 time the sender noticed only by a time-out/)
  })

  test('told while the connection is open', () => {
    const result = diagnose(
      upTo(part(downloading(1).wait(250), 0), 1)
        .wait(5000)
        .server('more')
        .close(),
    )
    assert.deepEqual(result.told, ['open loss', 'final loss'])
  })

  test('a hole that is filled later: lost before the capture point', () => {
    const talk = downloading(1).lose(1, 1000).server(FULL)
    const result = diagnose(upTo(part(upTo(talk, 1).wait(220), 1), 3).close())
    assertFindings(result, 'loss likely x 1')
    assert.match(result.findings[0]!.cause, /before this capture point/)
  })

  test('scattered, and both directions apart', () => {
    const talk = downloading(0)
    for (let i = 0; i < 4; i++) upTo(part(talk.server(FULL).wait(300), i), i + 1).wait(500)
    talk.client(FULL).wait(300).repeat().acknowledge(1)
    const result = diagnose(talk.close())
    assertFindings(result, 'loss likely x 1', 'loss likely x 1')
    assert.match(result.findings.map(({ cause }) => cause).join('\n'), /4 segments of 8 .* scattered over/)
  })

  test('one in many that is noticed quickly is a note', () => {
    const talk = downloading(0)
    for (let i = 0; i < 2000; i++) upTo(talk.server(FULL), i + 1)
    for (let i = 0; i < 4; i++) talk.server(FULL)
    upTo(upTo(upTo(talk, 2000), 2000), 2000)
    const result = diagnose(upTo(part(talk, 2000), 2004).close())
    assertFindings(result)
    assertNotes(result, 'loss')
  })

  test('a SYN+ACK that does not arrive', () => {
    const answer = { flags: 'S.', seq: 500_000, ack: 1001 }
    const talk = new Talk().syn().segment(1, answer, 1).wait(1000)
    talk.segment(0, { flags: 'S', seq: 1000, ack: 0 }).segment(1, answer).acknowledge(0).client('GET').server('OK')
    const result = diagnose(talk.close())
    assertFindings(result, 'loss likely x 1')
    assert.match(result.findings[0]!.cause, /\(SYN\+ACK\) did not reach 10\.0\.0\.1/)
  })

  test('not: two segments that changed places', () => {
    const talk = downloading(3).swap()
    assertFindings(diagnose(upTo(talk, 3).close()))
  })

  test('not: data to a host that is gone is another matter', () => {
    const talk = downloading(1)
    for (const millis of [250, 500, 1000, 2000]) part(talk.wait(millis), 0)
    assert.ok(!diagnose(talk).findings.some(({ id }) => id === 'loss'))
  })

  test('not: the last two segments alternately, to a host that is gone', () => {
    const talk = upTo(downloading(3), 1)
    for (const which of [2, 1, 2, 1, 1]) part(talk.wait(400), which)
    assert.ok(!diagnose(talk).findings.some(({ id }) => id === 'loss'))
  })

  test('not: a FIN that comes again', () => {
    const talk = new Talk().open().client('GET').server('OK').segment(0, { flags: 'F.' }, 1).wait(300).repeat()
    assertFindings(diagnose(talk.segment(1, { flags: 'F.' }, 1).acknowledge(0)))
  })
})

describe('spurious-retransmission', () => {
  test('acknowledged before it was sent again', () => {
    const result = diagnose(part(upTo(downloading(1), 1).wait(220), 0).close())
    assertFindings(result)
    assertNotes(result, 'spurious-retransmission')
  })

  test('a tail-loss probe that the receiver calls a duplicate', () => {
    const blocks = Buffer.alloc(8)
    blocks.writeUInt32BE(SERVER_FIRST, 0)
    blocks.writeUInt32BE(SERVER_FIRST + 1000, 4)
    const duplicate = Buffer.concat([SACK_PERMITTED, Buffer.alloc(8, 1), Buffer.from([1, 1, 5, 10]), blocks])
    const talk = upTo(part(downloading(1).wait(30), 0), 1)
    const result = diagnose(upTo(talk, 1, duplicate).close())
    assertFindings(result)
    assertNotes(result, 'spurious-retransmission')
  })
})

describe('duplicate-points', () => {
  test('every packet twice within microseconds: a note, and nothing that was sent again', () => {
    const talk = upTo(downloading(3), 3).close()
    const twice = talk.frames.flatMap((each) => [each, { ...each, time: (each.time as number) + 0.00005 }])
    const result = diagnoseFrames(twice)
    assertFindings(result)
    assertNotes(result, 'duplicate-points')
  })

  test('not: both sides of a translation of addresses are connections of their own', () => {
    const asked = (server: string): Talk => new Talk({ server }).open().client('GET / HTTP/1.1\r\n\r\n').reset(1)
    const inside = asked('172.17.0.2').frames.map((each) => ({ ...each, time: (each.time as number) + 0.00005 }))
    const result = diagnoseFrames([...asked('10.0.0.2').frames, ...inside], { quietSeconds: 3 })
    assertFindings(result, 'reset likely x 1', 'reset likely x 1')
    assert.ok(result.findings.every(({ severity }) => severity === 'error'))
    assertNotes(result)
  })

  test('a SYN twice is one SYN', () => {
    const [frame] = new Talk().syn().frames
    const twice = [frame!, { ...frame!, time: (frame!.time as number) + 0.00005 }]
    assertFindings(diagnoseFrames(twice))
  })
})
