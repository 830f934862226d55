// Everything is bounded: what happens when the table, a queue or the pool is full, and that capture time may be absurd.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Packet } from '../../src/core/packet.ts'
import { Segment, TCP_ACK, TCP_PSH, TCP_SYN } from '../../src/core/segment.ts'
import { FlowTable } from '../../src/flow/flow-table.ts'
import { defaultFlowTableOptions } from '../../src/flow/options.ts'
import { PAGE_BYTES } from '../../src/flow/page-pool.ts'
import { Conversation, RecordingConsumer } from '../support/conversation.ts'

/** One of many clients of one server, by number; every second of them on IPv6. */
function segmentOf(client: number, flags: number, sequence: number, payload = ''): Segment {
  const s = new Segment()
  s.time.seconds = 1_700_000_000 + Math.floor(client / 1000)
  s.time.nanos = (client % 1000) * 1e6
  if (client % 2 === 1) {
    s.family = 6
    s.sourceWord0 = s.destinationWord0 = 0x20010db8
    s.sourceWord2 = client >> 20
  }
  s.sourceWord3 = 0x0a000000 + (client >> 14)
  s.destinationWord3 = 0x0b000001
  s.sourcePort = 20_000 + (client & 0x3fff)
  s.destinationPort = 80
  s.flags = flags
  s.sequence = sequence
  s.buf = Buffer.from(payload)
  s.payloadEnd = payload.length
  return s
}

const packet = new Packet()

describe('the table', () => {
  test('when full, the connection that was silent longest goes; it goes on when it speaks', () => {
    const recorder = new RecordingConsumer()
    const table = new FlowTable(recorder, { ...defaultFlowTableOptions, maximumConnections: 3 })
    let seconds = 1_700_000_000
    const say = (client: number, sequence: number, payload: string) => {
      const s = segmentOf(client, TCP_ACK | TCP_PSH, sequence, payload)
      s.time.seconds = seconds++
      table.onSegment(s, packet)
    }
    say(1, 100, 'a')
    say(2, 200, 'b')
    say(3, 300, 'c')
    say(1, 101, 'A')
    say(4, 400, 'd')
    assert.deepEqual(recorder.log.slice(-3), ['close evicted', 'open', '> d'])
    assert.equal(recorder.connections[1]!.closed, 'evicted')
    say(2, 203, 'BB')
    const again = recorder.connections.at(-1)!
    assert.deepEqual([again.resumed, again.occurrence, again.connection.streams[0].offset], [true, 0, 1])
    say(2, 201, 'bb')
    assert.equal(recorder.text(0, 4), 'bbBB')
    assert.equal(recorder.connections[2]!.closed, 'evicted', 'then number 3 was the one silent longest')
    assert.deepEqual(
      [table.counters.evicted, table.counters.resumed, table.counters.openNow, table.counters.halfOpenDropped],
      [2, 1, 3, 0],
    )
  })

  test('half-open connections go before established ones', () => {
    const recorder = new RecordingConsumer()
    const table = new FlowTable(recorder, { ...defaultFlowTableOptions, maximumConnections: 3 })
    table.onSegment(segmentOf(1, TCP_ACK, 1, 'data'), packet)
    for (let client = 2; client < 100; client++) table.onSegment(segmentOf(client, TCP_SYN, 1), packet)
    assert.equal(recorder.connections[0]!.closed, undefined)
    assert.equal(table.counters.halfOpenDropped, 96)
    assert.equal(table.counters.openNow, 3)
  })

  test('a flood of SYNs takes its share of the table and no more', () => {
    let open = 0
    let most = 0
    let slots = 0
    const table = new FlowTable(
      {
        onOpen: (c) => {
          most = Math.max(most, ++open)
          slots = Math.max(slots, c.slot)
        },
        onData() {},
        onGap() {},
        onLateData() {},
        onClose: () => open--,
      },
      { ...defaultFlowTableOptions, maximumHalfOpen: 100 },
    )
    for (let client = 0; client < 50; client++) table.onSegment(segmentOf(client, TCP_ACK, 1, 'data'), packet)
    const s = segmentOf(0, TCP_SYN, 1)
    for (let i = 0; i < 20_000; i++) {
      s.sourceWord3 = 0x50000000 + i
      table.onSegment(s, packet)
    }
    assert.equal(open, 150)
    assert.equal(most, 150)
    assert.equal(slots, 149)
    assert.equal(table.counters.halfOpenDropped, 19_900)
  })

  test('floods of lone ACKs and FINs do not push out connections with data', () => {
    for (const flags of [TCP_ACK, TCP_ACK | 1]) {
      const recorder = new RecordingConsumer()
      const table = new FlowTable(recorder, { ...defaultFlowTableOptions, maximumConnections: 10 })
      table.onSegment(segmentOf(0, TCP_ACK, 1, 'data'), packet)
      for (let client = 1; client < 1000; client++) table.onSegment(segmentOf(client, flags, 1), packet)
      assert.equal(recorder.connections[0]!.closed, undefined)
    }
  })

  test('a silent connection that was evicted is reset: told, with its occurrence', () => {
    const talk = new Conversation({ maximumConnections: 2 }).open()
    talk.client.send('abc')
    talk.table.onSegment(segmentOf(1, TCP_ACK | TCP_PSH, 1, 'x'), packet)
    talk.table.onSegment(segmentOf(2, TCP_ACK | TCP_PSH, 1, 'y'), packet)
    talk.server.rst()
    talk.wait(2200)
    assert.deepEqual(talk.log.slice(-3), ['close evicted', 'resumed', 'close reset'])
  })

  test('a file that only finishes connections opens none', () => {
    const talk = new Conversation().open()
    talk.table.opensConnections = false
    talk.client.send('abc')
    talk.table.onSegment(segmentOf(1, TCP_ACK | TCP_PSH, 1, 'x'), packet)
    assert.deepEqual(talk.log, ['open', '> abc'])
    assert.equal(talk.table.counters.ignoredSegments, 1)
  })
})

