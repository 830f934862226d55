// Conversations about order: holes, late and repeated bytes, the middle of a stream, short snapshots.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TCP_ACK } from '../../src/core/segment.ts'
import { Conversation } from '../support/conversation.ts'

describe('in order, once', () => {
  test('reordered', () => {
    const talk = new Conversation().open()
    talk.server.send('ghi', { at: 6 })
    talk.server.send('def', { at: 3 })
    assert.deepEqual(talk.log, ['open'])
    talk.server.send('abc', { at: 0 })
    assert.deepEqual(talk.log, ['open', '< abcdefghi'])
    const stream = talk.recorder.connections[0]!.connection.streams[1]
    assert.deepEqual([stream.outOfOrderSegments, stream.retransmittedBytes, stream.bytes], [2, 0, 9])
    assert.equal(talk.table.queuedBytes, 0)
  })

  test('sent again, whole and in part', () => {
    const talk = new Conversation().open()
    talk.server.send('abcdef')
    talk.server.send('abcdef', { at: 0 })
    talk.server.send('cd', { at: 2 })
    talk.server.send('efgh', { at: 4 })
    assert.deepEqual(talk.log, ['open', '< abcdefgh'])
    assert.equal(talk.recorder.connections[0]!.connection.streams[1].retransmittedBytes, 10)
  })

  test('the first copy wins, and a conflicting second one in the queue is counted', () => {
    const talk = new Conversation().open()
    talk.server.send('def', { at: 3 })
    talk.server.send('DEFghi', { at: 3 })
    talk.server.send('abcXeF', { at: 0 })
    talk.server.send('j')
    assert.deepEqual(talk.log, ['open', '< abcdefghij'])
    const stream = talk.recorder.connections[0]!.connection.streams[1]
    assert.deepEqual([stream.conflictingBytes, stream.retransmittedBytes], [5, 6])
  })

  test('a segment over several queued ones and the holes between them', () => {
    const talk = new Conversation().open()
    talk.server.send('b', { at: 1 })
    talk.server.send('d', { at: 3 })
    talk.server.send('fg', { at: 5 })
    talk.server.send('BcDeF', { at: 1 })
    talk.server.send('a', { at: 0 })
    assert.deepEqual(talk.log, ['open', '< abcdefg'])
    assert.equal(talk.table.counters.conflictingBytes, 3)
  })

  test('segments larger than a page', () => {
    const talk = new Conversation().open()
    const bytes = Buffer.from(Array.from({ length: 30_000 }, (_, i) => (i * 7) & 255))
    talk.server.send(bytes.subarray(20_000), { at: 20_000 })
    talk.server.send(bytes.subarray(7_000, 25_000), { at: 7_000 })
    talk.server.send(bytes.subarray(0, 8_000), { at: 0 })
    assert.deepEqual(talk.recorder.bytes(1), bytes)
    assert.equal(talk.table.counters.conflictingBytes, 0)
  })

  test('keep-alive probes, with a byte and without, are not data', () => {
    const talk = new Conversation().open()
    talk.client.send('abc')
    for (const payload of ['', 'X']) {
      talk.wait(45_000)
      talk.client.send(payload, { at: 2, flags: TCP_ACK })
      talk.server.ack()
    }
    talk.client.send('def', { at: 3 })
    assert.deepEqual(talk.log, ['open', '> abcdef'])
    assert.equal(talk.table.counters.retransmittedBytes, 0)
    assert.equal(talk.table.counters.keepAlives, 1)
  })

  test('probes of a closed window carry the next byte, which comes once', () => {
    const talk = new Conversation().open()
    talk.client.send('abc')
    for (let i = 0; i < 3; i++) {
      talk.client.send('d', { at: 3 })
      talk.server.ack(3)
    }
    talk.client.send('def', { at: 3 })
    assert.deepEqual(talk.log, ['open', '> abcdef'])
  })

  test('sequence numbers wrap', () => {
    const talk = new Conversation({ clientInitialSequence: -4, serverInitialSequence: 0x7ffffffc }).open()
    talk.client.send('abc')
    talk.client.send('ghi', { at: 6 })
    talk.client.send('def', { at: 3 })
    talk.server.send('abc')
    talk.server.send('ghi', { at: 6 })
    talk.server.send('def', { at: 3 })
    talk.client.ack()
    talk.client.fin()
    talk.server.fin()
    talk.client.ack()
    assert.deepEqual(talk.log, ['open', '> abcdefghi', '< abcdefghi', 'close finished'])
  })

  test('a stream passes 4 GiB', () => {
    // Lost stretches make the length; each is within the jump that is allowed.
    const talk = new Conversation({ maximumJumpBytes: 900_000_000, maximumQueuedBytesPerStream: 2048 }).open()
    for (let i = 0; i < 6; i++) {
      talk.server.lose(800_000_000)
      talk.server.send('x')
    }
    talk.server.send('late', { at: talk.server.next - 2 })
    const stream = talk.recorder.connections[0]!.streams[1]
    assert.equal(stream.offset, 6 * 800_000_001 + 2)
    assert.equal(stream.late[0]!.offset, 6 * 800_000_001 - 2)
    assert.equal(talk.recorder.text(1), 'xxxxxxte')
  })
})

