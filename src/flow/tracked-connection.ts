// Connection and Stream with what only the flow table needs to know. The objects belong to the table's slots and are used
// again for later connections, so making one is a reset and not an allocation.

import { Connection, type Direction, Stream } from '../core/connection.ts'
import { Endpoint, formatAddress } from '../core/endpoint.ts'
import type { IcmpError, Segment } from '../core/segment.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import { Timestamp } from '../core/timestamp.ts'
import type { GivenUpRanges } from './given-up-ranges.ts'
import type { HeldSyn } from './held-syn.ts'
import type { Page } from './page-pool.ts'

/** A retransmission, acknowledgement or window that reaches further than this is not believed. */
export const PLAUSIBLE_BYTES = 16_777_216

// How well it is known where a stream stands (`TrackedStream.position`), from nothing to certain.
/** Nothing was seen that says so. */
export const POSITION_UNKNOWN = 0
/** The other side acknowledged up to `expected`; what is in flight behind that may have passed before the capture began. */
export const POSITION_HINT = 1
/** An empty segment of this side said that its next byte is `expected`. */
export const POSITION_OWN = 2
/** A SYN, a SYN-ACK or delivered data: `expected` is where the stream stands. */
export const POSITION_ANCHORED = 3

// Which of the table's lists a connection is in (`TrackedConnection.phase`).
/** Not beyond its handshake, or only empty segments of one side seen. */
export const PHASE_HALF_OPEN = 0
export const PHASE_ESTABLISHED = 1
/** One side has finished. */
export const PHASE_CLOSING = 2
/** Both sides have finished: what is left to come is the acknowledgement of the last FIN. */
export const PHASE_FINISHED = 3
/** A believed reset was seen; what still comes was under way (see resets.ts). */
export const PHASE_RESET = 4
/** A doubted reset was seen. */
export const PHASE_DOUBTED = 5
export const PHASES = 6

export class TrackedStream extends Stream {
  readonly connection: TrackedConnection
  readonly direction: Direction
  position = POSITION_UNKNOWN
  /** Sequence number of the next byte to be delivered. */
  expected = 0
  /** Highest believable acknowledgement by the other side; meaningful once the position is known. */
  acknowledged = 0
  /** Of the SYN; meaningful when `sawSyn`. */
  initialSequence = 0
  /** Sequence number of a FIN that was believed; the stream ends there. */
  finKnown = false
  finSequence = 0
  /** Out-of-order pages by sequence number, never overlapping, none before `expected`. */
  first: Page | null = null
  last: Page | null = null
  queuedPages = 0
  givenUp: GivenUpRanges | null = null
  /**
   * The first byte of a stream that was joined midway, held because it may be a keep-alive probe's; -1: none (see
   * held-byte.ts).
   */
  heldByte = -1
  heldByteSequence = 0
  readonly heldByteTime = new Timestamp()
  /** In the list of streams with holes, since `markMicros`, when the other side had acknowledged `markAcknowledged`. */
  listed = false
  markMicros = 0
  markAcknowledged = 0
  previousHole: TrackedStream | null = null
  nextHole: TrackedStream | null = null

  constructor(connection: TrackedConnection, direction: Direction) {
    super()
    this.connection = connection
    this.direction = direction
  }

  /** Everything as new. The queue must be empty and the stream not listed. */
  reset(): void {
    // Nothing was ever written, as in the way back of a SYN that nobody answered. A flood consists of these.
    if (this.packets === 0 && this.position === POSITION_UNKNOWN && this.offset === 0 && !this.sawSyn) return
    this.firstPacketTime.seconds = 0
    this.firstPacketTime.nanos = 0
    this.lastPacketTime.seconds = 0
    this.lastPacketTime.nanos = 0
    this.packets = 0
    this.offset = 0
    this.bytes = 0
    this.retransmittedBytes = 0
    this.outOfOrderSegments = 0
    this.conflictingBytes = 0
    this.gaps = 0
    this.missingBytes = 0
    this.sawSyn = false
    this.sawFin = false
    this.sawReset = false
    this.synPackets = 0
    this.sourceMacHigh = -1
    this.sourceMacLow = -1
    this.destinationMacHigh = -1
    this.destinationMacLow = -1
    this.position = POSITION_UNKNOWN
    this.expected = 0
    this.acknowledged = 0
    this.initialSequence = 0
    this.finKnown = false
    this.finSequence = 0
    this.givenUp = null
    this.heldByte = -1
    this.heldByteSequence = 0
    this.heldByteTime.seconds = 0
    this.heldByteTime.nanos = 0
    this.markMicros = 0
    this.markAcknowledged = 0
  }

  /** Counts a packet of this direction and notes when it came, and from which link-layer address the first did. */
  notePacket(s: Segment): void {
    if (this.packets === 0) {
      this.firstPacketTime.set(s.time)
      this.sourceMacHigh = s.sourceMacHigh
      this.sourceMacLow = s.sourceMacLow
      this.destinationMacHigh = s.destinationMacHigh
      this.destinationMacLow = s.destinationMacLow
    }
    this.packets++
    this.lastPacketTime.set(s.time)
  }