describe('the queue', () => {
  test('of a stream, when full: the first hole is given up, nothing behind it is lost', () => {
    const talk = new Conversation({ maximumQueuedBytesPerStream: 4 * PAGE_BYTES }).open()
    talk.server.lose(1)
    for (const text of ['b', 'c', 'd']) talk.server.send(text)
    talk.server.lose(1)
    talk.server.send('f')
    assert.deepEqual(talk.log, ['open', '< [1 missing: limit]', '< bcd'])
    talk.server.send('e', { at: 4 })
    assert.deepEqual(talk.log.at(-1), '< bcdef')
    assert.equal(talk.table.counters.limitGaps, 1)
  })

  test('a segment larger than the bound', () => {
    const talk = new Conversation({ maximumQueuedBytesPerStream: PAGE_BYTES }).open()
    talk.server.lose(7)
    talk.server.send('x'.repeat(10_000))
    assert.equal(talk.recorder.text(1).length, 10_000)
    assert.deepEqual(talk.recorder.connections[0]!.streams[1].gaps, [{ offset: 0, length: 7, cause: 'limit' }])
  })

  test('full and acknowledged: the capture is to blame', () => {
    const talk = new Conversation({ maximumQueuedBytesPerStream: 2 * PAGE_BYTES }).open()
    talk.server.lose(7)
    talk.server.send('x')
    talk.client.ack()
    talk.server.send('y')
    assert.deepEqual(talk.log, ['open', '< [7 missing: capture]', '< xy'])
  })

  test('of all streams, when full: another stream gives up its hole', () => {
    const recorder = new RecordingConsumer()
    const table = new FlowTable(recorder, { ...defaultFlowTableOptions, maximumQueuedBytes: 10 * PAGE_BYTES })
    for (let client = 1; client <= 2; client++) table.onSegment(segmentOf(client, TCP_ACK | TCP_PSH, 0, 'a'), packet)
    for (let i = 0; i < 8; i++) table.onSegment(segmentOf(1, TCP_ACK | TCP_PSH, 10 + 2 * i, 'x'), packet)
    table.onSegment(segmentOf(2, TCP_ACK | TCP_PSH, 2, 'c'), packet)
    assert.deepEqual(recorder.connections[0]!.streams[0].gaps, [])
    table.onSegment(segmentOf(2, TCP_ACK | TCP_PSH, 4, 'e'), packet)
    assert.deepEqual(recorder.connections[0]!.streams[0].gaps, [{ offset: 1, length: 9, cause: 'limit' }])
    assert.ok(table.queuedBytes <= 10 * PAGE_BYTES)
    table.closeAll('capture-ended', packet.time)
    assert.equal(table.queuedBytes, 0)
    assert.equal(recorder.text(0, 0), 'axxxxxxxx')
    assert.equal(recorder.text(0, 1), 'ace')
  })

  test('a stream that was only relieved, and is finished with that, is closed', () => {
    const talk = new Conversation({ maximumQueuedBytes: 4 * PAGE_BYTES }).open()
    talk.client.fin()
    talk.server.lose(1)
    talk.server.fin('x')
    talk.client.ack()
    for (let i = 0; i < 5; i++) {
      const s = segmentOf(9, TCP_ACK | TCP_PSH, 4 * i, 'z')
      s.time.set(talk.time)
      talk.table.onSegment(s, packet)
    }
    talk.wait(600)
    assert.ok(talk.log.includes('close finished'))
  })
})