describe('holes', () => {
  test('acknowledged: given up after the grace, the capture to blame', () => {
    const talk = new Conversation().open()
    talk.server.lose(1460)
    talk.server.send('def')
    talk.client.ack()
    talk.wait(190)
    assert.deepEqual(talk.log, ['open'])
    talk.wait(20)
    assert.deepEqual(talk.log, ['open', '< [1460 missing: capture]', '< def'])
    const stream = talk.recorder.connections[0]!.connection.streams[1]
    assert.deepEqual([stream.gaps, stream.missingBytes, stream.bytes], [1, 1460, 3])
  })

  test('a side of which nothing is captured, as behind a one-way filter, lacks nothing', () => {
    const talk = new Conversation()
    talk.server.synAck()
    talk.client.lose(41)
    talk.server.send('answer')
    talk.wait(400)
    talk.client.lose(500)
    talk.server.ack()
    talk.end()
    assert.deepEqual(
      talk.log.filter((line) => line.includes('missing')),
      [],
    )
    assert.equal(talk.recorder.text(1), 'answer')
    assert.equal(talk.table.counters.gapBytes, 0)
  })

  test('acknowledged before it is captured: no gap', () => {
    const talk = new Conversation().open()
    talk.client.ack(undefined, { ack: talk.server.sequenceAt(6) })
    talk.server.send('def', { at: 3 })
    talk.server.send('abc', { at: 0 })
    talk.wait(1000)
    talk.end()
    assert.deepEqual(talk.log, ['open', '< abcdef', 'close capture-ended'])
  })

  test('always acknowledged before it is captured: nothing is held back', () => {
    const talk = new Conversation().open()
    for (let i = 0; i < 500; i++) {
      talk.client.ack(i + 1)
      talk.server.send('x')
    }
    assert.equal(talk.table.counters.gaps, 0)
    assert.equal(talk.recorder.text(1).length, 500)
  })

  test('acknowledged with nothing behind it: said after the grace', () => {
    const talk = new Conversation().open()
    talk.server.lose(1460)
    talk.client.ack()
    talk.wait(220)
    assert.deepEqual(talk.log, ['open', '< [1460 missing: capture]'])
    talk.server.send('next')
    assert.deepEqual(talk.log.at(-1), '< next')
  })

  test('a lone byte acknowledged may be a FIN that was missed: not a gap until something is behind it', () => {
    const talk = new Conversation().open()
    talk.server.send('abc')
    talk.client.ack(4)
    talk.wait(1000)
    assert.deepEqual(talk.log, ['open', '< abc'])
    talk.server.lose(1)
    talk.server.send('e')
    talk.client.ack()
    talk.wait(1000)
    assert.deepEqual(talk.log, ['open', '< abc', '< [1 missing: capture]', '< e'])
  })

  test('acknowledged in part: only that part is the capture to blame for', () => {
    const talk = new Conversation().open()
    talk.server.lose(10)
    talk.server.send('klm')
    talk.client.ack(4)
    talk.wait(1000)
    assert.deepEqual(talk.log, ['open', '< [4 missing: capture]'])
    talk.server.send('efghij', { at: 4 })
    assert.deepEqual(talk.log.at(-1), '< efghijklm')
  })

  test('several acknowledged holes go within two graces, not one each', () => {
    const talk = new Conversation().open()
    for (let i = 0; i < 10; i++) {
      talk.server.lose(5)
      talk.server.send('x')
      talk.client.ack()
    }
    talk.wait(440)
    assert.equal(talk.table.counters.gaps, 10)
    assert.equal(talk.recorder.text(1), 'xxxxxxxxxx')
  })

  test('never acknowledged: waits for its retransmission, a minute at most', () => {
    const talk = new Conversation().open()
    talk.server.lose(3)
    talk.server.send('def')
    for (let i = 0; i < 3; i++) talk.client.ack(0)
    talk.wait(59_000)
    assert.deepEqual(talk.log, ['open'])
    talk.wait(2000)
    assert.deepEqual(talk.log, ['open', '< [3 missing: network]', '< def'])
  })

  test('when it is filled, it is filled', () => {
    const talk = new Conversation().open()
    talk.server.lose(3)
    talk.server.send('def')
    talk.client.ack(0)
    talk.wait(30_000)
    talk.server.send('abc', { at: 0 })
    talk.client.ack()
    talk.wait(60_000)
    assert.deepEqual(talk.log, ['open', '< abcdef'])
  })

  test('late bytes go out with their place, once', () => {
    const talk = new Conversation().open()
    talk.server.send('ab')
    talk.server.lose(4)
    talk.server.send('gh')
    talk.client.ack()
    talk.wait(220)
    talk.server.send('bcd', { at: 1 })
    talk.server.send('abcdefghij', { at: 0 })
    talk.server.send('cdef', { at: 2 })
    assert.deepEqual(talk.log, ['open', '< ab', '< [4 missing: capture]', '< gh', '< late 2 cd', '< late 4 ef', '< ij'])
    assert.equal(talk.table.counters.lateBytes, 4)
    assert.equal(talk.table.counters.retransmittedBytes, 1 + 6 + 4)
  })

  test('an acknowledgement of bytes that cannot be is not believed', () => {
    const talk = new Conversation().open()
    talk.client.ack(undefined, { ack: talk.server.sequenceAt(100_000_000) })
    talk.client.ack(undefined, { ack: talk.server.sequenceAt(5000), sequence: 1_900_000_000 })
    talk.wait(1000)
    talk.server.send('abc')
    assert.deepEqual(talk.log, ['open', '< abc'])
    assert.equal(talk.table.counters.ignoredAcknowledgements, 2)
  })

  test('times: filled when the filler came; behind a gap their own; never backwards', () => {
    const talk = new Conversation().open()
    const times: number[] = []
    const onData = talk.recorder.onData.bind(talk.recorder)
    talk.recorder.onData = (c, d, offset, buf, start, end, t) => {
      times.push(t.nanos / 1e6)
      onData(c, d, offset, buf, start, end, t)
    }
    talk.server.send('b', { at: 1 }) // 4 ms
    talk.server.send('d', { at: 3 }) // 5 ms
    talk.server.send('f', { at: 5 }) // 6 ms
    talk.server.send('a', { at: 0 }) // 7 ms: a, b
    talk.client.ack() // d and f acknowledged with their holes
    talk.wait(220)
    assert.deepEqual(times, [7, 7, 7, 7])
    talk.server.lose(1)
    talk.server.send('h')
    talk.client.ack()
    talk.wait(220)
    assert.deepEqual(times.slice(4), [229])
  })
})

