// A SYN with another initial sequence number on a live connection: a port that is used again, or one that has strayed there.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Conversation } from '../support/conversation.ts'

function talking(setup = {}): Conversation {
  const talk = new Conversation(setup).open()
  talk.client.send('request')
  talk.server.send('answer')
  talk.client.ack()
  return talk
}

/** Both begin anew on the same ports. */
function renew(talk: Conversation): void {
  talk.client.renew(900_000_000)
  talk.server.renew(800_000_000)
}

const stray = { sequence: 77_777_777 }

describe('a port that is used again', () => {
  test('answered: another connection, that began with its SYN', () => {
    const talk = talking()
    renew(talk)
    talk.client.syn()
    assert.deepEqual(talk.log.slice(-1), ['< answer'])
    talk.server.synAck()
    talk.client.ack()
    talk.client.send('second')
    assert.deepEqual(talk.log.slice(-3), ['close replaced', 'open c1', '> second'])
    const { connection } = talk.recorder.connections[1]!
    assert.equal(connection.openerKnown, true)
    assert.equal(connection.handshakeMicros, 2000)
    assert.equal(connection.streams[0].packets, 3)
  })

  test('with data on the SYN', () => {
    const talk = talking()
    renew(talk)
    talk.client.syn('early')
    talk.server.synAck()
    assert.deepEqual(talk.log.slice(-2), ['open c1', '> early'])
  })

  test('refused', () => {
    const talk = talking()
    renew(talk)
    talk.client.syn()
    talk.server.rst({ sequence: 0, ack: talk.client.sequenceAt(0) })
    talk.end()
    assert.deepEqual(talk.log.slice(-3), ['close replaced', 'open c1', 'close reset'])
  })

  test('the answer not captured: the next segment of either says so', () => {
    for (const side of ['client', 'server'] as const) {
      const talk = talking()
      renew(talk)
      talk.client.syn()
      talk[side].send('second')
      assert.deepEqual(talk.log.slice(-3), ['close replaced', 'open c1', `${side === 'client' ? '>' : '<'} second`])
    }
  })

  test('only the answer captured', () => {
    const talk = talking()
    renew(talk)
    talk.server.synAck()
    talk.client.ack()
    talk.server.send('second')
    assert.deepEqual(talk.log.slice(-3), ['close replaced', 'open c1', '< second'])
  })

  test('unanswered: it begins when its client insists', () => {
    const talk = talking()
    renew(talk)
    talk.client.syn()
    talk.wait(1000)
    talk.client.syn()
    talk.wait(2000)
    talk.client.syn()
    assert.deepEqual(talk.log.slice(-2), ['close replaced', 'open c1'])
    assert.equal(talk.recorder.connections[1]!.connection.streams[0].synPackets, 3)
  })

  test('unanswered until the capture ends: told', () => {
    const talk = talking()
    renew(talk)
    talk.client.syn()
    talk.end()
    assert.deepEqual(talk.log.slice(-3), ['close capture-ended', 'open c1', 'close capture-ended'])
    assert.equal(talk.table.counters.straySyns, 0)
  })

  test('a server that still has the old one asks back, is reset, and then answers', () => {
    const talk = talking()
    const [due] = [talk.client.sequenceAt(7)]
    talk.client.syn('', { sequence: 900_000_000 })
    talk.server.ack()
    talk.client.rst({ sequence: due })
    assert.deepEqual(talk.log.slice(-2), ['close reset', 'open c1'])
    renew(talk)
    talk.wait(1000)
    talk.client.syn()
    talk.server.synAck()
    talk.client.ack()
    talk.client.send('second')
    assert.deepEqual(talk.log.slice(-2), ['open c1', '> second'])
    assert.equal(talk.recorder.connections[1]!.connection.streams[0].synPackets, 2)
    assert.equal(talk.table.counters.straySyns, 0)
  })
})

describe('a stray SYN', () => {
  for (const [what, sequence] of [
    ['far away', 77_777_777],
    ['inside the window', 1001 + 7 + 100],
    ['where the stream stands', 1001 + 7],
    ['of bytes delivered', 1003],
  ] as const) {
    test(`${what}: challenged, and the connection goes on`, () => {
      const talk = talking()
      talk.client.syn('', { sequence })
      talk.server.ack()
      talk.client.send('more')
      talk.server.send('yes')
      talk.end()
      assert.deepEqual(talk.log.slice(-4), ['went on after syn of 0', '> more', '< yes', 'close capture-ended'])
      assert.equal(talk.recorder.connections.length, 1)
      assert.equal(talk.recorder.connections[0]!.connection.straySyns, 1)
    })
  }

  test('its challenge not captured', () => {
    const talk = talking()
    talk.client.syn('', stray)
    talk.server.send('yes')
    talk.client.ack()
    talk.end()
    assert.deepEqual(talk.log.slice(-3), ['< answeryes', 'went on after syn of 0', 'close capture-ended'])
  })

  test('challenged, and nobody says anything any more: told at the end', () => {
    const talk = talking()
    talk.client.syn('', stray)
    talk.server.ack()
    talk.end()
    assert.deepEqual(talk.log.slice(-2), ['went on after syn of 0', 'close capture-ended'])
    assert.equal(talk.recorder.connections.length, 1)
  })

  test('what it carries is counted', () => {
    const talk = talking()
    talk.client.syn('stray', stray)
    talk.client.send('more', { at: 7 })
    assert.equal(talk.table.counters.strayBytes, 5)
    assert.deepEqual(talk.log.slice(-2), ['went on after syn of 0', '> more'])
  })

  test('from the server, and a stray SYN-ACK', () => {
    for (const send of [
      (talk: Conversation) => talk.server.syn('', stray),
      (talk: Conversation) => talk.server.synAck({ ...stray, ack: 123_456_789 }),
    ]) {
      const talk = talking()
      send(talk)
      talk.client.ack()
      talk.server.send('yes')
      talk.client.send('more')
      talk.end()
      assert.deepEqual(talk.log.slice(-4), ['went on after syn of 1', '< yes', '> more', 'close capture-ended'])
    }
  })

  test('a SYN-ACK that the client has no use for, having got one', () => {
    const talk = new Conversation().open()
    talk.server.synAck(stray)
    talk.server.send('hello')
    assert.deepEqual(talk.log, ['open', 'went on after syn of 1', '< hello'])
  })

  test('several of them', () => {
    const talk = talking()
    for (let i = 0; i < 4; i++) talk.client.syn('', { sequence: 77_777_777 + i * 1_000_000 })
    talk.client.send('more')
    assert.equal(talk.table.counters.straySyns, 4)
    assert.deepEqual(talk.log.slice(-1), ['> more'])
    assert.equal(talk.recorder.connections.length, 1)
  })

  test('on a connection that has to make room', () => {
    const talk = talking({ maximumConnections: 2, maximumHalfOpen: 1 })
    talk.client.syn('', stray)
    for (const port of [1, 2, 3]) {
      Object.defineProperty(talk.client, 'port', { value: port, configurable: true })
      talk.client.renew(port)
      talk.open()
      assert.ok(talk.table.counters.openNow <= 2)
    }
    assert.equal(talk.recorder.connections[0]!.closed, 'evicted')
  })
})
