// Pumping: one feed to its end, several merged by time.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ByteSource } from '../../src/core/ports.ts'
import { type Feed, pump, pumpMerged, type River } from '../../src/pipeline/feed.ts'
import { SavefileReader } from '../../src/savefile/reader.ts'
import { ethernet, ipv4, udp } from '../support/packet-builder.ts'
import { pcapFile } from '../support/pcap-builder.ts'

const frame = ethernet({}, ipv4({}, udp({ payload: 'x' })))

/** A capture whose packets have these times, in milliseconds. */
function capture(...millis: number[]): Buffer {
  return pcapFile(millis.map((m) => ({ frame, time: m / 1000 })))
}

/** A source whose chunks come when the test lets them. */
class ManualSource implements ByteSource {
  readonly totalBytes = -1
  consumedBytes = 0
  readonly name: string
  readonly #chunks: Buffer[] = []
  #ended = false
  #wake: () => void = () => {}

  constructor(name: string) {
    this.name = name
  }

  give(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  async read(into: Buffer, start: number, end: number): Promise<number> {
    while (this.#chunks.length === 0) {
      if (this.#ended) return 0
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const chunk = this.#chunks.shift()!
    assert.ok(chunk.length <= end - start)
    chunk.copy(into, start)
    this.consumedBytes += chunk.length
    return chunk.length
  }

  stop(): void {
    this.end()
  }

  async close(): Promise<void> {}
}

class Recorder implements River {
  readonly seen: string[] = []
  stopped = false
  onFlush: () => Promise<void> | undefined = () => undefined

  onPacket(feed: Feed): void {
    const { time } = feed.reader.packet
    this.seen.push(`${feed.source.name}${Math.round(time.seconds * 1000 + time.nanos / 1e6)}`)
  }

  onStatistics(): void {}

  pause(): Promise<void> | undefined {
    return undefined
  }

  flush(): Promise<void> | undefined {
    this.seen.push('flush')
    return this.onFlush()
  }
}

function feedOf(source: ByteSource): Feed {
  return { source, reader: new SavefileReader(source.name, Buffer.alloc(65536)) }
}

function whole(name: string, bytes: Buffer): ManualSource {
  const source = new ManualSource(name)
  source.give(bytes)
  source.end()
  return source
}

test('one feed is read to its end, in its own order', async () => {
  const river = new Recorder()
  await pump(feedOf(whole('a', capture(3000, 1000, 2000))), river)
  assert.deepEqual(river.seen, ['a3000', 'a1000', 'a2000'])
})

test('when a pipe falls silent, what is gathered goes out; while it speaks, nothing does', async () => {
  const river = new Recorder()
  const source = new ManualSource('a')
  source.give(capture(1000))
  source.give(capture(2000).subarray(24))
  const done = pump(feedOf(source), river)
  while (!river.seen.includes('flush')) await new Promise((resolve) => setTimeout(resolve, 1))
  assert.deepEqual(river.seen, ['a1000', 'a2000', 'flush'])
  source.give(capture(3000).subarray(24))
  source.end()
  await done
  assert.deepEqual(river.seen, ['a1000', 'a2000', 'flush', 'a3000'])
})

test('output that is gone ends a silent pipe’s run at once', async () => {
  const river = new Recorder()
  river.onFlush = () => Promise.reject(new Error('nobody reads'))
  const source = new ManualSource('a')
  source.give(capture(1000))
  await assert.rejects(pump(feedOf(source), river), /nobody reads/)
})

test('feeds that are at hand come out in the order of their times', async () => {
  const river = new Recorder()
  await pumpMerged(
    [feedOf(whole('a', capture(1000, 4000, 5000))), feedOf(whole('b', capture(2000, 3000, 6000)))],
    river,
  )
  assert.deepEqual(river.seen, ['a1000', 'b2000', 'b3000', 'a4000', 'a5000', 'b6000'])
})

test('a feed that is late within the window is waited for', async () => {
  const river = new Recorder()
  const late = new ManualSource('b')
  const done = pumpMerged([feedOf(whole('a', capture(2000))), feedOf(late)], river)
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
  const done = pumpMerged([feedOf(whole('a', capture(1000, 2000))), feedOf(silent)], river)
  while (river.seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(river.seen, ['a1000', 'a2000'])
  silent.end()
  await done
})

test("a source's failure ends the merge", async () => {
  const broken = new ManualSource('b')
  broken.read = () => Promise.reject(new Error('gone'))
  await assert.rejects(pumpMerged([feedOf(whole('a', capture(1000))), feedOf(broken)], new Recorder()), /gone/)
})
