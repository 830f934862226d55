// The closing lines of a run: what was seen, what is missing and whose fault that is. Nothing is said of zeros beyond
// the first line.

import { byteSize, counted, grouped } from './plain-numbers.ts'

/** What a run has to tell; all counts. */
export interface RunSummary {
  readonly packets: number
  readonly connections: number
  /** Payload delivered in order, each byte once. */
  readonly payloadBytes: number
  readonly datagrams: number
  readonly gaps: number
  readonly gapBytes: number
  /** Of these, gaps given up to stay within the memory bounds. */
  readonly limitGaps: number
  readonly lateBytes: number
  readonly retransmittedBytes: number
  readonly conflictingBytes: number
  /** Packets that are copies of one seen on another interface. */
  readonly duplicates: number
  /** Packets that the filter turned away (files only: a live filter works in the kernel). */
  readonly filtered: number
  readonly kernelDrops: number
  readonly interfaceDrops: number
  readonly evicted: number
  readonly halfOpenDropped: number
  readonly incompleteDatagrams: number
  readonly overlappingFragments: number
  readonly undecoded: readonly { readonly cause: string; readonly packets: number }[]
}

const MAXIMUM_CAUSES = 8

/** The lines, without newline and prefix. */
export function endSummaryLines(s: RunSummary): string[] {
  const lines = [
    `${counted(s.packets, 'packet')}, ${counted(s.connections, 'connection')}, ${byteSize(s.payloadBytes)} of payload${s.datagrams > 0 ? `, ${counted(s.datagrams, 'datagram')}` : ''}`,
  ]
  const say = (count: number, line: string): void => {
    if (count > 0) lines.push(line)
  }
  say(
    s.kernelDrops,
    `${counted(s.kernelDrops, 'packet')} dropped by the kernel: we did not read fast enough, what is missing is the capture's loss (a narrower filter or a larger --buffer-size helps)`,
  )
  say(s.interfaceDrops, `${counted(s.interfaceDrops, 'packet')} dropped by the interface itself`)
  say(
    s.gaps,
    `${counted(s.gaps, 'gap')}, ${byteSize(s.gapBytes)} missing${s.lateBytes > 0 ? `; ${byteSize(s.lateBytes)} of that came late` : ''}`,
  )
  say(s.limitGaps, `${counted(s.limitGaps, 'gap')} given up early to stay within memory`)
  const repeated: string[] = []
  if (s.retransmittedBytes > 0) repeated.push(`${byteSize(s.retransmittedBytes)} retransmitted`)
  if (s.conflictingBytes > 0) repeated.push(`${byteSize(s.conflictingBytes)} of it with other contents (first copy kept)`)
  if (s.duplicates > 0) repeated.push(`${counted(s.duplicates, 'copy of a packet', 'copies of packets')} left out`)
  say(repeated.length, repeated.join(', '))
  say(s.filtered, `${counted(s.filtered, 'packet')} did not match the filter`)
  say(s.evicted - s.halfOpenDropped, `${counted(s.evicted - s.halfOpenDropped, 'connection')} forgotten to make room`)
  say(
    s.halfOpenDropped,
    `${counted(s.halfOpenDropped, 'unanswered connection attempt')} not waited for: too many at once`,
  )
  say(
    s.incompleteDatagrams + s.overlappingFragments,
    `IP fragments: ${grouped(s.incompleteDatagrams)} datagrams incomplete, ${grouped(s.overlappingFragments)} fragments overlapping`,
  )
  if (s.undecoded.length > 0) {
    const causes = s.undecoded.slice(0, MAXIMUM_CAUSES).map(({ cause, packets }) => `${grouped(packets)} ${cause}`)
    const more = s.undecoded.length - causes.length
    lines.push(`not decoded: ${causes.join(', ')}${more > 0 ? `, ${counted(more, 'other cause')}` : ''}`)
  }
  return lines
}
