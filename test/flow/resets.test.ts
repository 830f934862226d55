// Resets: which are believed, which are doubted, what shows that nobody believed one, and that no byte is lost by any.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TCP_ACK, TCP_RST } from '../../src/core/segment.ts'
import { Conversation } from '../support/conversation.ts'

/** Long enough to believe a reset, and to believe one that was doubted. */
const BELIEVED = 2300
const DOUBTED = 30_300

/** A request and its answer; both acknowledged. */
function talking(setup = {}): Conversation {
  const talk = new Conversation(setup).open()
  talk.client.send('request')
  talk.server.send('answer')
  talk.client.ack()
  return talk
}

const last = (talk: Conversation) => talk.log.at(-1)

describe('a reset that its receiver believes', () => {
  test('ends the connection after a short silence, and what was held back is delivered', () => {
    const talk = new Conversation().open()
    talk.server.lose(5)
    talk.server.send('world')
    talk.client.rst()
    talk.wait(1900)
    assert.deepEqual(talk.log, ['open'])
    talk.wait(400)
    assert.deepEqual(talk.log, ['open', '< [5 missing: network]', '< world', 'close reset'])
    const { streams } = talk.recorder.connections[0]!.connection
    assert.deepEqual([streams[0].sawReset, streams[1].sawReset], [true, false])
  })

  test('or with the capture', () => {
    const talk = talking()
    talk.server.rst()
    talk.end()
    assert.equal(last(talk), 'close reset')
  })

  test('tells how long there had been no data, whatever comes after it', () => {
    const talk = talking()
    talk.wait(12_000)
    talk.server.rst()
    talk.client.send('late')
    talk.end()
    const { connection } = talk.recorder.connections[0]!
    assert.equal(connection.resetIdleMicros, 12_002_000)
  })

  test('what the other side had under way is delivered, in either direction', () => {
    for (const [by, other, log] of [
      ['client', 'server', '< answermore, and more'],
      ['server', 'client', '> more, and more'],
    ] as const) {
      const talk = talking()
      talk[by].rst()
      talk[other].send('more, ')
      talk[by].rst()
      talk[other].send('and more')
      talk[other].fin()
      talk.wait(BELIEVED)
      assert.deepEqual(talk.log.slice(-2), [log, 'close reset'])
      assert.equal(talk.recorder.connections.length, 1)
      assert.equal(talk.table.counters.refutedResets, 0)
    }
  })

  for (const [what, reset] of [
    ['where it has delivered to', (talk: Conversation) => talk.server.rst()],
    [
      'where it has acknowledged to, which the capture missed',
      (talk: Conversation) => {
        talk.server.lose(100)
        talk.client.ack()
        talk.server.rst()
      },
    ],
    [
      'at the end of what it has selectively acknowledged',
      (talk: Conversation) => {
        talk.server.lose(100)
        talk.server.send('behind a hole')
        talk.client.ack(6)
        talk.server.rst()
      },
    ],
    [
      'behind a FIN',
      (talk: Conversation) => {
        talk.server.fin()
        talk.client.ack()
        talk.server.rst()
      },
    ],
    [
      'at the FIN itself, as macOS does',
      (talk: Conversation) => {
        talk.server.fin()
        talk.client.ack()
        talk.server.rst({ sequence: talk.server.sequenceAt(6) })
      },
    ],
    [
      'below a FIN that was not captured',
      (talk: Conversation) => {
        talk.client.ack(7)
        talk.server.rst({ sequence: talk.server.sequenceAt(6) })
      },
    ],
  ] as const) {
    test(what, () => {
      for (const serverInitialSequence of [5_000_000, -5, 0x7fffffff - 5, 0x7fffffff - 110]) {
        const talk = talking({ serverInitialSequence })
        reset(talk)
        talk.wait(BELIEVED)
        assert.equal(last(talk), 'close reset', `${serverInitialSequence}`)
      }
    })
  }

  test('one that overtook data is believed when that has come', () => {
    const talk = new Conversation().open()
    talk.client.send('GET /')
    talk.server.rst({ sequence: talk.server.sequenceAt(5) })
    talk.server.send('hello')
    talk.wait(BELIEVED)
    assert.deepEqual(talk.log, ['open', '> GET /', '< hello', 'close reset'])
  })

  test('of a connection met midway', () => {
    const talk = new Conversation()
    talk.client.send('abc')
    talk.server.rst()
    talk.server.rst({ sequence: talk.server.sequenceAt(0) + 20_000_000 })
    talk.wait(BELIEVED)
    assert.deepEqual(talk.log, ['open', '> abc', 'close reset'])
  })

  test('a new SYN comes at once: another connection', () => {
    // also where the numbers of the new one are near
    for (const number of [900_000_000, 5_000_000, 50_000, 3_500_000_000]) {
      const talk = talking()
      talk.client.rst()
      talk.client.renew(number)
      talk.server.renew(800_000_000)
      talk.client.syn()
      assert.deepEqual(talk.log.slice(-2), ['close reset', 'open c1'])
      talk.server.synAck()
      talk.client.ack()
      talk.client.send('second')
      talk.server.send('time')
      assert.deepEqual(talk.log.slice(-2), ['> second', '< time'])
      assert.equal(talk.table.counters.refutedResets, 0)
    }
  })

  test('its text is no data, and counted', () => {
    const talk = talking()
    talk.server.send('Go away', { flags: TCP_RST | TCP_ACK })
    talk.end()
    assert.deepEqual(talk.log.slice(-2), ['< answer', 'close reset'])
    assert.equal(talk.table.counters.resetTextBytes, 7)
  })

  test('a flood of refused SYNs takes no more room than one of unanswered ones', () => {
    const talk = talking({ maximumConnections: 20, maximumHalfOpen: 4 })
    for (let port = 1000; port < 1100; port++) {
      const scan = { ...talk.client, port, sequenceAt: talk.client.sequenceAt }
      Object.defineProperty(talk.client, 'port', { value: port, configurable: true })
      talk.client.renew(port)
      talk.client.syn()
      talk.server.rst({ sequence: 0, ack: scan.sequenceAt.call(talk.client, 0) })
      assert.ok(talk.table.counters.openNow <= 6)
    }
    assert.equal(talk.recorder.connections[0]!.closed, undefined)
    assert.equal(talk.table.counters.evicted, 0)
    assert.equal(talk.log.filter((line) => line === 'close reset').length, 96)
  })
})

