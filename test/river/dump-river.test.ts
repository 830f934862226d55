// The river: numbering of interfaces, copies of packets, unknown link types, drop counters, the clock.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ByteSource, Messages } from '../../src/core/ports.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import { FlowTable } from '../../src/flow/flow-table.ts'
import { defaultFlowTableOptions } from '../../src/flow/options.ts'
import { DumpRiver } from '../../src/river/dump-river.ts'
import { type Feed, pump } from '../../src/river/feed.ts'
import { PcapngWriter } from '../../src/savefile/pcapng-writer.ts'
import { SavefileReader } from '../../src/savefile/reader.ts'
import { ethernet, ipv4, tcp } from '../support/packet-builder.ts'
import { pcapOf } from '../support/pcap-builder.ts'

class Heard implements Messages {
  readonly lines: string[] = []
  note(line: string): void {
    this.lines.push(`note ${line}`)
  }
  info(line: string): void {
    this.lines.push(`info ${line}`)
  }
  error(line: string): void {
    this.lines.push(`error ${line}`)
  }
}

function makeRiver() {
  const messages = new Heard()
  const delivered: string[] = []
  const interfaces: string[] = []
  const clocks: number[] = []
  const drops: number[] = []
  const nothing = (): void => {}
  const table = new FlowTable(
    {
      onOpen: nothing,
      onData: (_c, d, _offset, buf, start, end) => void delivered.push(`${d} ${buf.toString('latin1', start, end)}`),
      onGap: nothing,
      onLateData: nothing,
      onClose: nothing,
    },
    defaultFlowTableOptions,
  )
  const saver = {
    onInterface: (id: number, { name }: { name: string }) => void interfaces.push(`${id} ${name}`),
    onPacket: nothing,
    onStatistics: nothing,
    discard: nothing,
  }
  const copies: string[] = []
  const river = new DumpRiver({
    messages,
    unwrapTunnels: true,
    table,
    filter: undefined,
    savers: [saver],
    rawSegments: [],
    datagrams: [],
    events: [],
    clocks: [{ onClock: (t) => void clocks.push(t.seconds * 1000 + t.nanos / 1e6) }],
    drops: [{ noteKernelDrops: (n) => void drops.push(n), noteDuplicate: () => void copies.push('copy') }],
    sinks: [],
    onTurn: undefined,
  })
  return { river, table, messages, delivered, interfaces, clocks, drops, copies }
}

/** A pcapng feed written by `write`. */
function feedOf(write: (writer: PcapngWriter) => void, name = 'x.pcapng'): Feed {
  const parts: Buffer[] = []
  const writer = new PcapngWriter((buf, start, end) => void parts.push(Buffer.from(buf.subarray(start, end))))
  writer.writeSection()
  write(writer)
  return feedOfBytes(Buffer.concat(parts), name)
}

function feedOfBytes(bytes: Buffer, name: string): Feed {
  let at = 0
  const source: ByteSource = {
    name,
    totalBytes: bytes.length,
    consumedBytes: 0,
    read(into, start, end) {
      const count = Math.min(end - start, bytes.length - at)
      bytes.copy(into, start, at, at + count)
      at += count
      return count
    },
    stop() {},
    async close() {},
  }
  return { source, reader: new SavefileReader(name, Buffer.alloc(65536)) }
}

const description = (name: string, linkType = 1) => ({ name, linkType, snapshotLength: 65535, description: '' })
const frame = (payload: string, seq: number, id: number) =>
  ethernet(
    {},
    ipv4({ src: '10.0.0.1', dst: '10.0.0.2', id }, tcp({ sport: 4000, dport: 80, seq, flags: 'A', payload })),
  )
const at = (millis: number) => new Timestamp(Math.floor(millis / 1000), (millis % 1000) * 1e6)

function put(writer: PcapngWriter, number: number, millis: number, bytes: Buffer): void {
  writer.writePacket(number, at(millis), bytes.length, bytes, 0, bytes.length)
}

test('a packet seen on two interfaces counts once, and interfaces get their numbers as they come', async () => {
  const { river, delivered, interfaces, copies } = makeRiver()
  const feed = feedOf((w) => {
    w.writeInterface(description('veth0'))
    w.writeInterface(description('docker0'))
    put(w, 1, 1000, frame('one', 1, 7))
    put(w, 0, 1000.2, frame('one', 1, 7))
    put(w, 1, 1001, frame('two', 4, 8))
    put(w, 0, 1001.1, frame('two', 4, 8))
  })
  await pump(feed, river)
  assert.deepEqual(delivered, ['0 one', '0 two'])
  assert.deepEqual(interfaces, ['0 docker0', '1 veth0'])
  assert.equal(river.counters.duplicates, 2)
  assert.equal(copies.length, 2, 'whoever wants to hear of copies does')
  assert.equal(river.counters.packets, 4)
})

