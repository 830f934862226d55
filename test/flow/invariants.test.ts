// Three invariants of every stream: however a stream is cut into segments, and however they are shuffled, doubled and
// overlapped, the same bytes come out; and random segments never throw, hang or grow.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Packet } from '../../src/core/packet.ts'
import { IcmpError, Segment, TCP_ACK, TCP_RST, TCP_SYN } from '../../src/core/segment.ts'
import { FlowTable } from '../../src/flow/flow-table.ts'
import { defaultFlowTableOptions } from '../../src/flow/options.ts'
import { PAGE_BYTES } from '../../src/flow/page-pool.ts'
import { Conversation, RecordingConsumer } from '../support/conversation.ts'

/** Not repeating soon, so that misplaced bytes are seen. */
function streamOf(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 17) & 255
  return bytes
}

/** Segments [start, end) that together cover `length` bytes at least once. */
const segmentation = (length: number) =>
  fc
    .tuple(
      fc.uniqueArray(fc.integer({ min: 1, max: length - 1 }), { maxLength: 40 }),
      fc.array(fc.tuple(fc.nat(length - 1), fc.integer({ min: 1, max: 9000 })), { maxLength: 20 }),
    )
    .map(([cuts, extra]) => {
      const points = [0, ...cuts.sort((a, b) => a - b), length]
      const whole = points.slice(1).map((end, i) => [points[i]!, end] as const)
      const overlapping = extra.map(([start, size]) => [start, Math.min(length, start + size)] as const)
      return [...whole, ...overlapping]
    })

describe('the same bytes', () => {
  test('whole, byte by byte, and split in two anywhere', () => {
    const stream = streamOf(300)
    const splits = [[...stream.keys()].slice(1), ...[...stream.keys()].map((i) => [i])]
    for (const cuts of splits) {
      const talk = new Conversation().open()
      const points = [...new Set([0, ...cuts, stream.length])]
      for (let i = 1; i < points.length; i++) talk.server.send(stream.subarray(points[i - 1]!, points[i]!))
      talk.server.fin()
      talk.client.fin()
      talk.server.ack()
      assert.deepEqual(talk.recorder.bytes(1), stream)
      assert.equal(talk.log.at(-1), 'close finished')
    }
  })

  test('shuffled, doubled and overlapped, at any place of the sequence space', () => {
    const length = 20_000
    const stream = streamOf(length)
    fc.assert(
      fc.property(
        segmentation(length).chain((segments) => fc.shuffledSubarray(segments, { minLength: segments.length })),
        fc.integer(),
        fc.boolean(),
        (segments, serverInitialSequence, finFirst) => {
          const talk = new Conversation({ serverInitialSequence }).open()
          talk.client.fin()
          if (finFirst) talk.server.fin('', { at: length })
          let sent = 0
          for (const [start, end] of segments) {
            talk.server.send(stream.subarray(start, end), { at: start })
            sent += end - start
          }
          if (!finFirst) talk.server.fin('', { at: length })
          talk.client.ack()
          assert.ok(talk.recorder.bytes(1).equals(stream))
          assert.equal(talk.log.at(-1), 'close finished')
          const recorded = talk.recorder.connections[0]!
          assert.deepEqual(recorded.streams[1].gaps, [])
          assert.equal(recorded.connection.streams[1].retransmittedBytes, sent - length)
          assert.equal(recorded.connection.streams[1].conflictingBytes, 0)
          assert.equal(talk.table.queuedBytes, 0)
        },
      ),
      { seed: 20240, numRuns: 300 },
    )
  })

  test('what is lost is a gap of its size at its place, and the rest is delivered', () => {
    const length = 20_000
    const stream = streamOf(length)
    fc.assert(
      fc.property(
        segmentation(length).chain((segments) => fc.shuffledSubarray(segments)),
        fc.boolean(),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(400),
        (segments, acknowledged, pages, pause) => {
          const talk = new Conversation({ maximumQueuedBytesPerStream: pages * PAGE_BYTES }).open()
          const seen = new Uint8Array(length)
          for (const [start, end] of segments) {
            talk.server.send(stream.subarray(start, end), { at: start })
            if (acknowledged) talk.client.ack()
            talk.wait(pause)
            seen.fill(1, start, end)
          }
          talk.end()
          const { chunks, gaps, late, offset } = talk.recorder.connections[0]!.streams[1]
          // A file: data where it belongs, gaps as holes, late bytes put in.
          const file = Buffer.alloc(offset)
          const data = Buffer.concat(chunks)
          let from = 0
          let at = 0
          for (const gap of [...gaps, { offset, length: 0 }]) {
            from += data.copy(file, at, from, from + gap.offset - at)
            at = gap.offset + gap.length
          }
          assert.equal(from, data.length)
          for (const { offset: lateOffset, bytes } of late) bytes.copy(file, lateOffset)
          for (let i = 0; i < offset; i++) assert.equal(file[i], seen[i] === 1 ? stream[i] : 0, `byte ${i}`)
          for (let i = offset; i < length; i++) assert.equal(seen[i], 0)
        },
      ),
      { seed: 20241, numRuns: 200 },
    )
  })

  test('both copies of every segment in any order, with short snapshots: the file has every byte captured', () => {
    const length = 5_000
    const stream = streamOf(length)
    fc.assert(
      fc.property(
        segmentation(length).chain((segments) =>
          fc.tuple(
            fc.shuffledSubarray(segments, { minLength: segments.length }),
            fc.array(fc.nat(3000), { minLength: segments.length, maxLength: segments.length }),
          ),
        ),
        ([segments, cuts]) => {
          const talk = new Conversation().open()
          const seen = new Uint8Array(length)
          segments.forEach(([start, end], i) => {
            const captured = Math.min(end, start + cuts[i]!)
            talk.server.send(stream.subarray(start, captured), { at: start, missing: end - captured })
            seen.fill(1, start, captured)
          })
          talk.end()
          const { chunks, gaps, late, offset } = talk.recorder.connections[0]!.streams[1]
          assert.equal(offset, length)
          const missing = gaps.reduce((sum, gap) => sum + gap.length, 0)
          const tardy = late.reduce((sum, { bytes }) => sum + bytes.length, 0)
          assert.equal(missing - tardy, seen.filter((x) => x === 0).length)
          assert.equal(Buffer.concat(chunks).length, length - missing)
          assert.ok(gaps.every((gap) => gap.cause === 'snaplen'))
        },
      ),
      { seed: 20242, numRuns: 200 },
    )
  })
})

