// Remembers connections that have ended, in bounded typed arrays. So their late packets do not look like new connections, the
// next connection on the same 4-tuple gets the next number, and one that was only evicted can go on where it was.

import type { CloseReason, Direction } from '../core/connection.ts'
import { type Segment, TCP_ACK, TCP_RST, TCP_SYN } from '../core/segment.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import { ConnectionIndex } from './connection-index.ts'
import {
  PHASE_HALF_OPEN,
  PLAUSIBLE_BYTES,
  POSITION_ANCHORED,
  type TrackedConnection,
  type TrackedStream,
} from './tracked-connection.ts'

/** A straggler of the ended connection. */
export const VERDICT_STRAGGLER = 0
/** Another connection on the same 4-tuple. */
export const VERDICT_NEW = 1
/** The connection left the table but has not ended: it goes on. */
export const VERDICT_GOES_ON = 2

const ENDED_FINISHED = 0
const ENDED_RESET = 1
/** Left the table without having ended: evicted, timed out, capture over. */
const ENDED_PARTED = 2
/** Another connection has its 4-tuple now. */
const ENDED_REPLACED = 3

// Arrays indexed by record.
const FLAG_CLIENT_REVERSED = 1
const FLAG_OPENER_KNOWN = 2
const FLAG_ESTABLISHED = 4
const FLAG_CARRIED_DATA = 8
// Arrays indexed by record and direction.
const FLAG_ANCHORED = 1
const FLAG_SYN = 2
const FLAG_FIN = 4
const FLAG_GAPS = 8

/** How far a straggler of a replaced or reset connection may lie from where that one ended. */
const STRAGGLER_BYTES = 1_048_576

export class ClosedConnections {
  /** After `find`: the direction of that segment in the record that was found. */
  direction: Direction = 0
  readonly #index: ConnectionIndex
  readonly #capacity: number
  readonly #lingerMicros: number
  /** Records are a ring: the next one to be used, and with it the oldest, is at `#cursor`. */
  #cursor = 0
  readonly #used: Uint8Array
  readonly #ended: Uint8Array
  readonly #flags: Uint8Array
  readonly #occurrence: Int32Array
  readonly #closedAt: Float64Array
  // Two a record, indexed by `record * 2 + direction`.
  readonly #streamFlags: Uint8Array
  readonly #expected: Int32Array
  readonly #initialSequence: Int32Array
  readonly #offset: Float64Array

  constructor(capacity: number, lingerMicros: number) {
    this.#capacity = Math.max(1, capacity)
    this.#lingerMicros = lingerMicros
    this.#index = new ConnectionIndex(this.#capacity)
    this.#used = new Uint8Array(this.#capacity)
    this.#ended = new Uint8Array(this.#capacity)
    this.#flags = new Uint8Array(this.#capacity)
    this.#occurrence = new Int32Array(this.#capacity)
    this.#closedAt = new Float64Array(this.#capacity)
    this.#streamFlags = new Uint8Array(this.#capacity * 2)
    this.#expected = new Int32Array(this.#capacity * 2)
    this.#initialSequence = new Int32Array(this.#capacity * 2)
    this.#offset = new Float64Array(this.#capacity * 2)
  }