describe('a capture that starts mid-stream', () => {
  test('starts at the first byte seen, holding nothing back', () => {
    const talk = new Conversation()
    talk.client.lose(500)
    talk.client.send('abc')
    talk.server.send('def')
    assert.deepEqual(talk.log, ['open', '> abc', '< def'])
  })

  test('first segments swapped, the other side acknowledged where the stream stands', () => {
    const talk = new Conversation()
    talk.server.lose(500)
    talk.client.ack()
    talk.server.send('def', { at: 503 })
    assert.deepEqual(talk.log, ['open'])
    talk.server.send('abc', { at: 500 })
    talk.server.send('ghi')
    assert.deepEqual(talk.log, ['open', '< abcdefghi'])
  })

  test('what was in flight before the capture is no gap, and holds back only for the grace', () => {
    const talk = new Conversation()
    talk.client.ack(0)
    talk.server.lose(100_000)
    talk.server.send('abc')
    talk.server.send('def')
    talk.wait(220)
    assert.deepEqual(talk.log, ['open', '< abcdef'])
    assert.equal(talk.recorder.connections[0]!.streams[1].offset, 6)
  })

  test('nor at the end of the capture', () => {
    const talk = new Conversation()
    talk.client.ack(0)
    talk.server.lose(100_000)
    talk.server.send('abc')
    talk.end()
    assert.deepEqual(talk.log, ['open', '< abc', 'close capture-ended'])
  })

  test('much in flight: nothing held back at all', () => {
    const talk = new Conversation()
    talk.client.ack(0)
    talk.server.lose(5_000_000)
    talk.server.send('abc')
    assert.deepEqual(talk.log, ['open', '< abc'])
  })

  test('bytes before an empty segment go first, while nothing was delivered', () => {
    const talk = new Conversation()
    talk.client.lose(500)
    talk.client.ack()
    talk.client.send('abc', { at: 497 })
    talk.client.send('def', { at: 500 })
    assert.deepEqual(talk.log, ['open', '> abcdef'])
  })

  test('bytes from before the start, when something was delivered, are counted', () => {
    const talk = new Conversation()
    talk.client.lose(500)
    talk.client.send('def')
    talk.client.send('abcd', { at: 497 })
    assert.deepEqual(talk.log, ['open', '> def'])
    assert.equal(talk.table.counters.bytesBeforeStart, 3)
    assert.equal(talk.table.counters.retransmittedBytes, 1)
  })

  test('bytes missing behind an empty segment are a gap: they were sent after it', () => {
    const talk = new Conversation()
    talk.client.lose(500)
    talk.client.ack()
    talk.client.lose(10)
    talk.client.send('abc')
    talk.server.ack()
    talk.wait(220)
    assert.deepEqual(talk.log, ['open', '> [10 missing: capture]', '> abc'])
  })

  for (const payload of ['', 'X']) {
    test(`a keep-alive probe first (${payload.length} bytes), then data`, () => {
      const talk = new Conversation()
      talk.client.lose(500)
      talk.server.ack()
      talk.client.send(payload, { at: 499, flags: TCP_ACK })
      talk.server.ack()
      talk.client.send('abc', { at: 500 })
      assert.deepEqual(talk.log, ['open', '> abc'])
    })
  }

  test('an empty keep-alive probe as the very first, then data', () => {
    const talk = new Conversation()
    talk.client.lose(500)
    talk.client.send('', { at: 499, flags: TCP_ACK })
    talk.client.send('abc', { at: 500 })
    assert.deepEqual(talk.log, ['open', '> abc'])
  })

  test('only the end of it', () => {
    const talk = new Conversation()
    talk.client.lose(500)
    talk.client.fin()
    talk.server.fin()
    talk.client.ack()
    assert.deepEqual(talk.log, ['open', 'close finished'])
  })

  test('one direction only', () => {
    const talk = new Conversation()
    talk.server.send('abc')
    talk.server.send('ghi', { at: 6 })
    talk.server.send('def', { at: 3 })
    talk.server.fin()
    talk.end()
    assert.deepEqual(talk.log, ['open', '< abcdefghi', 'close capture-ended'])
  })
})

