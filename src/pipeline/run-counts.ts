// Gathers what the rooms have counted for those who watch a run.

import type { FlowCounters } from '../flow/counters.ts'
import type { RunCounts } from '../metrics/run-counts.ts'
import type { DumpRiver } from '../river/dump-river.ts'

export function runCounts({ counters, decoder }: DumpRiver, flow: FlowCounters): RunCounts {
  return {
    packets: counters.packets,
    packetBytes: counters.packetBytes,
    kernelDrops: counters.kernelDrops,
    interfaceDrops: counters.interfaceDrops,
    connections: flow.connections,
    openConnections: flow.openNow,
    datagrams: decoder.counters.datagrams,
    payloadBytes: flow.deliveredBytes,
    gaps: flow.gaps,
    gapBytes: flow.gapBytes,
    evicted: flow.evicted,
  }
}
