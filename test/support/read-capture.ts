// Reads a whole source into memory, for tests that compare packets.

import type { ByteSource } from '../../src/core/ports.ts'
import {
  type InterfaceDescription,
  READ_NEED_INPUT,
  READ_PACKET,
  READ_STATISTICS,
  SavefileReader,
} from '../../src/savefile/reader.ts'

export interface CapturedPacket {
  /** Microseconds since 1970. */
  readonly micros: number
  readonly linkType: number
  readonly originalLength: number
  readonly bytes: Buffer
}

export interface CapturedStatistics {
  readonly micros: number
  readonly received: number
  readonly dropped: number
}

export interface WholeCapture {
  readonly packets: CapturedPacket[]
  readonly statistics: CapturedStatistics[]
  readonly damage: string | undefined
  readonly interfaceName: string
  readonly interfaces: readonly InterfaceDescription[]
}

export interface ReadCaptureOptions {
  /** Called after every packet and statistics block, to stop the source for one. */
  readonly onProgress?: (soFar: WholeCapture) => void
}

/** Reads to the end of the source. */
export async function readCapture(source: ByteSource, options: ReadCaptureOptions = {}): Promise<WholeCapture> {
  const reader = new SavefileReader(source.name, Buffer.alloc(1024 * 1024))
  const packets: CapturedPacket[] = []
  const statistics: CapturedStatistics[] = []
  const soFar = (): WholeCapture => {
    const { interfaces, damage } = reader
    return { packets, statistics, damage, interfaceName: interfaces[0]?.name ?? '', interfaces }
  }
  for (;;) {
    const status = reader.next()
    if (status === READ_NEED_INPUT) {
      await reader.fill(source)
      continue
    }
    if (status === READ_PACKET) {
      const { time, linkType, originalLength, buf, start, end } = reader.packet
      const bytes = Buffer.from(buf.subarray(start, end))
      packets.push({ micros: time.seconds * 1e6 + time.nanos / 1e3, linkType, originalLength, bytes })
    } else if (status === READ_STATISTICS) {
      const { time, received, dropped } = reader.statistics
      statistics.push({ micros: time.seconds * 1e6 + time.nanos / 1e3, received, dropped })
    } else {
      return soFar()
    }
    options.onProgress?.(soFar())
  }
}