  /** The record of the latest connection that ended on the segment's 4-tuple, or -1. Sets `direction`. */
  find(s: Segment): number {
    const record = this.#index.find(s)
    if (record >= 0) {
      const clientReversed = (this.#flags[record]! & FLAG_CLIENT_REVERSED) !== 0
      this.direction = this.#index.reversed === clientReversed ? 0 : 1
    }
    return record
  }

  occurrence(record: number): number {
    return this.#occurrence[record]!
  }

  /** True when the segment of the latest `find` comes from that connection's client. */
  get fromClient(): boolean {
    return this.direction === 0
  }

  /** Remembers `c`, which is in `live` under its slot. */
  remember(c: TrackedConnection, why: CloseReason, live: ConnectionIndex, now: number): void {
    const known = this.#index.findFrom(live, c.slot)
    if (known >= 0) this.#forget(known)
    const record = this.#cursor
    this.#cursor = record + 1 === this.#capacity ? 0 : record + 1
    if (this.#used[record] !== 0) this.#forget(record)
    this.#used[record] = 1
    this.#index.addFrom(record, live, c.slot)
    this.#ended[record] = endedBy(why)
    this.#flags[record] =
      (c.clientReversed ? FLAG_CLIENT_REVERSED : 0) |
      (c.openerKnown ? FLAG_OPENER_KNOWN : 0) |
      (c.phase !== PHASE_HALF_OPEN ? FLAG_ESTABLISHED : 0) |
      (c.toServer.offset > 0 || c.toClient.offset > 0 ? FLAG_CARRIED_DATA : 0)
    this.#occurrence[record] = c.occurrence
    this.#closedAt[record] = now
    this.#rememberStream(record * 2, c.toServer)
    this.#rememberStream(record * 2 + 1, c.toClient)
  }

  /** One of the VERDICT_… values: what the segment of the latest `find` is to the connection that ended. */
  judge(record: number, s: Segment, now: number, maximumJumpBytes: number): number {
    const i = record * 2 + this.direction
    const ended = this.#ended[record]!
    const lingers = this.#lingers(record, now)
    if ((s.flags & TCP_RST) !== 0) {
      return ended === ENDED_PARTED && this.#distance(i, s.sequence) <= STRAGGLER_BYTES
        ? VERDICT_GOES_ON
        : VERDICT_STRAGGLER
    }
    if ((s.flags & TCP_SYN) !== 0) return this.#judgeSyn(record, s, lingers)
    const length = s.payloadEnd - s.payloadStart + s.missingBytes
    if (ended === ENDED_PARTED) {
      return this.#distance(i, s.sequence) <= maximumJumpBytes ? VERDICT_GOES_ON : VERDICT_NEW
    }
    if (!lingers) return VERDICT_NEW
    if (length === 0) return VERDICT_STRAGGLER
    if ((this.#streamFlags[i]! & FLAG_ANCHORED) === 0) return ended === ENDED_RESET ? VERDICT_GOES_ON : VERDICT_NEW
    const ahead = sequenceDistance(s.sequence, this.#expected[i]!)
    if (ended === ENDED_RESET) {
      // either nobody believed the reset, or this segment was under way for long
      if (ahead + length > 0 && ahead <= STRAGGLER_BYTES) return VERDICT_GOES_ON
      return Math.abs(ahead) <= STRAGGLER_BYTES ? VERDICT_STRAGGLER : VERDICT_NEW
    }
    return ahead + length <= 0 && ahead >= -PLAUSIBLE_BYTES ? VERDICT_STRAGGLER : VERDICT_NEW
  }

  /** Whether all that the segment of the latest `find` carries has been delivered before: it might fill a gap. */
  isRepeated(record: number, s: Segment): boolean {
    const i = record * 2 + this.direction
    if ((this.#streamFlags[i]! & (FLAG_ANCHORED | FLAG_GAPS)) !== FLAG_ANCHORED) return false
    const start = (s.flags & TCP_SYN) !== 0 ? sequenceAdd(s.sequence, 1) : s.sequence
    const ahead = sequenceDistance(start, this.#expected[i]!)
    return ahead + s.payloadEnd - s.payloadStart <= 0 && -ahead <= this.#offset[i]!
  }

  /** Data too far from the connection that is open now: true when it is a straggler of the one that was replaced by it. */
  isOfReplaced(s: Segment, now: number): boolean {
    const record = this.find(s)
    if (record < 0 || this.#ended[record] !== ENDED_REPLACED) return false
    if (!this.#lingers(record, now)) return false
    const i = record * 2 + this.direction
    if ((this.#streamFlags[i]! & FLAG_ANCHORED) === 0) return false
    return Math.abs(sequenceDistance(s.sequence, this.#expected[i]!)) <= STRAGGLER_BYTES
  }

  /** Gives a new connection object what the record knows of its earlier part. */
  restore(record: number, c: TrackedConnection): void {
    const flags = this.#flags[record]!
    c.resumed = true
    c.openerKnown = (flags & FLAG_OPENER_KNOWN) !== 0
    this.#restoreStream(record * 2, c.toServer)
    this.#restoreStream(record * 2 + 1, c.toClient)
  }

  wasEstablished(record: number): boolean {
    return (this.#flags[record]! & FLAG_ESTABLISHED) !== 0
  }

  #judgeSyn(record: number, s: Segment, lingers: boolean): number {
    const i = record * 2 + this.direction
    const back = record * 2 + 1 - this.direction
    const ended = this.#ended[record]!
    const isAnswer = (s.flags & TCP_ACK) !== 0
    let same = (this.#streamFlags[i]! & FLAG_SYN) !== 0 && this.#initialSequence[i] === s.sequence
    if (isAnswer && (this.#streamFlags[back]! & FLAG_SYN) !== 0 && (this.#streamFlags[i]! & FLAG_SYN) === 0) {
      same ||= s.acknowledgement === sequenceAdd(this.#initialSequence[back]!, 1)
    }
    if (!same) return VERDICT_NEW
    if (ended === ENDED_PARTED) return VERDICT_GOES_ON
    // A refused client that tries again sends the same SYN. That is a new attempt and is told as one.
    if (ended === ENDED_RESET && isAnswer && lingers) return VERDICT_GOES_ON
    if (ended === ENDED_RESET && !isAnswer && (this.#flags[record]! & FLAG_CARRIED_DATA) === 0) return VERDICT_NEW
    return lingers ? VERDICT_STRAGGLER : VERDICT_NEW
  }

  /** How far `sequence` is from where the stream was left; 0 when that is not known. */
  #distance(i: number, sequence: number): number {
    if ((this.#streamFlags[i]! & FLAG_ANCHORED) === 0) return 0
    return Math.abs(sequenceDistance(sequence, this.#expected[i]!))
  }

  #lingers(record: number, now: number): boolean {
    return Math.abs(now - this.#closedAt[record]!) <= this.#lingerMicros
  }

  #forget(record: number): void {
    this.#index.remove(record)
    this.#used[record] = 0
  }

  #rememberStream(i: number, stream: TrackedStream): void {
    this.#streamFlags[i] =
      (stream.position === POSITION_ANCHORED ? FLAG_ANCHORED : 0) |
      (stream.sawSyn ? FLAG_SYN : 0) |
      (stream.finished ? FLAG_FIN : 0) |
      (stream.gaps > 0 ? FLAG_GAPS : 0)
    this.#expected[i] = stream.expected
    this.#initialSequence[i] = stream.initialSequence
    this.#offset[i] = stream.offset
  }

  #restoreStream(i: number, stream: TrackedStream): void {
    const flags = this.#streamFlags[i]!
    stream.offset = this.#offset[i]!
    stream.sawSyn = (flags & FLAG_SYN) !== 0
    stream.initialSequence = this.#initialSequence[i]!
    if ((flags & FLAG_ANCHORED) === 0) return
    stream.position = POSITION_ANCHORED
    stream.expected = this.#expected[i]!
    stream.acknowledged = stream.expected
    stream.sawFin = stream.finKnown = (flags & FLAG_FIN) !== 0
    stream.finSequence = stream.expected
  }
}

function endedBy(why: CloseReason): number {
  if (why === 'finished') return ENDED_FINISHED
  if (why === 'reset') return ENDED_RESET
  if (why === 'replaced' || why === 'jump') return ENDED_REPLACED
  return ENDED_PARTED
}
