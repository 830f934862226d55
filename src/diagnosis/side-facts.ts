// What one side of a connection has sent, and when: the half of a timeline. Numbers only, so that a packet costs no memory.
// Times are microseconds since 1970 (epochMicros), 0: never.

import type { Direction } from '../core/connection.ts'

export class SideFacts {
  readonly direction: Direction
  packets = 0
  firstMicros = 0
  lastMicros = 0
  /** Segments with payload, their bytes as sent (what was sent twice counts twice), and when. */
  dataSegments = 0
  sentBytes = 0
  firstDataMicros = 0
  lastDataMicros = 0
  /** How often it took the word: data after data of the other side, or the first. */
  turns = 0
  /** The latest turn: when it began, at which sequence number, and how long before no packet of either side had come. */
  turnMicros = 0
  turnSequence = 0
  silenceBeforeTurnMicros = 0
  /** First byte of the latest payload; -1: not captured. With its length it tells a TLS goodbye from a request. */
  lastFirstByte = -1
  /** The largest and the smallest payload so far; 0: none. */
  largestPayload = 0
  smallestPayload = 0

  // The handshake: SYN of the client, SYN+ACK of the server.
  syns = 0
  firstSynMicros = 0
  lastSynMicros = 0
  initialSequence = 0
  /** Options of the SYN: 0 and -1 where it did not say so, or was not seen. */
  maximumSegmentBytes = 0
  windowScale = -1
  sackPermitted = false

  /** Time to live (hop limit): of the first packet that was no RST, and the least and greatest of those; 0: none yet. */
  hopLimit = 0
  leastHopLimit = 0
  greatestHopLimit = 0

  // Where it stands. Meaningful once `hasSent`, `hasAcknowledged`.
  hasSent = false
  /** Sequence number behind the furthest byte (SYN and FIN count as one). */
  furthest = 0
  hasAcknowledged = false
  /** Highest acknowledgement number that this side has sent. */
  acknowledged = 0
  /** When `acknowledged` last went up. */
  acknowledgedMicros = 0
  /** Acknowledgements that repeat the one before while the other side's data is out (RFC 5681): now in a row, and in all. */
  duplicateAcknowledgementsInRow = 0
  duplicateAcknowledgements = 0
  /** Fastest acknowledgement by the other side of something sent once, seen from the capture point; -1: none timed. */
  roundTripMicros = -1
  /** The first, which of a SYN is the network's own; -1: none timed. And the slowest. */
  firstRoundTripMicros = -1
  slowestRoundTripMicros = -1
  /** Those of 300 ms and more: no delayed acknowledgement takes so long. And when the latest of them ended. */
  slowRoundTrips = 0
  slowRoundTripMicros = 0

  // Sent again. `needed` excludes what turned out to be spurious.
  retransmissions = 0
  retransmittedBytes = 0
  /** After duplicate acknowledgements or SACK, and after a time of silence. */
  fastRetransmissions = 0
  timeoutRetransmissions = 0
  /** Acknowledged before it was sent again, or the receiver said that it came twice (DSACK). */
  spuriousRetransmissions = 0
  /** When it last sent what had been acknowledged long since, or what lies beyond the window: nobody has a use for it. */
  uselessMicros = 0
  /** Sent again since the other side last acknowledged anything new: it may never have arrived. */
  unacknowledgedRetransmissions = 0
  /** A hole that was seen and filled within 3 ms (or a round trip): the network changed the order. */
  reordered = 0
  /** A hole that was seen and filled later: lost before the capture point. */
  lostBefore = 0
  /** When something came that had been lost, whether before or behind the capture point. */
  firstRetransmissionMicros = 0
  lastRetransmissionMicros = 0
  /** The segment at the front of what is not acknowledged: how often it was sent again in a row, since when, its payload. */
  repeats = 0
  repeatedSequence = 0
  repeatedSinceMicros = 0
  repeatedBytes = 0
  /** The most that `repeats` has been. */
  mostRepeats = 0
  /** The largest payload of one segment that the other side has acknowledged; 0: none. */
  largestAcknowledgedPayload = 0
  /** What was passed over and may still come: since when, and its sequence numbers. */
  holeSinceMicros = 0
  holeStart = 0
  holeEnd = 0