describe('in SYN-SENT', () => {
  for (const [what, ack, closed] of [
    ['the acknowledgement of the SYN counts', 1001, 'reset'],
    ['not that of nothing', 1000, 'capture-ended'],
    ['nor that of more', 1002, 'capture-ended'],
    ['nor any other', 77, 'capture-ended'],
  ] as const) {
    test(what, () => {
      const talk = new Conversation()
      talk.client.syn()
      talk.server.rst({ sequence: 0, ack })
      talk.end()
      assert.equal(talk.recorder.connections[0]!.closed, closed)
      assert.equal(talk.table.counters.ignoredResets, closed === 'reset' ? 0 : 1)
    })
  }

  test('of data on the SYN all or nothing may be acknowledged', () => {
    for (const offset of [0, 3, 5]) {
      const talk = new Conversation()
      talk.client.syn('hello')
      talk.server.rst({ sequence: 0, ack: talk.client.sequenceAt(offset) })
      talk.end()
      assert.deepEqual(talk.log, ['open', '> hello', 'close reset'])
    }
  })

  test('a refusal that acknowledges nothing of ours does not cut', () => {
    const talk = new Conversation()
    talk.client.syn()
    talk.server.rst({ sequence: 0, ack: 99 })
    talk.server.rst({ sequence: 0 })
    talk.server.synAck()
    talk.client.ack()
    talk.client.send('abc')
    assert.deepEqual(talk.log, ['open', '> abc'])
    assert.equal(talk.table.counters.ignoredResets, 2)
  })

  test('refused by somebody, answered by the server: it goes on', () => {
    const talk = new Conversation()
    talk.client.syn()
    talk.server.rst({ sequence: 0, ack: talk.client.sequenceAt(0) })
    talk.server.synAck()
    talk.client.ack()
    talk.client.send('abc')
    talk.server.send('def')
    talk.end()
    assert.deepEqual(talk.log, ['open', 'went on after reset of 1', '> abc', '< def', 'close capture-ended'])
  })

  test('the same, seconds later', () => {
    const talk = new Conversation()
    talk.client.syn()
    talk.server.rst({ sequence: 0, ack: talk.client.sequenceAt(0) })
    talk.wait(5000)
    talk.server.synAck()
    talk.client.ack()
    talk.client.send('abc')
    assert.deepEqual(talk.log, ['open', 'close reset', 'resumed', '> abc'])
  })
})

