// Reads a savefile in tests: from memory, in chunks of any size, everything kept.

import type { ByteSource } from '../../src/core/ports.ts'
import {
  type InterfaceDescription,
  READ_END,
  READ_NEED_INPUT,
  READ_PACKET,
  READ_STATISTICS,
  SavefileReader,
} from '../../src/savefile/reader.ts'

export interface KeptPacket {
  seconds: number
  nanos: number
  linkType: number
  interfaceId: number
  originalLength: number
  bytes: string
}

export interface KeptStatistics {
  interfaceId: number
  seconds: number
  nanos: number
  received: number
  dropped: number
  interfaceDropped: number
}

export interface WholeCapture {
  packets: KeptPacket[]
  statistics: KeptStatistics[]
  interfaces: readonly InterfaceDescription[]
  damage: string | undefined
}

/** Gives `data` in chunks; `chunkSize` is asked for each, and may give any positive number. */
export function memorySource(data: Buffer, chunkSize: () => number = () => data.length): ByteSource {
  let at = 0
  return {
    name: 'memory',
    totalBytes: data.length,
    get consumedBytes() {
      return at
    },
    read(into, start, end) {
      const bytes = Math.min(end - start, Math.max(1, chunkSize()), data.length - at)
      data.copy(into, start, at, at + bytes)
      at += bytes
      return bytes
    },
    stop() {},
    async close() {},
  }
}

/** Everything in `data`. The working buffer is filled with rubbish first, so that reading too far shows. */
export function readAll(data: Buffer, options: { bufferBytes?: number; chunkSize?: () => number } = {}): WholeCapture {
  const source = memorySource(data, options.chunkSize)
  const reader = new SavefileReader('test.pcap', Buffer.alloc(options.bufferBytes ?? 65536, 0xa5))
  const whole: WholeCapture = { packets: [], statistics: [], interfaces: reader.interfaces, damage: undefined }
  for (let steps = 0; ; steps++) {
    // Each step takes at least a byte of input or a block of 12: more steps than that is a hang.
    if (steps > 3 * data.length + 100) throw new Error('the reader does not come to an end')
    switch (reader.next()) {
      case READ_NEED_INPUT:
        reader.fill(source)
        break
      case READ_PACKET: {
        const { time, linkType, interfaceId, originalLength, buf, start, end } = reader.packet
        const bytes = buf.toString('latin1', start, end)
        whole.packets.push({ seconds: time.seconds, nanos: time.nanos, linkType, interfaceId, originalLength, bytes })
        break
      }
      case READ_STATISTICS: {
        const { time, interfaceId, received, dropped, interfaceDropped } = reader.statistics
        const { seconds, nanos } = time
        whole.statistics.push({ interfaceId, seconds, nanos, received, dropped, interfaceDropped })
        break
      }
      case READ_END:
        whole.damage = reader.damage
        return whole
    }
  }
}