  /** Bytes that were due have been delivered. */
  noteDelivered(bytes: number): void {
    this.offset += bytes
    this.bytes += bytes
    this.expected = sequenceAdd(this.expected, bytes)
  }

  /** The believed FIN has been reached: nothing more is to come. */
  get finished(): boolean {
    return this.finKnown && this.expected === this.finSequence
  }

  /** The other side has acknowledged the believed FIN: there is nothing left to say on this stream. */
  get finAcknowledged(): boolean {
    return sequenceDistance(this.acknowledged, this.finSequence) > 0
  }

  override get acknowledgedAhead(): number {
    // nearly always: asked of each delivery
    if (this.acknowledged === this.expected) return 0
    // nothing is told of a side that was never seen
    if (this.packets === 0 || this.position < POSITION_OWN) return 0
    const end = this.finKnown && this.finAcknowledged ? this.finSequence : this.acknowledged
    const ahead = sequenceDistance(end, this.expected)
    return ahead > 0 && ahead <= PLAUSIBLE_BYTES ? ahead : 0
  }

  override get holdsBack(): boolean {
    return this.first !== null
  }

  /** Sequence number behind the furthest byte known. */
  get reach(): number {
    const last = this.last
    return last === null ? this.expected : (last.sequence + last.length + last.missingAfter) | 0
  }
}

const NOBODY = new Endpoint(4, 0, 0, 0, 0, 0)

export class TrackedConnection extends Connection {
  readonly toServer: TrackedStream
  readonly toClient: TrackedStream
  /** ConnectionIndex.reversed of segments from the client. */
  clientReversed = false
  phase = PHASE_HALF_OPEN
  /** Direction of the reset that ends it unless it goes on, or -1; the next six are of that reset (see resets.ts). */
  resetBy: Direction | -1 = -1
  resetMicros = 0
  resetSequence = 0
  /** It answered a SYN; nothing else was seen of its sender. */
  resetIsRefusal = false
  /** Whether and where the other side stood, its FIN counted. */
  resetPeerKnown = false
  resetPeerEnd = 0
  phaseBeforeReset = PHASE_HALF_OPEN
  /** A SYN that begins another connection, or has strayed here. */
  heldSyn: HeldSyn | null = null

  constructor(slot: number) {
    // `this` is needed to make the streams, so they are put in afterwards.
    super(NOBODY, NOBODY, NO_STREAM, NO_STREAM)
    this.toServer = new TrackedStream(this, 0)
    this.toClient = new TrackedStream(this, 1)
    this.streams[0] = this.toServer
    this.streams[1] = this.toClient
    this.slot = slot
  }

  /** Everything as new but the slot. */
  reset(): void {
    this.id = 0
    this.place = 0
    this.interfaceId = 0
    this.vlanId = -1
    this.endpoints[0] = NOBODY
    this.endpoints[1] = NOBODY
    this.openerKnown = false
    this.occurrence = 0
    this.resumed = false
    this.openTime.seconds = 0
    this.openTime.nanos = 0
    this.lastPacketTime.seconds = 0
    this.lastPacketTime.nanos = 0
    this.lastDataTime.seconds = 0
    this.lastDataTime.nanos = 0
    this.resetIdleMicros = 0
    this.refutedResets = 0
    this.straySyns = 0
    this.handshakeMicros = -1
    this.icmpFamily = 0
    this.icmpType = 0
    this.icmpCode = 0
    this.icmpReporter = ''
    this.toServer.reset()
    this.toClient.reset()
    this.clientReversed = false
    this.phase = PHASE_HALF_OPEN
    this.resetBy = -1
    this.resetMicros = 0
    this.resetSequence = 0
    this.resetIsRefusal = false
    this.resetPeerKnown = false
    this.resetPeerEnd = 0
    this.phaseBeforeReset = PHASE_HALF_OPEN
    this.heldSyn = null
  }

  /** Fills in who talks to whom and where, from the first segment; `fromClient`: its source is the client. */
  begin(s: Segment, fromClient: boolean): void {
    this.place = s.place
    this.interfaceId = s.interfaceId
    this.vlanId = s.vlanId
    const source = new Endpoint(s.family, s.sourceWord0, s.sourceWord1, s.sourceWord2, s.sourceWord3, s.sourcePort)
    const { destinationWord0, destinationWord1, destinationWord2, destinationWord3, destinationPort } = s
    const destination = new Endpoint(
      s.family,
      destinationWord0,
      destinationWord1,
      destinationWord2,
      destinationWord3,
      destinationPort,
    )
    this.endpoints[0] = fromClient ? source : destination
    this.endpoints[1] = fromClient ? destination : source
    this.openTime.set(s.time)
  }

  noteIcmpError(error: IcmpError): void {
    const { family, reporterWord0, reporterWord1, reporterWord2, reporterWord3 } = error
    this.icmpFamily = family
    this.icmpType = error.type
    this.icmpCode = error.code
    this.icmpReporter = formatAddress(family, reporterWord0, reporterWord1, reporterWord2, reporterWord3)
  }

  streamOf(direction: Direction): TrackedStream {
    return direction === 0 ? this.toServer : this.toClient
  }
}

const NO_STREAM = new Stream()