describe('a reset inside the window but not where the receiver stands', () => {
  for (const ahead of [100, 1, 60_000]) {
    test(`${ahead} ahead, and challenged: the connection goes on`, () => {
      const talk = talking()
      talk.server.rst({ sequence: talk.server.sequenceAt(6 + ahead) })
      talk.client.ack()
      assert.deepEqual(talk.log.slice(-1), ['went on after reset of 1'])
      talk.wait(60_000)
      for (let i = 0; i < 3; i++) {
        talk.client.send('upload')
        talk.server.ack()
      }
      talk.end()
      assert.deepEqual(talk.log.slice(-2), ['> uploaduploadupload', 'close capture-ended'])
      assert.equal(talk.recorder.connections[0]!.connection.streams[1].sawReset, false)
    })
  }

  test('the challenge not captured: who goes on refutes it', () => {
    const talk = talking()
    talk.client.rst({ sequence: talk.client.sequenceAt(7 + 50) })
    talk.wait(20_000)
    talk.client.send('more')
    talk.server.send('yes')
    talk.end()
    assert.deepEqual(talk.log.slice(-4), ['went on after reset of 0', '> more', '< yes', 'close capture-ended'])
  })

  test('what the other side had under way says nothing; its acknowledgement does', () => {
    const talk = talking()
    talk.server.rst({ sequence: talk.server.sequenceAt(6 + 50) })
    talk.client.send('more')
    assert.equal(talk.table.counters.refutedResets, 0)
    talk.server.ack()
    assert.equal(talk.table.counters.refutedResets, 1)
  })

  test('nor does an acknowledgement of what came before it', () => {
    const talk = talking()
    talk.server.send('more')
    talk.server.rst({ sequence: talk.server.sequenceAt(10 + 50) })
    talk.client.ack()
    talk.wait(DOUBTED)
    assert.equal(last(talk), 'close reset')
  })

  test('the silence of both confirms it', () => {
    const talk = talking()
    talk.server.lose(50)
    talk.server.rst()
    talk.wait(25_000)
    assert.deepEqual(talk.log.slice(-1), ['< answer'])
    talk.wait(6000)
    assert.equal(last(talk), 'close reset')
    assert.equal(talk.table.counters.timeouts, 0)
  })

  test('the end of the capture does, too; having to make room does not', () => {
    for (const [reason, closed] of [
      ['capture-ended', 'reset'],
      ['evicted', 'evicted'],
    ] as const) {
      const talk = talking()
      talk.server.rst({ sequence: talk.server.sequenceAt(7) })
      talk.end(reason)
      assert.equal(talk.recorder.connections[0]!.closed, closed)
    }
  })

  test('its sender, challenged, resets in earnest', () => {
    const talk = talking()
    talk.server.rst({ sequence: talk.server.sequenceAt(6 + 50) })
    talk.client.ack()
    talk.server.rst()
    talk.wait(BELIEVED)
    assert.deepEqual(talk.log.slice(-2), ['went on after reset of 1', 'close reset'])
  })

  for (const [what, sequence] of [
    ['far ahead', 2_000_000_000],
    ['just beyond the window', 1001 + 7 + 65_537],
    ['of bytes long acknowledged', 1001],
    ['one below what was acknowledged', 1001 + 6],
  ] as const) {
    test(`outside, ${what}: nobody listens`, () => {
      const talk = talking()
      talk.client.rst({ sequence })
      talk.wait(DOUBTED)
      talk.client.send('more')
      assert.deepEqual(talk.log.slice(-1), ['> more'])
      assert.deepEqual([talk.table.counters.ignoredResets, talk.table.counters.refutedResets], [1, 0])
    })
  }
})