describe('capture time', () => {
  for (const [what, millis] of [
    ['forward', 10 * 365 * 86_400_000],
    ['backward', -10 * 365 * 86_400_000],
  ] as const) {
    test(`one absurd timestamp ${what} ends nothing`, () => {
      const talk = new Conversation()
      talk.recorder.timesGoForward = false
      talk.client.syn()
      talk.skip(millis)
      talk.server.synAck()
      talk.skip(-millis)
      talk.client.ack()
      talk.client.send('abc')
      talk.server.fin()
      talk.skip(millis)
      talk.server.ack()
      talk.skip(-millis)
      talk.client.send('def')
      assert.deepEqual(talk.log, ['open', '> abcdef'])
    })
  }

  test('a long silence counts once it is confirmed', () => {
    const talk = new Conversation()
    talk.client.syn()
    talk.skip(7_200_000)
    talk.table.onSegment(segmentOf(1, TCP_SYN, 1), packet)
    assert.deepEqual(talk.log, ['open', 'open'])
    talk.wait(1000)
    talk.wait(1000)
    assert.ok(talk.log.includes('close timeout'))
  })

  test('a connection that opens after a long silence, or with an absurd timestamp, does not time out for it', () => {
    const talk = new Conversation()
    talk.recorder.timesGoForward = false
    talk.table.onSegment(segmentOf(1, TCP_ACK | TCP_PSH, 1, 'x'), packet)
    talk.skip(7_200_000)
    talk.client.syn()
    talk.server.synAck()
    talk.wait(60_000)
    assert.deepEqual(talk.log, ['open', '> x', 'open'])
    talk.skip(86_400_000 * 400)
    talk.table.onSegment(segmentOf(2, TCP_SYN, 1), packet)
    talk.client.ack()
    talk.skip(-86_400_000 * 400)
    talk.client.send('abc')
    talk.wait(60_000)
    assert.deepEqual(talk.log, ['open', '> x', 'open', 'open', '> abc'])
    talk.wait(16_000)
    assert.deepEqual(talk.log.at(-1), 'close timeout')
  })

  test('a second file from an earlier time goes on', () => {
    const talk = new Conversation()
    talk.recorder.timesGoForward = false
    talk.client.syn()
    talk.skip(-86_400_000)
    talk.wait(60_000)
    assert.deepEqual(talk.log, ['open'])
    talk.wait(20_000)
    assert.deepEqual(talk.log, ['open', 'close timeout'])
  })

  test('timestamps that are no numbers do no harm', () => {
    const talk = new Conversation().open()
    talk.recorder.timesGoForward = false
    const { seconds } = talk.time
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 0, -1]) {
      talk.time.seconds = value
      talk.table.advance(talk.time)
    }
    talk.time.seconds = seconds
    talk.client.send('abc')
    talk.client.lose(5)
    talk.client.send('def')
    talk.server.ack()
    talk.wait(600)
    assert.deepEqual(talk.log, ['open', '> abc', '> [5 missing: capture]', '> def'])
  })
})
