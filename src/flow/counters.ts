// What the flow table has seen, delivered and shed: plain numbers for the summary at the end of a run.

import { type Segment, TCP_RST } from '../core/segment.ts'

export class FlowCounters {
  /** Connection objects made (a resumed connection counts again), and those open now. */
  connections = 0
  openNow = 0
  resumed = 0
  /** Closed because the table was full; `halfOpenDropped` are the ones of them without a finished handshake. */
  evicted = 0
  halfOpenDropped = 0
  timeouts = 0
  segments = 0
  /** Payload of all segments, and what of it was delivered in order, each byte once. */
  payloadBytes = 0
  deliveredBytes = 0
  retransmittedBytes = 0
  /** Bytes of gaps that came after they had been given up; delivered by onLateData. */
  lateBytes = 0
  /** Copies of one packet. The table never sees them: the caller of the DuplicateFilter counts them here. */
  duplicatePackets = 0
  outOfOrderSegments = 0
  /** Bytes that came twice with different contents while the first copy was still queued. */
  conflictingBytes = 0
  gaps = 0
  gapBytes = 0
  /** Of these: acknowledged or beyond the snapshot length, so only the capture lacks them. */
  captureGapBytes = 0
  /** Those of the gaps that were given up to stay within the bounds. */
  limitGaps = 0
  keepAlives = 0
  /** Bytes from before the first one delivered of a connection whose start was not captured. */
  bytesBeforeStart = 0
  /** Bytes beyond a FIN that had been reached. */
  bytesAfterFin = 0
  /** Bytes of a text that came with a RST, which is no data (RFC 9293 §3.5.2). */
  resetTextBytes = 0
  /** Bytes that came after their connection had ended, or with a SYN that belongs to none. */
  strayBytes = 0
  /** RSTs and SYNs after which the connection went on. */
  refutedResets = 0
  straySyns = 0
  /** RSTs outside the window, and RSTs of connections never seen. */
  ignoredResets = 0
  /** Stragglers of ended connections, and segments that no TCP would accept. */
  ignoredSegments = 0
  /** Acknowledgements of bytes that cannot have been sent. */
  ignoredAcknowledgements = 0

  /** A segment that is of no connection; `repeated`: its bytes have been delivered already. */
  ignore(s: Segment, repeated: boolean): void {
    const bytes = s.payloadEnd - s.payloadStart
    if ((s.flags & TCP_RST) !== 0) {
      this.ignoredResets++
      this.resetTextBytes += bytes
      return
    }
    this.ignoredSegments++
    if (!repeated) this.strayBytes += bytes
  }
}