test('files read one after the other share interfaces that look the same', async () => {
  const { river, interfaces, delivered } = makeRiver()
  for (const [payload, seq] of [
    ['one', 1],
    ['two', 4],
  ] as const) {
    await pump(
      feedOf((w) => {
        w.writeInterface(description('eth0'))
        put(w, 0, 1000 + seq, frame(payload, seq, seq))
      }),
      river,
    )
  }
  assert.deepEqual(interfaces, ['0 eth0'])
  assert.deepEqual(delivered, ['0 one', '0 two'])
})

test('pcap files that differ: each has an interface of its own, for all of its packets', async () => {
  const { river, interfaces, delivered } = makeRiver()
  const frames = ['one', 'two', 'six'].map((payload, i) => frame(payload, 1 + 3 * i, i))
  await pump(feedOfBytes(pcapOf(frames.slice(0, 1)), 'a.pcap'), river)
  await pump(feedOfBytes(pcapOf(frames.slice(1), { snapshotLength: 1500 }), 'b.pcap'), river)
  assert.deepEqual(interfaces, ['0 ', '1 '])
  assert.deepEqual(delivered, ['0 one', '0 two', '0 six'])
})

test('packets of an unknown link type are left out, said once, and fail the run', async () => {
  const { river, messages, delivered } = makeRiver()
  const feed = feedOf((w) => {
    w.writeInterface(description('odd', 147))
    w.writeInterface(description('eth0'))
    put(w, 0, 1000, frame('odd', 1, 1))
    put(w, 1, 1001, frame('even', 1, 2))
    put(w, 0, 1002, frame('odd', 5, 3))
  })
  await pump(feed, river)
  assert.deepEqual(delivered, ['0 even'])
  assert.equal(messages.lines.length, 1)
  assert.match(messages.lines[0]!, /^error x\.pcapng: link type 147/)
  assert.equal(river.failed, true)
})

test('kernel drops are added up over interfaces, told to those who ask, and said', async () => {
  const { river, drops, messages } = makeRiver()
  const feed = feedOf((w) => {
    w.writeInterface(description('a'))
    w.writeInterface(description('b'))
    const statistics = (millis: number, dropped: number) => ({
      time: at(millis),
      received: 100,
      dropped,
      interfaceDropped: -1,
    })
    w.writeStatistics(0, statistics(1000, 0))
    w.writeStatistics(0, statistics(1200, 5))
    w.writeStatistics(1, statistics(1400, 3))
    w.writeStatistics(0, statistics(1600, 5))
    w.writeStatistics(0, statistics(1800, 9))
  })
  await pump(feed, river)
  assert.equal(river.counters.kernelDrops, 12)
  assert.deepEqual(drops, [5, 3, 4])
  assert.equal(messages.lines.length, 1)
  assert.match(messages.lines[0]!, /^info 5 packets dropped by the kernel/)
})

test('the clock ticks by capture time, also without packets', async () => {
  const { river, clocks } = makeRiver()
  const feed = feedOf((w) => {
    w.writeInterface(description('a'))
    put(w, 0, 1000, frame('one', 1, 1))
    put(w, 0, 1010, frame('two', 4, 2))
    put(w, 0, 1060, frame('three', 7, 3))
    w.writeStatistics(0, { time: at(1300), received: 3, dropped: 0, interfaceDropped: 0 })
  })
  await pump(feed, river)
  assert.deepEqual(clocks, [1000, 1060, 1300])
})

test('the clock does not tick for a timestamp that nothing goes on from, and does when it was set', async () => {
  const { river, clocks } = makeRiver()
  const feed = feedOf((w) => {
    w.writeInterface(description('a'))
    const millis = [100_000_000, 4e12, 100_000_100, 1000, 100_000_200, 90_000_000, 90_000_010, 90_000_100]
    for (const [i, at] of millis.entries()) put(w, 0, at, frame('one', 1 + 3 * i, i))
  })
  await pump(feed, river)
  assert.deepEqual(clocks, [100_000_000, 100_000_100, 100_000_200, 90_000_010, 90_000_100])
})
