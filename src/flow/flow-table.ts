// The table of TCP connections: finds each segment's connection, opens and closes connections and keeps them within bounds
// (RFC 9293 §3.3, §3.5, §3.10, seen from outside). What a segment does to its connection is in segment-progress.ts.

import type { CloseReason, Connection, Direction, WentOnAfter } from '../core/connection.ts'
import type { SegmentConsumer, StreamConsumer } from '../core/consumers.ts'
import type { Packet } from '../core/packet.ts'
import { type IcmpError, type Segment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../core/segment.ts'
import type { Timestamp } from '../core/timestamp.ts'
import {
  AFTER_SYN_ANSWERED,
  AFTER_SYN_GOES_ON,
  AFTER_SYN_REPEATED,
  AFTER_SYN_RESET,
  judgeAfterSyn,
} from './after-syn.ts'
import { CaptureClock } from './capture-clock.ts'
import { ClosedConnections, VERDICT_GOES_ON, VERDICT_STRAGGLER } from './closed-connections.ts'
import { ConnectionIndex } from './connection-index.ts'
import { FlowCounters } from './counters.ts'
import { canHold, HeldSyn } from './held-syn.ts'
import { OpenConnections } from './open-connections.ts'
import type { FlowTableOptions } from './options.ts'
import {
  isBeyondEnd,
  isJump,
  judgeSyn,
  SYN_BELONGS,
  SYN_IGNORED,
  SYN_REPLACES_ANSWER,
  senderLooksLikeClient,
} from './plausibility.ts'
import {
  BELIEVED_SILENCE_MICROS,
  DOUBTED_SILENCE_MICROS,
  forgetReset,
  noteReset,
  showsGoingOn,
  triesAgain,
} from './resets.ts'
import { SegmentProgress } from './segment-progress.ts'
import { StreamReassembly } from './stream-reassembly.ts'
import {
  PHASE_CLOSING,
  PHASE_DOUBTED,
  PHASE_ESTABLISHED,
  PHASE_FINISHED,
  PHASE_HALF_OPEN,
  PHASE_RESET,
  POSITION_UNKNOWN,
  type TrackedConnection,
  type TrackedStream,
} from './tracked-connection.ts'

/** How often, in capture time, the fronts of the lists are looked at. */
const EXPIRY_INTERVAL_MICROS = 10_000

/** How long the acknowledgement of the last FIN is waited for: longer than the longest round trips and delayed ACKs. */
const LAST_ACKNOWLEDGEMENT_MICROS = 1_000_000

/**
 * Most SYNs on open connections that are held until it is known what they are. One more SYN replaces its connection at once.
 */
const MAXIMUM_HELD_SYNS = 1024

const IPPROTO_TCP = 6

/**
 * Give it each decoded segment, and each tick of the clock; it calls `consumer` as StreamConsumer says. Synchronous and,
 * on the usual path, without allocation. Never throws for what was on the wire; what `consumer` throws goes through.
 */
export class FlowTable {
  readonly counters = new FlowCounters()
  /** False: packets of connections that are not known are ignored (`-R`, a file that only finishes connections). */
  opensConnections = true
  readonly #consumer: StreamConsumer
  readonly #segments: SegmentConsumer | undefined
  readonly #options: FlowTableOptions
  readonly #reassembly: StreamReassembly
  readonly #index: ConnectionIndex
  readonly #closed: ClosedConnections
  readonly #connections: OpenConnections
  readonly #progress: SegmentProgress
  readonly #clock = new CaptureClock()
  /** Begins as no whole number: V8 would compile the code that uses it again once it becomes a fraction. */
  #nextExpiry = Number.NEGATIVE_INFINITY
  #lastSeconds = -1
  #lastNanos = -1
  #heldSyns = 0

  constructor(consumer: StreamConsumer, options: FlowTableOptions, segments?: SegmentConsumer) {
    const capacity = Math.max(2, options.maximumConnections)
    this.#consumer = consumer
    this.#segments = segments
    this.#options = options
    this.#reassembly = new StreamReassembly(consumer, options, this.counters, this.#clock)
    this.#index = new ConnectionIndex(capacity)
    this.#closed = new ClosedConnections(options.maximumRemembered, options.lingerMicros)
    this.#connections = new OpenConnections(capacity, Math.max(1, options.maximumHalfOpen))
    this.#progress = new SegmentProgress(this.#connections, this.#reassembly, this.counters, this.#clock)
  }

  /** Out-of-order bytes held back, as memory in use. */
  get queuedBytes(): number {
    return this.#reassembly.queuedBytes
  }

  /** Capture time confirmed by more than one timestamp. A single one may be absurd, and nothing should end because of it. */
  get confirmedTime(): Timestamp {
    return this.#clock.confirmed
  }

  onSegment(s: Segment, packet: Packet): void {
    this.counters.segments++
    this.counters.payloadBytes += s.payloadEnd - s.payloadStart
    this.advance(s.time)
    this.#route(s, packet)
  }

  #route(s: Segment, packet: Packet): void {
    const slot = this.#index.find(s)
    if (slot < 0) {
      this.#openFor(s, packet)
      return
    }
    const c = this.#connections.at(slot)
    const direction: Direction = this.#index.reversed === c.clientReversed ? 0 : 1
    const stream = direction === 0 ? c.toServer : c.toClient
    if (c.heldSyn !== null && this.#afterHeldSyn(c, c.heldSyn, direction, s, packet)) return
    if (c.resetBy >= 0 && this.#afterReset(c, direction, s, packet)) return
    if ((s.flags & (TCP_SYN | TCP_RST | TCP_FIN)) === 0) {
      if (s.sequence !== stream.expected && this.#jumps(c, stream, s, packet)) return
    } else if ((s.flags & TCP_RST) === 0) {
      if ((s.flags & TCP_SYN) !== 0) {
        if (!this.#synBelongs(c, direction, s, packet)) return
      } else if (this.#jumps(c, stream, s, packet)) return
    }
    if (c.phase === PHASE_FINISHED && isBeyondEnd(stream, s)) {
      this.#close(c, 'finished', s.time, false)
      this.#openFor(s, packet)
      return
    }
    this.#touch(c, stream, s)
    this.#process(c, direction, s, packet)
  }

  /** Notes the error on the connection whose packet it quotes, if that is open. */
  onIcmpError(error: IcmpError): void {
    if (error.quotedProtocol !== IPPROTO_TCP) return
    const slot = this.#index.find(error.quoted)
    if (slot >= 0) this.#connections.at(slot).noteIcmpError(error)
  }

  /** Capture time is now `t`: what was due by then ends. Cheap; call it for each packet and each tick. */
  advance(t: Timestamp): void {
    if (t.nanos === this.#lastNanos && t.seconds === this.#lastSeconds) return
    this.#lastSeconds = t.seconds
    this.#lastNanos = t.nanos
    this.#clock.advance(t)
    const now = this.#clock.confirmedNow
    if (now < this.#nextExpiry) return
    this.#nextExpiry = now + EXPIRY_INTERVAL_MICROS
    this.#expire(now, this.#clock.confirmed)
  }

  /** Ends every connection, or those for which `which` is true, oldest first. What is held back is delivered before. */
  closeAll(reason: CloseReason, t: Timestamp, which: (c: Connection) => boolean = () => true): void {
    // again, because closing a connection may open another one, by a SYN that was held
    for (let open = this.#connections.all(which); open.length > 0; open = this.#connections.all(which)) {
      for (const c of open) this.#close(c, endOf(c, reason), t)
    }
  }

  #process(c: TrackedConnection, direction: Direction, s: Segment, packet: Packet): void {
    if (this.#segments !== undefined) this.#segments.onSegment(c, direction, s, packet)
    if (this.#progress.process(c, direction, s)) this.#close(c, 'finished', s.time)
  }

  /** A segment of no open connection: a straggler, one that goes on, or a new connection. */
  #openFor(s: Segment, packet: Packet): void {
    const record = this.#closed.find(s)
    const { flags } = s
    const carriesData = s.payloadEnd > s.payloadStart || s.missingBytes > 0
    if (record >= 0) {
      const verdict = this.#closed.judge(record, s, this.#clock.now, this.#options.maximumJumpBytes)
      if (verdict === VERDICT_GOES_ON) {
        this.#open(s, packet, this.#closed.fromClient, this.#closed.occurrence(record), record)
        return
      }
      if (verdict === VERDICT_STRAGGLER) {
        this.counters.ignore(s, this.#closed.isRepeated(record, s))
        return
      }
    }
    if ((flags & TCP_RST) !== 0) {
      this.counters.ignore(s, false)
      return
    }
    if ((flags & (TCP_SYN | TCP_ACK)) === 0 && !carriesData) {
      this.counters.ignoredSegments++
      return
    }
    if (!this.opensConnections) {
      this.counters.ignore(s, false)
      return
    }
    let fromClient = (flags & TCP_ACK) === 0
    if ((flags & TCP_SYN) === 0) fromClient = senderLooksLikeClient(s, carriesData)
    this.#open(s, packet, fromClient, record >= 0 ? this.#closed.occurrence(record) + 1 : 0, -1)
  }

  /** Opens a connection for `s` and processes it. `record` is what it resumes, or -1. */
  #open(s: Segment, packet: Packet, fromClient: boolean, occurrence: number, record: number): TrackedConnection {
    this.#makeRoom(s.time)
    const c = this.#connections.take()
    this.#index.add(c.slot, s)
    c.id = ++this.counters.connections
    c.begin(s, fromClient)
    c.clientReversed = this.#index.reversed === fromClient
    c.openerKnown = (s.flags & TCP_SYN) !== 0
    c.occurrence = occurrence
    if (record >= 0) {
      this.#closed.restore(record, c)
      this.counters.resumed++
      if (this.#closed.wasEstablished(record)) c.phase = PHASE_ESTABLISHED
      if (c.toServer.finKnown || c.toClient.finKnown) c.phase = PHASE_CLOSING
    }
    this.#connections.enlist(c, this.#clock.now)
    this.counters.openNow++
    const direction: Direction = fromClient ? 0 : 1
    this.#touch(c, c.streamOf(direction), s)
    this.#consumer.onOpen(c, s.time)
    this.#process(c, direction, s, packet)
    return c
  }

  /** Closes a connection if that is needed to keep one more within the bounds. */
  #makeRoom(t: Timestamp): void {
    const c = this.#connections.toGiveUp()
    if (c === undefined) return
    if (c.phase === PHASE_HALF_OPEN) this.counters.halfOpenDropped++
    if (c.phase !== PHASE_FINISHED && c.phase !== PHASE_RESET) this.counters.evicted++
    this.#close(c, endOf(c, 'evicted'), t, false)
  }

  /** `opensHeld`: a SYN that was held on it begins its own connection now, unless it was answered with a challenge. */
  #close(c: TrackedConnection, reason: CloseReason, t: Timestamp, opensHeld = true): void {
    const untouched = c.phase === PHASE_HALF_OPEN && c.toServer.offset === 0 && c.toClient.offset === 0
    this.#reassembly.finish(c.toServer)
    this.#reassembly.finish(c.toClient)
    // A flood's half-open connections would push out what is worth remembering.
    if (reason !== 'evicted' || !untouched || c.occurrence > 0) {
      this.#closed.remember(c, reason, this.#index, this.#clock.now)
    }
    this.#index.remove(c.slot)
    this.#connections.remove(c)
    this.counters.openNow--
    const held = c.heldSyn
    const opens = held !== null && opensHeld && !held.challenged && this.opensConnections
    if (held !== null && !opens) this.#dropHeldSyn(c, held, t)
    if (reason === 'finished') forgetReset(c)
    const { occurrence } = c
    this.#consumer.onClose(c, reason, t)
    c.heldSyn = null
    this.#connections.giveBack(c)
    if (opens) this.#openHeld(held, occurrence + 1)
  }

  #openHeld(held: HeldSyn, occurrence: number): void {
    this.#heldSyns--
    const { segment, packet, repeats } = held
    const isSyn = (segment.flags & TCP_ACK) === 0
    this.#index.find(segment)
    const c = this.#open(segment, packet, isSyn, occurrence, -1)
    c.streamOf(isSyn ? 0 : 1).synPackets += repeats
  }

  /** Drops the held SYN: it has strayed here. */
  #dropHeldSyn(c: TrackedConnection, held: HeldSyn, t: Timestamp): void {
    const { direction, segment } = held
    c.heldSyn = null
    this.#heldSyns--
    this.counters.ignore(segment, false)
    if (this.#segments !== undefined) this.#segments.onSegment(c, direction, segment, held.packet)
    this.#noteStraySyn(c, direction, t)
  }

  #noteStraySyn(c: TrackedConnection, direction: Direction, t: Timestamp): void {
    c.straySyns++
    this.counters.straySyns++
    this.#tellWentOn(c, direction, 'syn', t)
  }

  #tellWentOn(c: TrackedConnection, direction: Direction, after: WentOnAfter, t: Timestamp): void {
    this.#consumer.onWentOn?.(c, direction, after, t)
  }

  /** A segment of a connection on which a SYN is held: true when it has been dealt with. */
  #afterHeldSyn(c: TrackedConnection, held: HeldSyn, direction: Direction, s: Segment, packet: Packet): boolean {
    const now = this.#clock.now
    const silent = this.#connections.activeAt(c) <= held.micros
    switch (judgeAfterSyn(c, held, direction, s, silent, now)) {
      case AFTER_SYN_ANSWERED:
        held.challenged = false
        this.#close(c, endOf(c, 'replaced'), s.time)
        this.#route(s, packet)
        return true
      case AFTER_SYN_REPEATED:
        held.repeats++
        this.counters.ignoredSegments++
        return true
      case AFTER_SYN_RESET:
        held.challenged = false
        this.#touch(c, c.streamOf(direction), s)
        if (this.#segments !== undefined) this.#segments.onSegment(c, direction, s, packet)
        noteReset(c, direction, s, now)
        this.#close(c, 'reset', s.time)
        return true
      case AFTER_SYN_GOES_ON:
        this.#dropHeldSyn(c, held, s.time)
        return false
      default:
        return false
    }
  }

  /** A segment of a connection that seems to be reset: true when it has been dealt with. */
  #afterReset(c: TrackedConnection, direction: Direction, s: Segment, packet: Packet): boolean {
    if ((s.flags & TCP_RST) !== 0) return false
    if (triesAgain(c, direction, s)) {
      this.#close(c, 'reset', s.time)
      this.#route(s, packet)
      return true
    }
    if (!showsGoingOn(c, direction, s, c.phase === PHASE_DOUBTED, this.#clock.now)) return false
    const by = c.resetBy === 0 ? 0 : 1
    forgetReset(c)
    c.refutedResets++
    this.counters.refutedResets++
    const closing = c.toServer.finKnown || c.toClient.finKnown
    this.#connections.moveTo(c, closing && c.phaseBeforeReset !== PHASE_HALF_OPEN ? PHASE_CLOSING : c.phaseBeforeReset)
    this.#tellWentOn(c, by, 'reset', s.time)
    return false
  }

  #touch(c: TrackedConnection, stream: TrackedStream, s: Segment): void {
    stream.notePacket(s)
    c.lastPacketTime.set(s.time)
    this.#connections.touch(c, this.#clock.now)
  }

  /** True when the segment is data too far away to be of this connection; it has been dealt with then. */
  #jumps(c: TrackedConnection, stream: TrackedStream, s: Segment, packet: Packet): boolean {
    if (s.payloadEnd === s.payloadStart && s.missingBytes === 0) return false
    if (!isJump(stream, s.sequence, this.#options.maximumJumpBytes)) return false
    if (this.#closed.isOfReplaced(s, this.#clock.now)) {
      this.counters.ignore(s, false)
      return true
    }
    const fromClient = stream.direction === 0
    const occurrence = c.occurrence + 1
    this.#close(c, endOf(c, 'jump'), s.time, false)
    this.#open(s, packet, fromClient, occurrence, -1)
    return true
  }

  /** False when the SYN or SYN-ACK has been dealt with: it opened a connection of its own, or is ignored. */
  #synBelongs(c: TrackedConnection, direction: Direction, s: Segment, packet: Packet): boolean {
    const stream = c.streamOf(direction)
    const other = c.streamOf(direction === 0 ? 1 : 0)
    const verdict = judgeSyn(stream, other, s)
    if (verdict === SYN_BELONGS) return true
    if (verdict === SYN_IGNORED) {
      this.counters.ignore(s, false)
      this.#noteStraySyn(c, direction, s.time)
      return false
    }
    if (verdict === SYN_REPLACES_ANSWER) {
      stream.sawSyn = false
      stream.position = POSITION_UNKNOWN
      return true
    }
    if (c.heldSyn !== null) this.#dropHeldSyn(c, c.heldSyn, s.time)
    if (this.#mayHold(c, other, s, packet)) {
      c.heldSyn = new HeldSyn(s, packet, direction, this.#clock.now)
      this.#heldSyns++
      return false
    }
    const occurrence = c.occurrence + 1
    this.#close(c, endOf(c, 'replaced'), s.time)
    this.#open(s, packet, (s.flags & TCP_ACK) === 0, occurrence, -1)
    return false
  }

  /** Whether the SYN is to be held: the connection may still be alive, and the answer to the SYN will tell. */
  #mayHold(c: TrackedConnection, other: TrackedStream, s: Segment, packet: Packet): boolean {
    if (c.phase === PHASE_FINISHED || c.phase === PHASE_RESET) return false
    if (c.phase === PHASE_HALF_OPEN && other.packets === 0) return false
    return this.#heldSyns < MAXIMUM_HELD_SYNS && canHold(s, packet)
  }

  #expire(now: number, t: Timestamp): void {
    for (let stream = this.#reassembly.dueHole(); stream !== null; stream = this.#reassembly.dueHole()) {
      this.#reassembly.visit(stream)
      const c = stream.connection
      if (c.phase >= PHASE_CLOSING && this.#progress.hasFinished(c)) this.#close(c, 'finished', t)
    }
    this.#expireList(PHASE_HALF_OPEN, this.#options.halfOpenTimeoutMicros, now, t)
    this.#expireList(PHASE_CLOSING, this.#options.halfClosedTimeoutMicros, now, t)
    this.#expireList(PHASE_FINISHED, LAST_ACKNOWLEDGEMENT_MICROS, now, t)
    this.#expireList(PHASE_RESET, BELIEVED_SILENCE_MICROS, now, t)
    this.#expireList(PHASE_DOUBTED, DOUBTED_SILENCE_MICROS, now, t)
  }

  #expireList(phase: number, timeoutMicros: number, now: number, t: Timestamp): void {
    for (;;) {
      const c = this.#connections.silentFor(timeoutMicros, phase, now)
      if (c === undefined) return
      if (phase < PHASE_FINISHED) this.counters.timeouts++
      this.#close(c, endOf(c, 'timeout'), t)
    }
  }
}

/**
 * Why a connection has ended: an earlier FIN or reset counts more than `reason`. A doubtful reset does not count when it is
 * evicted, because its silence was not long enough.
 */
function endOf(c: TrackedConnection, reason: CloseReason): CloseReason {
  if (c.phase === PHASE_FINISHED) return 'finished'
  if (c.phase === PHASE_RESET || (c.phase === PHASE_DOUBTED && reason !== 'evicted')) return 'reset'
  return reason
}
