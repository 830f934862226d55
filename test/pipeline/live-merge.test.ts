// Several live captures as one, by time; captures that join and leave; bridges watched for what is to come.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Feed, River } from '../../src/pipeline/feed.ts'
import { FrameGate } from '../../src/pipeline/frame-gate.ts'
import { LiveMerge } from '../../src/pipeline/live-merge.ts'
import { READ_PACKET } from '../../src/savefile/reader.ts'
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

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

test('feeds that are at hand come out in the order of their times', async () => {
  const river = new Recorder()
  await mergeAll([feedOf(whole('a', capture(1000, 4000, 5000))), feedOf(whole('b', capture(2000, 3000, 6000)))], river)
  assert.deepEqual(river.seen, ['a1000', 'b2000', 'b3000', 'a4000', 'a5000', 'b6000'])
})

test('a feed that is late within the window is waited for', async () => {
  const river = new Recorder()
  const late = new ManualSource('b')
  const done = mergeAll([feedOf(whole('a', capture(2000))), feedOf(late)], river)
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepEqual(river.seen, [])
  late.give(capture(1000))
  late.end()
  await done
  assert.deepEqual(river.seen, ['b1000', 'a2000'])
})

test('a feed that stays silent does not hold the others back for ever', async () => {
  const river = new Recorder()
  const silent = new ManualSource('b')
  silent.give(capture())
  const done = mergeAll([feedOf(whole('a', capture(1000, 2000))), feedOf(silent)], river)
  while (river.seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
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
  await settled()
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
  await settled()
  assert.deepEqual(
    river.seen.filter((each) => each !== 'flush'),
    [],
  )
  merge.want(feed, [OURS])
  await settled()
  source.give(frames([1003, OTHERS, '02:42:ac:11:00:07'], [1004, OURS, OTHERS]).subarray(24))
  source.end()
  merge.close()
  await done
  assert.deepEqual(
    river.seen.filter((each) => each !== 'flush'),
    ['br1000', 'br1002', 'br1004'],
  )
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
  const times = gate.want([OURS]).map((packet) => packet.time.seconds)
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
  const held = full.want([OURS])
  assert.equal(held.length, Math.floor((4 << 20) / 1500))
  assert.equal(held.at(-1)?.originalLength, 9999)
})
