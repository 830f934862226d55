import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { Timestamp } from '../../src/core/timestamp.ts'
import type { ByteSink } from '../../src/savefile/byte-sink.ts'
import { InterfaceStatistics } from '../../src/savefile/interface.ts'
import { PcapWriter } from '../../src/savefile/pcap-writer.ts'
import { PcapngWriter } from '../../src/savefile/pcapng-writer.ts'
import { readAll } from './read-all.ts'

/** Keeps what it is lent, and spoils nothing. */
function collector(): { sink: ByteSink; bytes: () => Buffer } {
  const parts: Buffer[] = []
  return {
    sink: (buf, start, end) => parts.push(Buffer.from(buf.subarray(start, end))),
    bytes: () => Buffer.concat(parts),
  }
}

const anyPacket = fc.record({
  seconds: fc.integer({ min: 0, max: 0xffffffff }),
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
  bytes: fc.uint8Array({ maxLength: 40 }),
  cut: fc.nat(3000),
})

/** A statistics object with these counters. */
function statisticsOf(seconds: number, received: number, dropped: number, interfaceDropped: number) {
  return Object.assign(new InterfaceStatistics(), {
    time: new Timestamp(seconds, 5),
    received,
    dropped,
    interfaceDropped,
  })
}

describe('PcapngWriter', () => {
  test('what it writes is what the reader reads, to the nanosecond', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1), anyPacket), { maxLength: 20 }), (packets) => {
        const { sink, bytes } = collector()
        const writer = new PcapngWriter(sink)
        writer.writeSection()
        assert.equal(writer.writeInterface({ linkType: 1, snapshotLength: 65535, name: 'docker0', description: '' }), 0)
        assert.equal(
          writer.writeInterface({ linkType: 276, snapshotLength: 0, name: '', description: 'Ü'.repeat(40) }),
          1,
        )
        for (const [number, { seconds, nanos, bytes: data, cut }] of packets) {
          // The packet lies somewhere in a larger buffer.
          const lent = Buffer.concat([Buffer.from('before'), data, Buffer.from('after')])
          writer.writePacket(number, new Timestamp(seconds, nanos), data.length + cut, lent, 6, 6 + data.length)
        }
        const whole = readAll(bytes())
        assert.equal(whole.damage, undefined)
        assert.equal(writer.bytesWritten, bytes().length)
        assert.deepEqual(
          whole.packets,
          packets.map(([interfaceId, { seconds, nanos, bytes: data, cut }]) => ({
            seconds,
            nanos,
            linkType: interfaceId === 0 ? 1 : 276,
            interfaceId,
            originalLength: data.length + cut,
            bytes: Buffer.from(data).toString('latin1'),
          })),
        )
        assert.deepEqual(whole.interfaces, [
          { linkType: 1, snapshotLength: 65535, name: 'docker0', description: '', place: 0, placeName: '' },
          { linkType: 276, snapshotLength: 0, name: '', description: 'Ü'.repeat(40), place: 0, placeName: '' },
        ])
      }),
      { seed: 21, numRuns: 200 },
    )
  })

  test('statistics, with all counters and with none', () => {
    const { sink, bytes } = collector()
    const writer = new PcapngWriter(sink)
    writer.writeSection()
    writer.writeInterface({ linkType: 1, snapshotLength: 0, name: 'x', description: '' })
    writer.writeStatistics(0, statisticsOf(1_700_000_000, 9_000_000_000, 3, 1))
    writer.writeStatistics(0, statisticsOf(1_700_000_001, -1, -1, -1))
    assert.deepEqual(readAll(bytes()).statistics, [
      { interfaceId: 0, seconds: 1_700_000_000, nanos: 5, received: 9_000_000_000, dropped: 3, interfaceDropped: 1 },
      { interfaceId: 0, seconds: 1_700_000_001, nanos: 5, received: -1, dropped: -1, interfaceDropped: -1 },
    ])
  })
})

describe('PcapWriter', () => {
  for (const nanoseconds of [true, false]) {
    test(`what it writes is what the reader reads, in ${nanoseconds ? 'nano' : 'micro'}seconds`, () => {
      fc.assert(
        fc.property(fc.array(anyPacket, { maxLength: 20 }), (packets) => {
          const { sink, bytes } = collector()
          const writer = new PcapWriter(sink, { nanoseconds })
          writer.writeHeader(228)
          for (const { seconds, nanos, bytes: data, cut } of packets) {
            const lent = Buffer.concat([Buffer.from('before'), data, Buffer.from('after')])
            writer.writePacket(new Timestamp(seconds, nanos), data.length + cut, lent, 6, 6 + data.length)
          }
          const whole = readAll(bytes())
          assert.equal(whole.damage, undefined)
          const unit = nanoseconds ? 1 : 1000
          assert.deepEqual(
            whole.packets.map((p) => [p.seconds, p.nanos, p.originalLength, p.bytes, p.linkType]),
            packets.map(({ seconds, nanos, bytes: data, cut }) => {
              const text = Buffer.from(data).toString('latin1')
              return [seconds, nanos - (nanos % unit), data.length + cut, text, 228]
            }),
          )
        }),
        { seed: 22, numRuns: 200 },
      )
    })
  }
})

/** What tshark makes of a file, or undefined (said aloud) where there is no tshark. */
function tshark(t: TestContext, bytes: Buffer): string[] | undefined {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tcpflow-writers-'))
  try {
    const file = path.join(folder, 'capture')
    fs.writeFileSync(file, bytes)
    const fields = ['frame.time_epoch', 'frame.len', 'frame.cap_len', 'frame.interface_name']
    const result = spawnSync('tshark', ['-r', file, '-T', 'fields', ...fields.flatMap((f) => ['-e', f])], {
      encoding: 'utf8',
    })
    if (result.error !== undefined) {
      console.error('NOT TESTED: other programs reading our files, because there is no tshark here')
      t.skip('no tshark')
      return undefined
    }
    assert.equal(result.status, 0, result.stderr)
    return result.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trimEnd())
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

describe('tshark reads', () => {
  const times = [new Timestamp(1_700_000_000, 123_456_789), new Timestamp(1_700_000_001, 999_999_999)]
  const data = Buffer.alloc(61, 7)

  test('our pcapng', (t) => {
    const { sink, bytes } = collector()
    const writer = new PcapngWriter(sink)
    writer.writeSection()
    writer.writeInterface({ linkType: 1, snapshotLength: 65535, name: 'eth0', description: 'first' })
    writer.writeInterface({ linkType: 113, snapshotLength: 65535, name: 'any', description: '' })
    writer.writePacket(0, times[0]!, 100, data, 0, 61)
    writer.writeStatistics(0, statisticsOf(1_700_000_000, 10, 2, 0))
    writer.writePacket(1, times[1]!, 60, data, 1, 61)
    const lines = tshark(t, bytes())
    if (lines === undefined) return
    assert.deepEqual(lines, ['1700000000.123456789\t100\t61\teth0', '1700000001.999999999\t60\t60\tany'])
  })

  test('our pcap', (t) => {
    const { sink, bytes } = collector()
    const writer = new PcapWriter(sink, { nanoseconds: true })
    writer.writeHeader(1)
    for (const time of times) writer.writePacket(time, 100, data, 0, 61)
    const lines = tshark(t, bytes())
    if (lines === undefined) return
    assert.deepEqual(lines, ['1700000000.123456789\t100\t61', '1700000001.999999999\t100\t61'])
  })
})