describe('resets and SYNs that nobody believes', () => {
  const interjection = fc.record({
    by: fc.constantFrom('client', 'server'),
    acknowledges: fc.boolean(),
    ahead: fc.oneof(fc.constant(0), fc.constantFrom(-1, 1), fc.integer({ min: -200, max: 60_000 }), fc.integer()),
    challenged: fc.boolean(),
    pause: fc.oneof(fc.constant(0), fc.constant(0), fc.nat(3000), fc.nat(25_000)),
  })
  const turn = fc.record({
    by: fc.constantFrom('client', 'server'),
    length: fc.integer({ min: 1, max: 40 }),
    again: fc.boolean(),
    interjections: fc.array(interjection, { maxLength: 2 }),
  })

  test('both go on: not a byte is lost, and none comes twice', () => {
    fc.assert(
      fc.property(
        fc.array(turn, { minLength: 1, maxLength: 25 }),
        fc.integer(),
        fc.boolean(),
        fc.boolean(),
        (turns, clientInitialSequence, midway, resets) => {
          let strays = 0
          const talk = new Conversation({ clientInitialSequence, serverInitialSequence: ~clientInitialSequence })
          if (!midway) talk.open()
          for (const side of ['client', 'server'] as const) talk[side].send(`(${side})`)
          const sent = { client: '(client)', server: '(server)' }
          for (const { by, length, again, interjections } of turns) {
            for (const { by: forged, acknowledges, ahead, challenged, pause } of interjections) {
              const [from, to] = forged === 'client' ? [talk.client, talk.server] : [talk.server, talk.client]
              // Both together, or the same SYN twice, would be another connection.
              const flags = resets ? TCP_RST | (acknowledges ? TCP_ACK : 0) : TCP_SYN
              const sequence = from.sequenceAt(from.next + (resets ? ahead : 500_000_000 + ++strays * 1_000_000))
              talk.segment(from, flags, sequence, to.sequenceAt(to.next), '', {})
              if (challenged) to.ack()
              talk.wait(pause)
            }
            const payload = `[${by} ${talk[by].next} ${'.'.repeat(length)}]`
            talk[by].send(payload)
            if (again) talk[by].send(payload, { at: talk[by].next - payload.length })
            sent[by] += payload
            talk[by === 'client' ? 'server' : 'client'].ack()
          }
          talk.end()
          const { connections } = talk.recorder
          for (const d of [0, 1] as const) {
            const whole = connections.map((_, i) => talk.recorder.text(d, i)).join('')
            assert.equal(whole, d === 0 ? sent.client : sent.server)
          }
          assert.ok(connections.every(({ occurrence }) => occurrence === 0))
          const { strayBytes, resetTextBytes, bytesAfterFin, bytesBeforeStart } = talk.table.counters
          assert.deepEqual([strayBytes, resetTextBytes, bytesAfterFin, bytesBeforeStart], [0, 0, 0, 0])
        },
      ),
      { seed: 20245, numRuns: 300, endOnFailure: true },
    )
  })
})

