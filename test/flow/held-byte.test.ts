// A connection met midway with a lone byte: a keep-alive probe or data, told apart by what comes next.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TCP_ACK, TCP_PSH } from '../../src/core/segment.ts'
import { Conversation } from '../support/conversation.ts'

const bare = { flags: TCP_ACK }

/** Has said 500 bytes before the capture began. */
function midway(clientInitialSequence = 1000): Conversation {
  const talk = new Conversation({ clientInitialSequence, serverInitialSequence: clientInitialSequence ^ 0x5a5a5a5a })
  talk.client.lose(500)
  talk.server.lose(500)
  return talk
}

describe('a probe as the first packet', () => {
  for (const [what, byte, flags] of [
    ['a NUL', '\0', TCP_ACK],
    ['any byte', 'x', TCP_ACK],
    ['a NUL that is pushed', '\0', TCP_ACK | TCP_PSH],
  ] as const) {
    for (const initial of [1000, -502, 0x7fffffff - 501]) {
      test(`${what}, before ${initial}`, () => {
        for (const side of ['client', 'server'] as const) {
          const other = side === 'client' ? 'server' : 'client'
          const talk = midway(initial)
          talk[side].send(byte, { at: 499, flags })
          talk[other].ack()
          talk.wait(2000)
          talk[side].send('hello')
          talk.end()
          assert.deepEqual(talk.log.slice(1), [`${side === 'client' ? '>' : '<'} hello`, 'close capture-ended'])
          assert.equal(talk.table.counters.keepAlives, 1)
        }
      })
    }
  }

  test('several of them, and then silence: nothing was said', () => {
    const talk = midway()
    for (let i = 0; i < 3; i++) {
      talk.client.send('\0', { at: 499, ...bare })
      talk.server.ack()
      talk.wait(1000)
    }
    talk.end()
    assert.deepEqual(talk.log, ['open', 'close capture-ended'])
    assert.equal(talk.table.counters.keepAlives, 3)
  })

  test('of both sides', () => {
    const talk = midway()
    talk.client.send('\0', { at: 499, ...bare })
    talk.server.send('\0', { at: 499, ...bare })
    talk.client.send('ask')
    talk.server.send('tell')
    assert.deepEqual(talk.log, ['open', '> ask', '< tell'])
  })

  test('then a FIN, or a reset', () => {
    for (const end of ['fin', 'rst'] as const) {
      const talk = midway()
      talk.client.send('\0', { at: 499, ...bare })
      talk.server.ack()
      talk.client[end]()
      talk.server[end]()
      talk.client.ack()
      talk.end()
      const why = end === 'fin' ? ['close finished'] : ['> \0', 'close reset']
      assert.deepEqual(talk.log, ['open', ...why])
    }
  })

  test('below what its sender, or the other side, said before', () => {
    for (const first of ['client', 'server'] as const) {
      const talk = midway()
      talk[first].ack()
      talk.client.send('\0', { at: 499, flags: TCP_ACK | TCP_PSH })
      talk.client.send('hello')
      assert.deepEqual(talk.log, ['open', '> hello'])
    }
  })

  test('a hole behind it', () => {
    const talk = midway()
    talk.client.send('\0', { at: 499, ...bare })
    talk.client.lose(10)
    talk.client.send('hello')
    talk.end()
    assert.deepEqual(talk.log, ['open', '> [10 missing: network]', '> hello', 'close capture-ended'])
  })
})

describe('a byte that is data', () => {
  test('pushed: at once', () => {
    const talk = midway()
    talk.client.send('x')
    assert.deepEqual(talk.log, ['open', '> x'])
  })

  test('sent again with what follows, as after a zero window', () => {
    const talk = midway()
    talk.client.send('h', bare)
    talk.client.send('hello', { at: 500 })
    assert.deepEqual(talk.log, ['open', '> hello'])
  })

  test('the same byte pushed', () => {
    const talk = midway()
    talk.client.send('h', bare)
    talk.client.send('h', { at: 500 })
    talk.client.send('ello')
    assert.deepEqual(talk.log, ['open', '> hello'])
  })

  test('right behind what comes after it', () => {
    const swapped = midway()
    swapped.client.send('o', { at: 504, ...bare })
    swapped.client.send('hell', { at: 500 })
    swapped.client.send('!', { at: 505 })
    assert.deepEqual(swapped.log, ['open', '> hello!'])
  })

  test('nothing comes after it: it is not lost', () => {
    const talk = midway()
    talk.client.send('x', bare)
    talk.server.ack()
    talk.end()
    assert.deepEqual(talk.log, ['open', '> x', 'close capture-ended'])
  })

  test('captured before the SYN', () => {
    const talk = new Conversation()
    talk.client.send('x', bare)
    talk.client.syn()
    talk.client.send('yz', { at: 1 })
    assert.deepEqual(talk.log, ['open', '> xyz'])
  })
})
