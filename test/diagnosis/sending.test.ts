// How segments are classed: sent again or new, needed or not, windows, keep-alives, Nagle. What each is told apart from.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sidesOf } from '../support/diagnosed.ts'
import { Talk } from '../support/talk.ts'

const FULL = 'x'.repeat(1000)
/** Sequence number of the first byte of each side in a Talk. */
const [CLIENT_FIRST, SERVER_FIRST] = [1001, 500_001]

/** A client that sends `count` full segments, none of them acknowledged yet. */
function sending(count: number): Talk {
  const talk = new Talk().open()
  for (let i = 0; i < count; i++) talk.client(FULL)
  return talk
}

/** Segment number `which` of the client once more. */
function again(talk: Talk, which: number): Talk {
  return talk.segment(0, { flags: 'P.', seq: CLIENT_FIRST + which * 1000, payload: FULL })
}

/** The server acknowledges all before segment number `which`. */
function upTo(talk: Talk, which: number, options: Buffer = Buffer.alloc(0)): Talk {
  return talk.segment(1, { flags: '.', ack: CLIENT_FIRST + which * 1000, options })
}

function words(...values: number[]): Buffer {
  const buf = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) buf.writeUInt32BE(value >>> 0, i * 4)
  return buf
}

/** Time stamps and SACK blocks, given as segment numbers. */
function sack(...edges: number[]): Buffer {
  const blocks = words(...edges.map((edge) => CLIENT_FIRST + edge * 1000))
  return Buffer.concat([Buffer.from([1, 1, 8, 10]), Buffer.alloc(8), Buffer.from([1, 1, 5, 2 + blocks.length]), blocks])
}

describe('sent again', () => {
  test('after a timeout, and needed', () => {
    const [client] = sidesOf(upTo(again(sending(1).wait(250), 0), 1).close())
    assert.equal(client.retransmissions, 1)
    assert.equal(client.timeoutRetransmissions, 1)
    assert.equal(client.fastRetransmissions, 0)
    assert.equal(client.neededRetransmissions, 1)
    assert.equal(client.retransmittedBytes, 1000)
  })

  test('after three duplicate acknowledgements: fast', () => {
    const talk = upTo(upTo(upTo(upTo(sending(5), 1), 1), 1), 1)
    const [client, server] = sidesOf(upTo(again(talk, 1), 5).close())
    assert.equal(server.duplicateAcknowledgements, 3)
    assert.equal(client.fastRetransmissions, 1)
    assert.equal(client.timeoutRetransmissions, 0)
    assert.equal(client.neededRetransmissions, 1)
  })

  test('though acknowledged before: spurious', () => {
    const [client] = sidesOf(again(upTo(sending(1), 1).wait(250), 0).close())
    assert.equal(client.retransmissions, 1)
    assert.equal(client.spuriousRetransmissions, 1)
    assert.equal(client.neededRetransmissions, 0)
  })

  test('spurious by the word of the receiver (RFC 2883)', () => {
    const talk = upTo(again(sending(1).wait(250), 0), 1)
    const [client] = sidesOf(upTo(talk, 1, sack(0, 1)).close())
    assert.equal(client.spuriousRetransmissions, 1)
    assert.equal(client.neededRetransmissions, 0)
  })

  test('spurious both ways is counted once, and a needed one beside it stays needed', () => {
    const needed = upTo(again(sending(1).wait(250), 0), 1)
    const late = again(needed.client(FULL).segment(1, { flags: '.' }).wait(250), 1)
    const [client] = sidesOf(upTo(late, 2, sack(1, 2)).close())
    assert.equal(client.retransmissions, 2)
    assert.equal(client.spuriousRetransmissions, 1)
    assert.equal(client.neededRetransmissions, 1)
  })

  test('not: SACK that tells of a hole, and nothing that came twice', () => {
    const talk = upTo(again(upTo(sending(3), 1, sack(2, 3)), 1), 3)
    const [client] = sidesOf(talk.close())
    assert.equal(client.spuriousRetransmissions, 0)
    assert.equal(client.neededRetransmissions, 1)
  })

  test('the same segment again and again, until it is acknowledged', () => {
    const talk = again(again(again(sending(1).wait(250), 0).wait(400), 0).wait(800), 0)
    const [client] = sidesOf(upTo(talk, 1).close())
    assert.equal(client.mostRepeats, 3)
    assert.equal(client.repeats, 0)
    assert.equal(client.timeoutRetransmissions, 3)
  })

  test('across the end of the sequence numbers', () => {
    const talk = new Talk().segment(0, { flags: 'S', seq: 0xffff_fff0, ack: 0 })
    talk.segment(1, { flags: 'S.', seq: 10, ack: 0xffff_fff1 })
    const payload = { flags: 'P.', seq: 0xffff_fff1, ack: 11, payload: FULL }
    talk
      .segment(0, payload)
      .wait(250)
      .segment(0, payload)
      .segment(1, { flags: '.', seq: 11, ack: 0xffff_fff1 + 1000 })
    const [client] = sidesOf(talk)
    assert.equal(client.neededRetransmissions, 1)
    assert.equal(client.timeoutRetransmissions, 1)
  })
})

