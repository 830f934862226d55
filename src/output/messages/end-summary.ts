// The closing lines of a run: what was seen, what is missing, and whether the network or the capture lost it. After the
// first line, nothing is said about counts that are zero.

import { byteSize, counted, grouped } from '../../core/plain-numbers.ts'

/** What there is to tell at the end; all are counts. */
export interface RunSummary {
  readonly packets: number
  readonly connections: number
  /** Payload delivered in order, each byte once. */
  readonly payloadBytes: number
  readonly datagrams: number
  readonly gaps: number
  readonly gapBytes: number
  /**
   * Of the gap bytes, those that only the capture missed: they were acknowledged, or cut off by the snapshot length.
   */
  readonly captureGapBytes: number
  /** Of these, gaps given up to stay within the memory bounds. */
  readonly limitGaps: number
  readonly lateBytes: number
  readonly retransmittedBytes: number
  readonly conflictingBytes: number
  /** Payload that is not shown: of no connection, with a RST, after a FIN, or before the first captured byte. */
  readonly strayBytes: number
  readonly resetTextBytes: number
  readonly bytesAfterFin: number
  readonly bytesBeforeStart: number
  /** Packets that were seen on another interface already. */
  readonly duplicates: number
  /** Packets that the filter rejected (only for files: a live filter works in the kernel). */
  readonly filtered: number
  readonly kernelDrops: number
  readonly interfaceDrops: number
  readonly evicted: number
  readonly halfOpenDropped: number
  readonly incompleteDatagrams: number
  readonly overlappingFragments: number
  readonly undecoded: readonly PacketCount[]
  /** Normal traffic that is neither TCP nor UDP, where that is to be told. */
  readonly others: readonly PacketCount[]
}

export interface PacketCount {
  readonly cause: string
  readonly packets: number
}

const MAXIMUM_CAUSES = 8

/** The lines, without newline and prefix. */
export function endSummaryLines(s: RunSummary): string[] {
  return [totals(s), ...drops(s), ...gaps(s), ...repeats(s), ...notShown(s), ...shed(s), ...undecoded(s)]
}

function totals(s: RunSummary): string {
  const parts = [
    counted(s.packets, 'packet'),
    counted(s.connections, 'connection'),
    `${byteSize(s.payloadBytes)} of payload`,
  ]
  if (s.datagrams > 0) parts.push(counted(s.datagrams, 'datagram'))
  if (s.filtered > 0) parts.push(`${counted(s.filtered, 'other packet')} did not match the filter`)
  return parts.join(', ')
}

function drops(s: RunSummary): string[] {
  const lines: string[] = []
  if (s.kernelDrops > 0) {
    lines.push(
      `${counted(s.kernelDrops, 'packet')} dropped by the kernel because we did not read fast enough: what is missing is the capture's loss (a narrower filter or a larger --buffer-size helps)`,
    )
  }
  if (s.interfaceDrops > 0) lines.push(`${counted(s.interfaceDrops, 'packet')} dropped by the interface itself`)
  return lines
}

function gaps(s: RunSummary): string[] {
  if (s.gaps === 0) return []
  const details: string[] = []
  if (s.captureGapBytes > 0) details.push(`${byteSize(s.captureGapBytes)} arrived but were not captured`)
  const others = s.gapBytes - s.captureGapBytes
  if (others > 0) details.push(`${byteSize(others)} were never acknowledged`)
  if (s.limitGaps > 0) details.push(`${counted(s.limitGaps, 'gap')} given up early to stay within memory`)
  if (s.lateBytes > 0) details.push(`${byteSize(s.lateBytes)} came too late`)
  const line = `${counted(s.gaps, 'gap')}, ${byteSize(s.gapBytes)} missing`
  return [details.length > 0 ? `${line}: ${details.join(', ')}` : line]
}

function repeats(s: RunSummary): string[] {
  const parts: string[] = []
  if (s.retransmittedBytes > 0) parts.push(`${byteSize(s.retransmittedBytes)} retransmitted`)
  if (s.conflictingBytes > 0) {
    parts.push(`${byteSize(s.conflictingBytes)} came twice with different contents (the first copy counts)`)
  }
  if (s.duplicates > 0) parts.push(`${counted(s.duplicates, 'copy of a packet', 'copies of packets')} left out`)
  return parts.length > 0 ? [parts.join(', ')] : []
}

function notShown(s: RunSummary): string[] {
  const parts: string[] = []
  if (s.strayBytes > 0) parts.push(`${byteSize(s.strayBytes)} of no open connection`)
  if (s.resetTextBytes > 0) parts.push(`${byteSize(s.resetTextBytes)} sent with a RST`)
  if (s.bytesAfterFin > 0) parts.push(`${byteSize(s.bytesAfterFin)} behind a FIN`)
  if (s.bytesBeforeStart > 0) parts.push(`${byteSize(s.bytesBeforeStart)} from before the first byte shown`)
  return parts.length > 0 ? [`not shown: ${parts.join(', ')}`] : []
}

/** What limits have cut off. */
function shed(s: RunSummary): string[] {
  const parts: string[] = []
  const evicted = s.evicted - s.halfOpenDropped
  if (evicted > 0) parts.push(`${counted(evicted, 'connection')} forgotten to make room for others`)
  if (s.halfOpenDropped > 0) {
    parts.push(`${counted(s.halfOpenDropped, 'unanswered connection attempt')} not waited for, there were too many`)
  }
  if (s.incompleteDatagrams > 0) {
    parts.push(`${counted(s.incompleteDatagrams, 'fragmented datagram')} not complete`)
  }
  if (s.overlappingFragments > 0) parts.push(counted(s.overlappingFragments, 'overlapping IP fragment'))
  return parts.length > 0 ? [parts.join(', ')] : []
}

function undecoded(s: RunSummary): string[] {
  const lines: string[] = []
  if (s.undecoded.length > 0) lines.push(`not decoded: ${listed(s.undecoded)}`)
  if (s.others.length > 0) lines.push(`neither TCP nor UDP: ${listed(s.others)}`)
  return lines
}

function listed(counts: readonly PacketCount[]): string {
  const causes = counts.slice(0, MAXIMUM_CAUSES).map(({ cause, packets }) => `${grouped(packets)} ${cause}`)
  const more = counts.length - causes.length
  return `${causes.join(', ')}${more > 0 ? `, ${counted(more, 'other cause')}` : ''}`
}
