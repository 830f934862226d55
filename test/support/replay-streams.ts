// Sends a capture file through reader, decoder and flow table into a stream consumer, for tests of the steps behind them.

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { StreamConsumer } from '../../src/core/consumers.ts'
import { Decoder } from '../../src/decode/decoder.ts'
import { FlowTable } from '../../src/flow/flow-table.ts'
import { READ_END, READ_NEED_INPUT, READ_PACKET, SavefileReader } from '../../src/savefile/reader.ts'
import { smallFlowTableOptions } from './small-flow-table.ts'

/** Replays the whole file, up to damage; every connection is closed at the end. */
export async function replayStreams(path: string, consumer: StreamConsumer): Promise<void> {
  const raw = readFileSync(path)
  const bytes = raw[0] === 0x1f ? gunzipSync(raw) : raw
  let offset = 0
  const source = {
    name: path,
    totalBytes: bytes.length,
    consumedBytes: 0,
    read(into: Buffer, start: number, end: number): number {
      const count = bytes.copy(into, start, offset, Math.min(bytes.length, offset + end - start))
      offset += count
      return count
    },
    stop() {},
    close: () => Promise.resolve(),
  }
  const table = new FlowTable(consumer, smallFlowTableOptions)
  const decoder = new Decoder(
    {
      onSegment: (segment, packet) => table.onSegment(segment, packet),
      onDatagram() {},
      onIcmpError: (error) => table.onIcmpError(error),
      onArp() {},
    },
    { unwrapTunnels: true },
  )
  const reader = new SavefileReader(path, Buffer.alloc(65_536))
  for (let status = reader.next(); status !== READ_END; status = reader.next()) {
    if (status === READ_NEED_INPUT) await reader.fill(source)
    else if (status === READ_PACKET) decoder.decode(reader.packet)
  }
  table.closeAll('capture-ended', reader.packet.time)
}