describe('out of order', () => {
  test('two segments that changed places', () => {
    const [client] = sidesOf(upTo(sending(2).swap(), 2).close())
    assert.equal(client.reordered, 1)
    assert.equal(client.retransmissions, 0)
    assert.equal(client.lostBefore, 0)
  })

  test('one that overtook several', () => {
    const talk = new Talk().open().lose(0, 3000).client(FULL)
    const [client] = sidesOf(upTo(again(again(again(talk, 0), 1), 2), 4).close())
    assert.equal(client.reordered, 3)
    assert.equal(client.retransmissions, 0)
  })

  test('several that came back to front', () => {
    const talk = new Talk().open().lose(0, 3000).client(FULL)
    const [client] = sidesOf(upTo(again(again(again(talk, 2), 1), 0), 4).close())
    assert.equal(client.reordered, 3)
    assert.equal(client.retransmissions, 0)
  })

  test('a hole that is filled later was lost before the capture point', () => {
    const talk = new Talk().open().client(FULL).lose(0, 1000).client(FULL).wait(200)
    const [client] = sidesOf(upTo(again(talk, 1), 3).close())
    assert.equal(client.lostBefore, 1)
    assert.equal(client.reordered, 0)
  })

  test('what lies beside the hole was sent again', () => {
    const talk = new Talk().open().client(FULL).lose(0, 1000).client(FULL)
    const [client] = sidesOf(upTo(again(again(talk, 0), 1), 3).close())
    assert.equal(client.retransmissions, 1)
  })
})

describe('windows', () => {
  const SCALE_7 = Buffer.from([1, 3, 3, 7])

  function scaled(): Talk {
    return new Talk()
      .segment(0, { flags: 'S', ack: 0, options: SCALE_7 }, 1)
      .segment(1, { flags: 'S.', options: SCALE_7 }, 1)
      .acknowledge(0)
  }

  test('zero, for so long, and open again', () => {
    const talk = scaled()
      .client(FULL)
      .segment(1, { flags: '.', window: 0 })
      .wait(500)
      .segment(1, { flags: '.', window: 500 })
    const [, server] = sidesOf(talk.close())
    assert.equal(server.zeroWindows, 1)
    assert.equal(server.zeroWindowMicros, 501_000)
    assert.equal(server.longestZeroWindowMicros, 501_000)
    assert.equal(server.zeroWindowSinceMicros, 0)
  })

  test('smaller than a segment, and the scale counts', () => {
    const small = scaled()
      .client(FULL)
      .segment(1, { flags: '.', window: 7 })
      .wait(300)
      .segment(1, { flags: '.', window: 8 })
    const [, server] = sidesOf(small.close())
    assert.equal(server.smallWindowMicros, 301_000)
    assert.equal(server.zeroWindows, 0)
    const [, open] = sidesOf(
      scaled().client(FULL).segment(1, { flags: '.', window: 8 }).wait(300).acknowledge(1).close(),
    )
    assert.equal(open.smallWindowMicros, 0)
  })

  test('not: a scale that is not known, as the capture began later', () => {
    const talk = new Talk().client(FULL).segment(1, { flags: '.', window: 100 }).wait(500).client(FULL)
    const [client, server] = sidesOf(talk.segment(1, { flags: '.', window: 502 }))
    assert.equal(server.smallWindowMicros, 0)
    assert.equal(server.smallWindowSinceMicros, 0)
    assert.equal(client.windowFull, 0)
  })

  test('zero is zero whatever the scale', () => {
    const talk = new Talk()
      .client(FULL)
      .segment(1, { flags: '.', window: 0 })
      .wait(500)
      .segment(1, { flags: '.', window: 9 })
    assert.equal(sidesOf(talk)[1].zeroWindows, 1)
  })

  test('not: large segments of offloading, and a window that takes less than the largest of them', () => {
    const talk = scaled().client('x'.repeat(40_000)).segment(1, { flags: '.', window: 300 }).wait(500).client(FULL)
    assert.equal(sidesOf(talk.segment(1, { flags: '.', window: 500 }).close())[1].smallWindowMicros, 0)
  })

  test('probes of a closed window are no keep-alives, and nothing sent again', () => {
    const talk = scaled().client(FULL).segment(1, { flags: '.', window: 0 })
    const probe = { flags: '.', seq: CLIENT_FIRST + 999, payload: '' }
    talk.wait(1000).segment(0, probe).segment(1, { flags: '.', window: 0 }).wait(2000).segment(0, probe)
    const [client] = sidesOf(talk.segment(1, { flags: '.', window: 500 }).client(FULL).acknowledge(1).close())
    assert.equal(client.windowProbes, 2)
    assert.equal(client.keepAliveProbes, 0)
    assert.equal(client.retransmissions, 0)
  })
})

