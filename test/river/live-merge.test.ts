// Several live captures as one, by time; captures that join and leave; bridges watched for what is to come.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GateEntry } from '../../src/core/gate-entry.ts'
import { Packet } from '../../src/core/packet.ts'
import type { Feed, River } from '../../src/river/feed.ts'
import { FrameGate } from '../../src/river/frame-gate.ts'
import { LiveMerge, MERGE_WINDOW_MILLIS } from '../../src/river/live-merge.ts'
import { READ_PACKET } from '../../src/savefile/reader.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { ethernet, ipv4, udp } from '../support/packet-builder.ts'
import { pcapFile } from '../support/pcap-builder.ts'
import { capture, feedOf, ManualSource, Recorder, whole } from './feed-fixture.ts'

async function mergeAll(feeds: readonly Feed[], river: River): Promise<void> {
  const merge = new LiveMerge(river, (_feed, failure) => {
    if (failure !== undefined) throw failure
  })
  for (const feed of feeds) merge.add(feed)
  merge.close()
  await merge.run()
}

test('feeds that are at hand come out in the order of their times', async () => {
  const river = new Recorder()
  await mergeAll([feedOf(whole('a', capture(1000, 4000, 5000))), feedOf(whole('b', capture(2000, 3000, 6000)))], river)
  assert.deepEqual(river.seen, ['a1000', 'b2000', 'b3000', 'a4000', 'a5000', 'b6000'])
})

test('a feed that is late within the window is waited for', async (t) => {
  const clock = new ManualClock(t)
  const river = new Recorder()
  const late = new ManualSource('b')
  const done = mergeAll([feedOf(whole('a', capture(2000))), feedOf(late)], river)
  await settle()
  clock.advance(MERGE_WINDOW_MILLIS - 1)
  await settle()
  assert.deepEqual(river.seen, [])
  late.give(capture(1000))
  late.end()
  await done
  assert.deepEqual(river.seen, ['b1000', 'a2000'])
})

test('a feed that stays silent does not hold the others back for ever', async (t) => {
  const clock = new ManualClock(t)
  const river = new Recorder()
  const silent = new ManualSource('b')
  silent.give(capture())
  const done = mergeAll([feedOf(whole('a', capture(1000, 2000))), feedOf(silent)], river)
  await settle()
  clock.advance(MERGE_WINDOW_MILLIS + 1)
  await settle()
  assert.deepEqual(river.seen, ['a1000', 'a2000'])
  silent.end()
  await done
})

test("a source's failure ends the merge", async () => {
  const broken = new ManualSource('b')
  broken.read = () => Promise.reject(new Error('gone'))
  await assert.rejects(mergeAll([feedOf(whole('a', capture(1000))), feedOf(broken)], new Recorder()), /gone/)
})

test('a capture that joins while the merge runs is read, and each end is told after its last packet', async () => {
  const river = new Recorder()
  const merge = new LiveMerge(river, (feed) => river.seen.push(`end ${feed.source.name}`))
  const done = merge.run()
  const first = new ManualSource('a')
  merge.add(feedOf(first))
  first.give(capture(1000))
  first.end()
  await settle()
  assert.deepEqual(
    river.seen.filter((each) => each !== 'flush'),
    ['a1000', 'end a'],
  )
  merge.add(feedOf(whole('b', capture(2000))))
  merge.close()
  await done
  assert.deepEqual(
    river.seen.filter((each) => each !== 'flush'),
    ['a1000', 'end a', 'b2000', 'end b'],
  )
})

test('one capture that breaks off does not end the others where the listener lets it', async () => {
  const river = new Recorder()
  const merge = new LiveMerge(river, (feed, failure) => river.seen.push(`end ${feed.source.name} ${failure}`))
  const broken = new ManualSource('a')
  broken.read = () => Promise.reject(new Error('gone'))
  merge.add(feedOf(broken))
  merge.add(feedOf(whole('b', capture(2000))))
  merge.close()
  await merge.run()
  assert.deepEqual(river.seen.filter((each) => each !== 'flush').sort(), [
    'b2000',
    'end a Error: gone',
    'end b undefined',
  ])
})

const always = (macAddress: string): GateEntry => ({
  macAddress,
  sinceMicros: 0,
  untilMicros: Number.POSITIVE_INFINITY,
})
const OURS = '02:42:ac:11:00:02'
const OTHERS = '02:42:ac:11:00:09'

