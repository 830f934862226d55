// Gathers what the rooms have counted for the closing lines.

import type { FlowCounters } from '../flow/counters.ts'
import type { RunSummary } from '../output/messages/end-summary.ts'
import type { DumpRiver } from '../river/dump-river.ts'

/** `verbose`: also tell of normal traffic that nobody here looks at. */
export function runSummary(river: DumpRiver, flow: FlowCounters, verbose: boolean): RunSummary {
  const { counters, decoder } = river
  const decoded = decoder.counters
  return {
    packets: counters.packets,
    connections: flow.connections,
    payloadBytes: flow.deliveredBytes,
    datagrams: decoded.datagrams,
    gaps: flow.gaps,
    gapBytes: flow.gapBytes,
    captureGapBytes: flow.captureGapBytes,
    limitGaps: flow.limitGaps,
    lateBytes: flow.lateBytes,
    retransmittedBytes: flow.retransmittedBytes,
    conflictingBytes: flow.conflictingBytes,
    strayBytes: flow.strayBytes,
    resetTextBytes: flow.resetTextBytes,
    bytesAfterFin: flow.bytesAfterFin,
    bytesBeforeStart: flow.bytesBeforeStart,
    duplicates: counters.duplicates,
    filtered: counters.filtered,
    kernelDrops: counters.kernelDrops,
    interfaceDrops: counters.interfaceDrops,
    evicted: flow.evicted,
    halfOpenDropped: flow.halfOpenDropped,
    incompleteDatagrams: decoded.incompleteDatagrams,
    overlappingFragments: decoded.overlappingFragments,
    undecoded: decoded.undecoded(),
    others: verbose ? decoded.others() : [],
  }
}
