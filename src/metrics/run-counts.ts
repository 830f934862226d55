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

/** Before a run has begun. */
export const NOTHING_COUNTED: RunCounts = {
  packets: 0,
  packetBytes: 0,
  kernelDrops: 0,
  interfaceDrops: 0,
  connections: 0,
  openConnections: 0,
  datagrams: 0,
  payloadBytes: 0,
  gaps: 0,
  gapBytes: 0,
  evicted: 0,
}
