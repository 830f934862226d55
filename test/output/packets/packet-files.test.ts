import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Connection, Direction } from '../../../src/core/connection.ts'
import { Packet } from '../../../src/core/packet.ts'
import { Segment } from '../../../src/core/segment.ts'
import { FileSink } from '../../../src/output/files/file-sink.ts'
import { READ_NEED_INPUT, READ_PACKET, SavefileReader } from '../../../src/savefile/reader.ts'
import { contents, filesPlan, Talk, TO_CLIENT, TO_SERVER, temporaryFolder, testRun } from '../files/file-fixture.ts'

const segment = new Segment()

function give(sink: FileSink, c: Connection, d: Direction, bytes: string, linkType = 1): void {
  const packet = new Packet()
  packet.linkType = linkType
  packet.time.seconds = 1_700_000_000
  packet.time.nanos = 123_456_789
  packet.buf = Buffer.from(`[${bytes}]`)
  packet.start = 1
  packet.end = 1 + bytes.length
  packet.originalLength = bytes.length + 10
  sink.onSegment(c, d, segment, packet)
  packet.buf.fill('?')
}

/** Every packet of a pcap file as text. */
async function packetsOf(path: string): Promise<string[]> {
  const bytes = readFileSync(path)
  const reader = new SavefileReader(path, Buffer.alloc(65_536))
  let at = 0
  const source = {
    name: path,
    totalBytes: bytes.length,
    consumedBytes: 0,
    read(into: Buffer, start: number, end: number) {
      const length = bytes.copy(into, start, at, Math.min(bytes.length, at + end - start))
      at += length
      return length
    },
    stop() {},
    async close() {},
  }
  const found: string[] = []
  for (;;) {
    const status = reader.next()
    if (status === READ_PACKET) {
      const { time, linkType, originalLength, buf, start, end } = reader.packet
      found.push(`${time.seconds}.${time.nanos} ${linkType} ${originalLength} ${buf.toString('latin1', start, end)}`)
    } else if (status === READ_NEED_INPUT) await reader.fill(source)
    else return found
  }
}

test('-K keeps the packets of each flow, as they came', async (t) => {
  const folder = temporaryFolder(t)
  const sink = new FileSink(filesPlan(folder, { packetsPerFlow: true, flowFiles: false, maximumOpenFiles: 1 }), testRun)
  assert.ok(sink.wantsSegments)
  const { connection: one } = new Talk(sink)
  const { connection: other } = new Talk(sink, { slot: 1, occurrence: 1 })
  give(sink, one, 0, 'SYN')
  give(sink, one, 1, 'SYN-ACK')
  give(sink, other, 0, 'another')
  sink.flush()
  give(sink, one, 0, 'ACK')
  give(sink, one, 0, 'cooked', 113)
  give(sink, one, 0, 'FIN')
  sink.onClose(one, 'finished', one.lastPacketTime)
  give(sink, { ...one, occurrence: 2 } as Connection, 0, 'next on the slot')
  await sink.finish()
  const found: Record<string, string[]> = {}
  for (const name of Object.keys(contents(folder))) found[name] = await packetsOf(join(folder, name))
  assert.deepEqual(found, {
    [`${TO_SERVER}.pcap`]: [
      '1700000000.123456789 1 13 SYN',
      '1700000000.123456789 1 13 ACK',
      '1700000000.123456789 1 13 FIN',
    ],
    [`${TO_SERVER}c1.pcap`]: ['1700000000.123456789 1 17 another'],
    [`${TO_SERVER}c2.pcap`]: ['1700000000.123456789 113 16 cooked'],
    [`${TO_SERVER}c3.pcap`]: ['1700000000.123456789 1 26 next on the slot'],
    [`${TO_CLIENT}.pcap`]: ['1700000000.123456789 1 17 SYN-ACK'],
  })
})