describe('random segments', () => {
  const word = fc.oneof(fc.integer({ min: -40, max: 40 }), fc.integer({ min: -70_000, max: 70_000 }), fc.integer())
  const segment = fc.record({
    port: fc.nat(5),
    turned: fc.boolean(),
    six: fc.boolean(),
    flags: fc.oneof(fc.constant(TCP_ACK), fc.constant(TCP_ACK | 8), fc.nat(63), fc.nat(255)),
    sequence: word,
    acknowledgement: word,
    length: fc.oneof(fc.constant(0), fc.nat(20), fc.nat(3000)),
    missing: fc.oneof(fc.constant(0), fc.constant(0), fc.nat(30), fc.nat(70_000)),
    seconds: fc.oneof(fc.constant(0), fc.nat(100), fc.integer()),
    nanos: fc.nat(999_999_999),
  })
  const options = {
    ...defaultFlowTableOptions,
    maximumConnections: 4,
    maximumHalfOpen: 2,
    maximumRemembered: 5,
    maximumQueuedBytesPerStream: 4 * PAGE_BYTES,
    maximumQueuedBytes: 6 * PAGE_BYTES,
  }

  test('never throw, hang, grow, or break the consumers’ contract', () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 150 }), fc.constantFrom(10, 1000, 16_777_216), (segments, jump) => {
        const recorder = new RecordingConsumer()
        recorder.timesGoForward = false
        const table = new FlowTable(recorder, { ...options, maximumJumpBytes: jump })
        const s = new Segment()
        const packet = new Packet()
        const error = new IcmpError()
        error.quotedProtocol = 6
        for (const r of segments) {
          s.family = r.six ? 6 : 4
          s.sourceWord0 = s.destinationWord0 = r.six ? 1 : 0
          s.sourceWord3 = r.turned ? 1 : 2
          s.destinationWord3 = r.turned ? 2 : 1
          s.sourcePort = r.turned ? r.port : 80
          s.destinationPort = r.turned ? 80 : r.port
          s.flags = r.flags
          s.sequence = r.sequence
          s.acknowledgement = r.acknowledgement
          s.buf = Buffer.alloc(r.length + 1, r.nanos & 255)
          s.payloadStart = 1
          s.payloadEnd = 1 + r.length
          s.missingBytes = r.missing
          s.time.seconds += r.seconds
          s.time.nanos = r.nanos
          packet.time.set(s.time)
          table.onSegment(s, packet)
          Object.assign(error.quoted, { sourcePort: s.sourcePort, destinationPort: s.destinationPort })
          table.onIcmpError(error)
          // A segment that fills several holes of the queue takes a page for each.
          assert.ok(table.queuedBytes <= 3 * options.maximumQueuedBytes)
          assert.equal(table.counters.openNow, recorder.openCount)
          assert.ok(recorder.openCount <= options.maximumConnections)
        }
        table.closeAll('capture-ended', s.time)
        assert.equal(recorder.openCount, 0)
        assert.equal(table.queuedBytes, 0)
        const delivered = recorder.connections.flatMap((c) => c.streams).flatMap((stream) => stream.chunks)
        assert.equal(
          table.counters.deliveredBytes,
          delivered.reduce((sum, chunk) => sum + chunk.length, 0),
        )
        assert.ok(table.counters.deliveredBytes <= table.counters.payloadBytes)
      }),
      { seed: 20243, numRuns: 1500 },
    )
  })

  test('nor do random segments near the edges of one established connection', () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 60 }), fc.integer(), (segments, clientInitialSequence) => {
        const talk = new Conversation({ ...options, clientInitialSequence }).open()
        talk.recorder.timesGoForward = false
        for (const r of segments) {
          const side = r.turned ? talk.client : talk.server
          talk.skip(Math.max(0, Math.min(r.seconds, 400)) * 1000)
          talk.segment(
            side,
            r.flags,
            side.sequenceAt(r.sequence),
            (r.turned ? talk.server : talk.client).sequenceAt(r.acknowledgement),
            Buffer.alloc(r.length, 'x'),
            { missing: r.missing },
          )
        }
        talk.end()
        assert.equal(talk.recorder.openCount, 0)
        assert.equal(talk.table.queuedBytes, 0)
      }),
      { seed: 20244, numRuns: 1000 },
    )
  })
})