describe('a reset that was lost on its way', () => {
  test('both go on: the same connection', () => {
    const talk = talking()
    talk.server.rst()
    talk.wait(50)
    talk.client.send('again')
    talk.server.send('yes')
    talk.client.ack()
    talk.client.fin()
    talk.server.fin()
    talk.client.ack()
    assert.deepEqual(talk.log.slice(-4), ['> again', 'went on after reset of 1', '< yes', 'close finished'])
    assert.equal(talk.recorder.connections.length, 1)
    assert.equal(talk.recorder.connections[0]!.connection.refutedResets, 1)
  })

  test('its sender goes on with a FIN, an acknowledgement, or, later, with an empty segment', () => {
    for (const goesOn of [
      (talk: Conversation) => talk.server.fin(),
      (talk: Conversation) => {
        talk.client.send('x')
        talk.server.ack()
      },
      (talk: Conversation) => {
        talk.wait(1500)
        talk.server.ack()
      },
    ]) {
      const talk = talking()
      talk.server.rst()
      goesOn(talk)
      assert.equal(talk.table.counters.refutedResets, 1)
    }
  })

  test('an empty segment that was captured in the wrong order says nothing', () => {
    const talk = talking()
    talk.server.rst()
    talk.server.ack()
    talk.wait(BELIEVED)
    assert.equal(last(talk), 'close reset')
  })

  test('of one side only, all is captured: what comes a second later was not under way', () => {
    const talk = talking()
    talk.server.rst()
    talk.wait(1500)
    talk.client.send('more')
    assert.deepEqual(talk.log.slice(-2), ['went on after reset of 1', '> more'])
  })

  test('seconds later, the connection having been closed: it speaks again', () => {
    for (const by of ['client', 'server'] as const) {
      const talk = talking()
      talk[by].rst()
      talk.wait(10_000)
      talk.client.send('again')
      talk.server.send('yes')
      assert.deepEqual(talk.log.slice(-4), ['close reset', 'resumed', '> again', '< yes'])
      assert.equal(talk.recorder.connections[1]!.occurrence, 0)
      assert.equal(talk.table.counters.strayBytes, 0)
    }
  })

  test('a retransmission after the end repeats nothing', () => {
    const talk = talking()
    talk.client.rst()
    talk.wait(10_000)
    talk.server.send('answer', { at: 0 })
    assert.equal(last(talk), 'close reset')
    assert.deepEqual([talk.table.counters.ignoredSegments, talk.table.counters.strayBytes], [1, 0])
  })

  test('one that may fill a hole is counted', () => {
    const talk = talking()
    talk.server.lose(5)
    talk.server.send('world')
    talk.client.rst()
    talk.wait(10_000)
    talk.server.send('hello', { at: 6 })
    assert.equal(talk.table.counters.strayBytes, 5)
  })
})

test('a RST of nothing known opens nothing, and its text is counted', () => {
  const talk = new Conversation()
  talk.client.rst()
  talk.server.rst({ ack: 1 })
  talk.server.send('Go away', { flags: TCP_RST })
  assert.deepEqual(talk.log, [])
  assert.deepEqual([talk.table.counters.ignoredResets, talk.table.counters.resetTextBytes], [3, 7])
})

test('a reset between the FINs, of which both are acknowledged all the same', () => {
  const talk = talking()
  talk.client.fin()
  talk.client.rst({ sequence: talk.client.sequenceAt(50) })
  talk.server.fin()
  talk.client.ack()
  assert.equal(last(talk), 'close finished')
})
