// What a segment does to the connection that it is of: handshake, payload, FIN, reset (RFC 9293 §3.5, §3.10, seen from
// outside).

import type { Direction } from '../core/connection.ts'
import { type Segment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../core/segment.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import { elapsedMicros } from '../core/timestamp.ts'
import type { CaptureClock } from './capture-clock.ts'
import type { FlowCounters } from './counters.ts'
import type { OpenConnections } from './open-connections.ts'
import { dueAtReceiver, judgeReset, noteReset, RESET_BELIEVED, RESET_IGNORED } from './resets.ts'
import type { StreamDelivery } from './stream-delivery.ts'
import { anchor, type StreamReassembly } from './stream-reassembly.ts'
import {
  PHASE_CLOSING,
  PHASE_DOUBTED,
  PHASE_ESTABLISHED,
  PHASE_FINISHED,
  PHASE_HALF_OPEN,
  PHASE_RESET,
  POSITION_ANCHORED,
  POSITION_UNKNOWN,
  type TrackedConnection,
  type TrackedStream,
} from './tracked-connection.ts'

export class SegmentProgress {
  readonly #connections: OpenConnections
  readonly #reassembly: StreamReassembly
  readonly #delivery: StreamDelivery
  readonly #counters: FlowCounters
  readonly #clock: CaptureClock

  constructor(connections: OpenConnections, reassembly: StreamReassembly, counters: FlowCounters, clock: CaptureClock) {
    this.#connections = connections
    this.#reassembly = reassembly
    this.#delivery = reassembly.delivery
    this.#counters = counters
    this.#clock = clock
  }

  /** True when the connection has finished: the caller closes it. */
  process(c: TrackedConnection, direction: Direction, s: Segment): boolean {
    const stream = direction === 0 ? c.toServer : c.toClient
    const other = direction === 0 ? c.toClient : c.toServer
    const { flags } = s
    if ((flags & TCP_RST) !== 0) return this.#onReset(c, stream, other, s)
    if ((flags & TCP_SYN) !== 0) this.#onSyn(c, direction, stream, other, s)
    if ((flags & TCP_ACK) !== 0) {
      if (s.acknowledgement !== other.acknowledged || other.position === POSITION_UNKNOWN) {
        this.#reassembly.acknowledge(other, s.acknowledgement, stream, s.sequence)
      }
      if (c.handshakeMicros < 0 && direction === 0) noteHandshake(c, s)
    }
    this.#onPayload(c, stream, s)
    if ((flags & (TCP_FIN | TCP_SYN)) === TCP_FIN) this.#onFin(c, stream, s)
    if (c.phase === PHASE_HALF_OPEN) this.#promote(c, direction, s)
    if (c.phase === PHASE_DOUBTED && dueAtReceiver(c.streamOf(c.resetBy === 0 ? 0 : 1)) === c.resetSequence) {
      // The reset had overtaken the data that has come now.
      this.#connections.moveTo(c, PHASE_RESET)
    }
    return c.phase >= PHASE_CLOSING && this.hasFinished(c)
  }

  /** Both sides have finished, and each knows that the other has: the connection's last packet has passed. */
  hasFinished(c: TrackedConnection): boolean {
    const { toServer, toClient } = c
    if (!toServer.finished || !toClient.finished) return false
    if (toServer.finAcknowledged && toClient.finAcknowledged) return true
    if (c.phase === PHASE_CLOSING) this.#connections.moveTo(c, PHASE_FINISHED)
    return false
  }

  #onPayload(c: TrackedConnection, stream: TrackedStream, s: Segment): void {
    const sequence = (s.flags & TCP_SYN) !== 0 ? sequenceAdd(s.sequence, 1) : s.sequence
    if (s.payloadEnd === s.payloadStart && s.missingBytes === 0) {
      if (stream.position < POSITION_ANCHORED) this.#reassembly.noteSequence(stream, sequence)
      return
    }
    if (
      sequence === stream.expected &&
      stream.position === POSITION_ANCHORED &&
      stream.first === null &&
      s.missingBytes === 0 &&
      !stream.finKnown
    ) {
      this.#delivery.deliver(stream, s.buf, s.payloadStart, s.payloadEnd, s.time)
    } else if (!this.#reassembly.accept(stream, s, sequence)) {
      return
    }
    c.lastDataTime.set(s.time)
  }

  #onSyn(c: TrackedConnection, direction: Direction, stream: TrackedStream, other: TrackedStream, s: Segment): void {
    const isAnswer = (s.flags & TCP_ACK) !== 0
    stream.synPackets++
    if (stream.sawSyn) return
    stream.sawSyn = true
    stream.initialSequence = s.sequence
    if (isAnswer === (direction === 1)) c.openerKnown = true
    if (stream.position !== POSITION_ANCHORED) this.#reassembly.startAt(stream, sequenceAdd(s.sequence, 1))
    if (isAnswer && other.position !== POSITION_ANCHORED && other.first === null) anchor(other, s.acknowledgement)
  }

  #onFin(c: TrackedConnection, stream: TrackedStream, s: Segment): void {
    const end = sequenceAdd(s.sequence, s.payloadEnd - s.payloadStart + s.missingBytes)
    if (!this.#reassembly.noteFin(stream, end)) {
      this.#counters.ignoredSegments++
      return
    }
    stream.sawFin = true
    // A half-open connection stays half-open, so that a flood of FINs costs no more than one of SYNs.
    if (c.phase === PHASE_ESTABLISHED) this.#connections.moveTo(c, PHASE_CLOSING)
  }

  /** True when the connection had finished already. */
  #onReset(c: TrackedConnection, stream: TrackedStream, other: TrackedStream, s: Segment): boolean {
    const verdict = judgeReset(stream, other, s)
    if (verdict === RESET_IGNORED) {
      this.#counters.ignore(s, false)
      return false
    }
    this.#counters.resetTextBytes += s.payloadEnd - s.payloadStart
    // There is nothing left to reset: the client left without waiting.
    if (c.phase === PHASE_FINISHED) return true
    const isBelieved = verdict === RESET_BELIEVED
    if (c.resetBy < 0 || (isBelieved && c.phase === PHASE_DOUBTED)) {
      noteReset(c, stream.direction, s, this.#clock.now)
      this.#connections.moveTo(c, isBelieved ? PHASE_RESET : PHASE_DOUBTED)
    } else if (c.resetBy === stream.direction) {
      c.resetMicros = this.#clock.now
    }
    return false
  }

  /** A half-open connection is established once both sides have gone beyond their SYN, or with data outside a SYN. */
  #promote(c: TrackedConnection, direction: Direction, s: Segment): void {
    if ((s.flags & TCP_SYN) !== 0) return
    const { toServer, toClient } = c
    const answered = direction === 0 ? toClient.packets > 0 : toServer.packets > toServer.synPackets
    if (!answered && s.payloadEnd === s.payloadStart) return
    this.#connections.moveTo(c, toServer.finKnown || toClient.finKnown ? PHASE_CLOSING : PHASE_ESTABLISHED)
  }
}

function noteHandshake(c: TrackedConnection, s: Segment): void {
  const { toServer, toClient } = c
  if (!toServer.sawSyn || !toClient.sawSyn || c.resumed) return
  if (sequenceDistance(s.acknowledgement, toClient.initialSequence) < 1) return
  c.handshakeMicros = Math.max(0, elapsedMicros(c.openTime, s.time))
}
