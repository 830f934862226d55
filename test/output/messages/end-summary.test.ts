import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endSummaryLines, type RunSummary } from '../../../src/output/messages/end-summary.ts'
import { assertGolden } from '../../support/golden.ts'

const quiet: RunSummary = {
  packets: 0,
  connections: 0,
  payloadBytes: 0,
  datagrams: 0,
  gaps: 0,
  gapBytes: 0,
  captureGapBytes: 0,
  limitGaps: 0,
  lateBytes: 0,
  retransmittedBytes: 0,
  conflictingBytes: 0,
  strayBytes: 0,
  resetTextBytes: 0,
  bytesAfterFin: 0,
  bytesBeforeStart: 0,
  duplicates: 0,
  filtered: 0,
  kernelDrops: 0,
  interfaceDrops: 0,
  evicted: 0,
  halfOpenDropped: 0,
  incompleteDatagrams: 0,
  overlappingFragments: 0,
  undecoded: [],
  others: [],
}

test('zeros are said of the totals only', () => {
  assert.deepEqual(endSummaryLines(quiet), ['0 packets, 0 connections, 0 bytes of payload'])
})

test('the closing lines', () => {
  const ordinary: RunSummary = {
    ...quiet,
    packets: 874_112,
    connections: 64,
    payloadBytes: 640_123_456,
    retransmittedBytes: 1460,
  }
  const live: RunSummary = {
    ...ordinary,
    datagrams: 12,
    kernelDrops: 1,
    interfaceDrops: 3,
    gaps: 1,
    gapBytes: 1460,
    captureGapBytes: 1460,
    duplicates: 1,
  }
  const all: RunSummary = {
    packets: 1,
    connections: 1,
    payloadBytes: 1,
    datagrams: 1,
    gaps: 12,
    gapBytes: 17_520,
    captureGapBytes: 1460,
    limitGaps: 2,
    lateBytes: 2920,
    retransmittedBytes: 5,
    conflictingBytes: 1,
    strayBytes: 4000,
    resetTextBytes: 7,
    bytesAfterFin: 3,
    bytesBeforeStart: 1460,
    duplicates: 1204,
    filtered: 99_000,
    kernelDrops: 1234,
    interfaceDrops: 1,
    evicted: 110,
    halfOpenDropped: 100,
    incompleteDatagrams: 4,
    overlappingFragments: 1,
    undecoded: Array.from({ length: 10 }, (_, i) => ({ cause: `cause ${i}`, packets: 10_000 - i })),
    others: [{ cause: 'ICMP', packets: 5 }],
  }
  const several: [string, RunSummary][] = [
    ['ordinary', ordinary],
    ['live, with losses', live],
    ['a gap of the network', { ...quiet, gaps: 1, gapBytes: 3 }],
    ['everything', all],
  ]
  assertGolden(
    'output/end-summary.txt',
    several.map(([name, summary]) => `# ${name}\n${endSummaryLines(summary).join('\n')}\n`).join('\n'),
  )
})
