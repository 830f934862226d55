// Sources and a river for the tests of pumping and merging.

import assert from 'node:assert/strict'
import type { Packet } from '../../src/core/packet.ts'
import type { ByteSource } from '../../src/core/ports.ts'
import type { Feed, River } from '../../src/river/feed.ts'
import { SavefileReader } from '../../src/savefile/reader.ts'
import { ethernet, ipv4, udp } from '../support/packet-builder.ts'
import { pcapFile } from '../support/pcap-builder.ts'

const frame = ethernet({}, ipv4({}, udp({ payload: 'x' })))

/** A capture whose packets have these times, in milliseconds. */
export function capture(...millis: number[]): Buffer {
  return pcapFile(millis.map((m) => ({ frame, time: m / 1000 })))
}

/** A source whose chunks come when the test lets them. */
export class ManualSource implements ByteSource {
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

export class Recorder implements River {
  readonly seen: string[] = []
  stopped = false
  onFlush: () => Promise<void> | undefined = () => undefined

  onPacket(feed: Feed, { time }: Packet): void {
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

export function feedOf(source: ByteSource): Feed {
  return { source, reader: new SavefileReader(source.name, Buffer.alloc(65536)) }
}

export function whole(name: string, bytes: Buffer): ManualSource {
  const source = new ManualSource(name)
  source.give(bytes)
  source.end()
  return source
}