describe('keep-alives', () => {
  for (const payload of ['', '\0']) {
    test(`with ${payload.length} bytes: how many, answered, and after how long`, () => {
      const talk = new Talk().open().client('GET').server('OK').acknowledge(0)
      const probe = { flags: '.', seq: CLIENT_FIRST + 2, payload }
      talk.wait(60_000).segment(0, probe).acknowledge(1).wait(60_000).segment(0, probe).acknowledge(1)
      const [client, server] = sidesOf(talk.close())
      assert.equal(client.keepAliveProbes, 2)
      assert.equal(client.keepAliveAnswers, 2)
      assert.equal(client.keepAliveIdleMicros, 60_001_000)
      assert.equal(client.retransmissions, 0)
      assert.equal(client.dataSegments, 1)
      assert.equal(server.keepAliveProbes, 0)
    })
  }

  test('of the server, before it has sent any data', () => {
    const talk = new Talk().open().client('GET').acknowledge(1).wait(30_000)
    const [, server] = sidesOf(
      talk
        .segment(1, { flags: '.', seq: SERVER_FIRST - 1 })
        .acknowledge(0)
        .close(),
    )
    assert.equal(server.keepAliveProbes, 1)
    assert.equal(server.keepAliveAnswers, 1)
  })

  test('of a connection that began before the capture: from the second on', () => {
    const probe = { flags: '.', seq: 999 }
    const talk = new Talk().segment(0, probe).acknowledge(1).wait(60_000).segment(0, probe).acknowledge(1)
    talk.wait(60_000).segment(0, probe).acknowledge(1)
    const [client] = sidesOf(talk)
    assert.equal(client.keepAliveProbes, 2)
    assert.equal(client.keepAliveIdleMicros, 60_001_000)
  })

  test('not: the last byte sent again though acknowledged', () => {
    const talk = new Talk()
      .open()
      .client('x')
      .acknowledge(1)
      .wait(220)
      .segment(0, { flags: 'P.', seq: CLIENT_FIRST, payload: 'x' })
    const [client] = sidesOf(talk.close())
    assert.equal(client.keepAliveProbes, 0)
    assert.equal(client.spuriousRetransmissions, 1)
  })
})

describe('Nagle and delayed acknowledgements', () => {
  test('small segment, 40 ms, bare acknowledgement, the next small segment: again and again', () => {
    const talk = new Talk().open()
    for (let i = 0; i < 3; i++) talk.client('head').wait(40).acknowledge(1).client('body').server('OK').wait(10)
    const [client] = sidesOf(talk.close())
    assert.equal(client.nagleDelays, 3)
    assert.equal(client.nagleMicros, 3 * 42_000)
  })

  test('not: the answer comes with the acknowledgement', () => {
    const talk = new Talk().open()
    for (let i = 0; i < 3; i++) talk.client('ask').wait(40).server('OK')
    assert.equal(sidesOf(talk.close())[0].nagleDelays, 0)
  })

  test('not: a slow answer after a delayed acknowledgement', () => {
    const talk = new Talk().open()
    for (let i = 0; i < 3; i++) talk.client('ask').wait(40).acknowledge(1).wait(60).server('OK')
    assert.equal(sidesOf(talk.close())[0].nagleDelays, 0)
  })

  test('not: somebody types, and each key is acknowledged 40 ms later', () => {
    const talk = new Talk().open()
    for (let i = 0; i < 5; i++) talk.client('k').wait(40).acknowledge(1).wait(120)
    assert.equal(sidesOf(talk.close())[0].nagleDelays, 0)
  })
})