describe('short snapshots', () => {
  test('payload, then the gap', () => {
    const talk = new Conversation().open()
    talk.server.send('abc', { missing: 5 })
    talk.server.send('ijk', { missing: 2 })
    assert.deepEqual(talk.log, ['open', '< abc', '< [5 missing: snaplen]', '< ijk', '< [2 missing: snaplen]'])
  })

  test('nothing of the payload captured', () => {
    const talk = new Conversation().open()
    talk.server.send('', { missing: 5 })
    talk.server.send('', { missing: 5, at: 10 })
    talk.server.send('', { missing: 5, at: 5 })
    talk.server.fin()
    talk.client.fin()
    talk.server.ack()
    assert.deepEqual(
      talk.recorder.connections[0]!.streams[1].gaps.map((gap) => [gap.offset, gap.length, gap.cause]),
      [
        [0, 5, 'snaplen'],
        [5, 5, 'snaplen'],
        [10, 5, 'snaplen'],
      ],
    )
    assert.equal(talk.log.at(-1), 'close finished')
  })

  test('a full copy while it is queued', () => {
    const talk = new Conversation().open()
    talk.server.send('def', { at: 3, missing: 3 })
    talk.server.send('defghi', { at: 3 })
    talk.server.send('abc', { at: 0 })
    assert.deepEqual(talk.log, ['open', '< abcdefghi'])
  })

  test('queued behind a hole', () => {
    const talk = new Conversation().open()
    talk.server.send('def', { at: 3, missing: 3 })
    talk.server.send('jkl', { at: 9, missing: 3 })
    talk.server.send('', { at: 15, missing: 3 })
    talk.server.send('abc', { at: 0 })
    talk.server.send('mno', { at: 12 })
    assert.deepEqual(talk.log, [
      'open',
      '< abcdef',
      '< [3 missing: snaplen]',
      '< jkl',
      '< [3 missing: snaplen]',
      '< [3 missing: snaplen]',
      '< late 12 mno',
    ])
    assert.equal(talk.recorder.connections[0]!.streams[1].offset, 18)
  })

  test('a full copy afterwards is late data', () => {
    const talk = new Conversation().open()
    talk.server.send('abc', { missing: 3 })
    talk.server.send('abcdef', { at: 0 })
    assert.deepEqual(talk.log, ['open', '< abc', '< [3 missing: snaplen]', '< late 3 def'])
  })
})