/** Frames at these times, from or to these addresses. */
function frames(...list: [millis: number, source: string, destination: string][]): Buffer {
  return pcapFile(
    list.map(([millis, source, destination]) => ({
      frame: ethernet({ srcMac: source, dstMac: destination }, ipv4({}, udp({ payload: 'x' }))),
      time: millis / 1000,
    })),
  )
}

test('a gate holds frames until their addresses are wanted, then lets them through, oldest first', async () => {
  const river = new Recorder()
  const merge = new LiveMerge(river, () => {})
  const source = new ManualSource('br')
  const feed = feedOf(source)
  merge.add(feed, new FrameGate())
  const done = merge.run()
  source.give(frames([1000, OURS, OTHERS], [1001, OTHERS, '02:42:ac:11:00:07'], [1002, OTHERS, OURS]))
  await settle()
  assert.deepEqual(
    river.seen.filter((each) => each !== 'flush'),
    [],
  )
  merge.want(feed, [always(OURS)])
  await settle()
  source.give(frames([1003, OTHERS, '02:42:ac:11:00:07'], [1004, OURS, OTHERS]).subarray(24))
  source.end()
  merge.close()
  await done
  assert.deepEqual(
    river.seen.filter((each) => each !== 'flush'),
    ['br1000', 'br1002', 'br1004'],
  )
})

test('an address counts only while it is the container’s: frames of who had it before, or has it after, do not', async () => {
  const gate = new FrameGate()
  const seen = (millis: number): boolean => {
    const packet = new Packet()
    packet.linkType = 1
    packet.time.seconds = millis / 1000
    packet.buf = Buffer.from('0242ac1100020242ac110009080045', 'hex')
    packet.end = packet.buf.length
    return gate.passes(packet)
  }
  assert.equal(seen(1000), false)
  assert.equal(seen(3000), false)
  const entry = { macAddress: OURS, sinceMicros: 2_000_000, untilMicros: 5_000_000 }
  assert.deepEqual(
    gate.want([entry]).map(({ time }) => time.seconds),
    [3],
  )
  assert.equal(seen(4000), true)
  assert.equal(seen(6000), false)
})

test('a source that is no savefile ends its lane and is told, and nothing else', async () => {
  const river = new Recorder()
  const merge = new LiveMerge(river, (feed, failure) => river.seen.push(`end ${feed.source.name} ${failure}`))
  const banner = whole('a', Buffer.from('Welcome to this image!\n'))
  banner.read = async (into, start) => Buffer.from('Welcome to this image!\n').copy(into, start)
  merge.add(feedOf(banner))
  merge.add(feedOf(whole('b', capture(2000))))
  merge.close()
  await merge.run()
  const told = river.seen.filter((each) => each !== 'flush').sort()
  assert.equal(told[0], 'b2000')
  assert.match(told[1]!, /^end a OperatorError/)
})

test('what a gate holds is bounded, in time and in bytes', async () => {
  const gate = new FrameGate()
  const feed = feedOf(
    whole('br', frames(...Array.from({ length: 50 }, (_, i) => [i * 1000, OURS, OTHERS] as [number, string, string]))),
  )
  feed.reader.next()
  await feed.reader.fill(feed.source)
  for (let i = 0; i < 50; i++) {
    assert.equal(feed.reader.next(), READ_PACKET)
    assert.equal(gate.passes(feed.reader.packet), false)
  }
  const times = gate.want([always(OURS)]).map((packet) => packet.time.seconds)
  assert.deepEqual(times, [40, 41, 42, 43, 44, 45, 46, 47, 48, 49])

  const full = new FrameGate()
  for (let i = 0; i < 10_000; i++) {
    const { packet } = feed.reader
    packet.buf = Buffer.alloc(1500)
    packet.buf.set(Buffer.from('0242ac110002', 'hex'), 6)
    packet.start = 0
    packet.end = 1500
    packet.originalLength = i
    full.passes(packet)
  }
  const held = full.want([always(OURS)])
  // each costs its bytes and something for itself
  assert.equal(held.length, Math.floor((4 << 20) / 1900))
  assert.equal(held.at(-1)?.originalLength, 9999)
})