  // Windows that it advertises, scaled where the scale is known.
  window = -1
  zeroWindows = 0
  /** Since when its window is zero; 0: it is not. And how long it was in all, without a span that is not over. */
  zeroWindowSinceMicros = 0
  zeroWindowMicros = 0
  longestZeroWindowMicros = 0
  /** The same for a window smaller than one full segment (zero counts). */
  smallWindowSinceMicros = 0
  smallWindowMicros = 0
  longestSmallWindowMicros = 0
  /** How often it had sent all that the other side's window allows, with no room for one more segment. */
  windowFull = 0

  // Keep-alive probes (RFC 9293 §3.8.4): one byte or none before the next sequence number, while nothing is out.
  keepAliveProbes = 0
  /** Answered by the other side with an acknowledgement, or overtaken by its data. */
  keepAliveAnswers = 0
  firstKeepAliveMicros = 0
  lastKeepAliveMicros = 0
  /** From the packet before to the first probe: what the interval is set to. */
  keepAliveIdleMicros = 0
  /** The latest data of either side before the latest probe, and whether some probe came while the client's waited for an answer. */
  dataBeforeKeepAliveMicros = 0
  keepAliveWhilePending = false
  /** Probes of a closed window look alike: the other side's window is zero. */
  windowProbes = 0

  /**
   * Small segment, nothing for 35 to 300 ms, a bare acknowledgement by the other side, and at once the next small one: Nagle
   * and delayed acknowledgements wait for each other. How often, and what that cost.
   */
  nagleDelays = 0
  nagleMicros = 0

  /** How often it began slowly after a pause, what that cost in all, and when the latest began. */
  slowRestarts = 0
  slowRestartMicros = 0
  latestSlowRestartMicros = 0
  /** The most bytes that were under way. */
  largestFlight = 0
  /** Its first burst after the latest such pause, and the most before it. */
  restartFlight = 0
  flightBeforeRestart = 0

  finMicros = 0
  fins = 0
  finSequence = 0
  finAcknowledgedMicros = 0
  /** What its first FIN acknowledged. */
  finAcknowledgement = 0
  /** Payload that it sent after the other side's FIN was seen, and since when. */
  bytesAfterPeerFin = 0
  firstAfterPeerFinMicros = 0
  resetMicros = 0
  resets = 0
  resetHopLimit = 0
  resetSequence = 0
  resetHasAcknowledgement = false
  resetAcknowledgement = 0
  /** What its first RST carries as text (RFC 9293 §3.5.3); '' mostly. From the wire. */
  resetText = ''
  /** How long before its first FIN, and before its first RST, no packet of either side had come. */
  silenceBeforeFinMicros = 0
  silenceBeforeResetMicros = 0
  /** Packets that came twice at once: several capture points of one path, or the network doubles them. */
  copies = 0
  /** The same without data; probes and acknowledgements are none. */
  idleBeforeFinMicros = 0
  idleBeforeResetMicros = 0
  /** Bytes that the snapshot length cut off. */
  cutBytes = 0

  // Being timed; for the timeline alone.
  awaitedEnd = 0
  awaitedSinceMicros = 0
  lastPayload = 0
  delayedSinceMicros = 0
  spuriousAt = 0
  restartSinceMicros = 0
  restartRounds = 0
  /** Behind a segment that is larger than all that were acknowledged, and its payload; 0: none is out. */
  largerEnd = 0
  largerPayload = 0

  constructor(direction: Direction) {
    this.direction = direction
  }

  /** Losses that the sender noticed only by waiting. */
  get neededTimeouts(): number {
    const { timeoutRetransmissions, spuriousRetransmissions, unacknowledgedRetransmissions } = this
    return Math.max(0, timeoutRetransmissions - spuriousRetransmissions - unacknowledgedRetransmissions)
  }

  /** Retransmissions that the receiver needed, as far as anybody can tell. */
  get neededRetransmissions(): number {
    return Math.max(0, this.retransmissions - this.spuriousRetransmissions)
  }

  /** Segments that were lost, sent again, and then arrived. */
  get lostSegments(): number {
    return Math.max(0, this.neededRetransmissions - this.unacknowledgedRetransmissions) + this.lostBefore
  }
}

/**
 * Everything as new. The assignments are compiled from the fields above, a plain one each: Object.assign takes 2 µs for them, and
 * new objects make the collector copy those of all connections that are open.
 */
export const resetSide = new Function('side', assignments(new SideFacts(0))) as (side: SideFacts) => void

function assignments(fresh: SideFacts): string {
  return Object.entries(fresh)
    .filter(([field]) => field !== 'direction')
    .map(([field, value]) => `side.${field} = ${JSON.stringify(value)}`)
    .join('\n')
}
