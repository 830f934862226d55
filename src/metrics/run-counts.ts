// What a run has counted, as metrics show it.

export interface RunCounts {
  readonly packets: number
  readonly packetBytes: number
  readonly kernelDrops: number
  readonly interfaceDrops: number
  readonly connections: number
  readonly openConnections: number
  readonly datagrams: number
  readonly payloadBytes: number
  readonly gaps: number
  readonly gapBytes: number
  /** Connections that left the table because it was full. */
  readonly evicted: number
}
