// Segments become facts: keeps the timeline of every open connection and tells rules of its moments. No memory per packet.

import type { Connection, Direction } from '../core/connection.ts'
import { type Segment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../core/segment.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import { epochMicros } from '../core/timestamp.ts'
import type { CaptureFacts } from './capture-facts.ts'
import { ConnectionFacts } from './connection-facts.ts'
import { Copies } from './copies.ts'
import { noteBurst } from './idle-restart.ts'
import type { Moments } from './moments.ts'
import {
  fillsWindow,
  noteAcknowledged,
  noteNagle,
  noteSent,
  noteWindow,
  SENT_AGAIN,
  SENT_INTO_HOLE,
  SENT_KEEP_ALIVE,
  SENT_NEW,
  WINDOW_SHUT,
} from './sending.ts'
import type { SideFacts } from './side-facts.ts'
import { TcpOptions } from './tcp-options.ts'

/** Open connections that are followed at once: what is beyond is counted and not judged. */
const MAXIMUM_FOLLOWED = 65_536
/** Kept to be used again. */
const MAXIMUM_SPARE = 1024
/** A silence that rules hear of. */
const SILENCE_MICROS = 1_000_000
const MAXIMUM_RESET_TEXT = 80

export class Timeline {
  readonly #moments: Moments
  readonly #capture: CaptureFacts
  /** By slot. */
  readonly #facts: (ConnectionFacts | undefined)[] = []
  readonly #spare: ConnectionFacts[] = []
  readonly #options = new TcpOptions()
  readonly #copies = new Copies()
  #open = 0

  constructor(moments: Moments, capture: CaptureFacts) {
    this.#moments = moments
    this.#capture = capture
  }

  /** Facts of an open connection; undefined where it is not followed. */
  of(c: Connection): ConnectionFacts | undefined {
    const facts = this.#facts[c.slot]
    return facts?.id === c.id ? facts : undefined
  }

  begin(c: Connection): void {
    this.#capture.connections++
    while (this.#facts.length <= c.slot) this.#facts.push(undefined)
    if (this.#open >= MAXIMUM_FOLLOWED) {
      this.#capture.notFollowed++
      return
    }
    this.#open++
    const facts = this.#spare.pop() ?? new ConnectionFacts(c)
    facts.begin(c)
    this.#facts[c.slot] = facts
    for (const rule of this.#moments.onOpen) rule.onOpen(facts)
  }

  /** The facts may be used for another connection from now on. */
  end(facts: ConnectionFacts): void {
    this.#facts[facts.connection.slot] = undefined
    this.#open--
    facts.id = 0
    if (this.#spare.length < MAXIMUM_SPARE) this.#spare.push(facts)
  }

  onSegment(c: Connection, d: Direction, s: Segment): void {
    const facts = this.of(c)
    if (facts === undefined) return
    const own = facts.sides[d]
    const peer = facts.sides[d === 0 ? 1 : 0]
    const { flags } = s
    const micros = epochMicros(s.time)
    const silence = facts.lastMicros === 0 ? 0 : Math.max(0, micros - facts.lastMicros)
    const payload = s.payloadEnd - s.payloadStart + s.missingBytes
    if (this.#copies.isCopy(s, facts.id * 2 + d, payload, peer.duplicateAcknowledgementsInRow > 0, micros)) {
      own.copies++
      return
    }
    this.#noteArrival(facts, own, s, silence, micros)
    if ((flags & TCP_RST) !== 0) {
      this.#noteReset(facts, own, s, d, silence, micros)
      return
    }
    noteHopLimit(own, s)
    if ((flags & TCP_SYN) !== 0) this.#noteSyn(facts, own, s, d, micros)
    const answersProbe = peer.lastKeepAliveMicros !== 0 && peer.lastKeepAliveMicros > own.lastMicros
    if ((flags & TCP_ACK) !== 0) this.#noteAck(facts, own, peer, s, d, payload, micros)
    if (answersProbe) peer.keepAliveAnswers++
    if (payload > 0 && noteNagle(own, peer, payload, micros)) {
      for (const rule of this.#moments.onNagleDelay) rule.onNagleDelay(facts, d)
    }
    const sent = noteSent(own, peer, s, payload, micros)
    if (sent === SENT_KEEP_ALIVE) {
      own.dataBeforeKeepAliveMicros = facts.lastDataMicros || facts.establishedMicros || facts.openMicros
      if (facts.requestWaits) own.keepAliveWhilePending = true
      for (const rule of this.#moments.onKeepAlive) rule.onKeepAlive(facts, d)
    } else if (payload > 0) {
      if (sent === SENT_NEW) noteBurst(own, peer, payload, micros)
      if (sent !== SENT_AGAIN && (facts.lastDataDirection !== d || own.turns === 0)) noteTurn(own, s, silence, micros)
      noteData(facts, own, d, payload, micros)
      own.lastFirstByte = s.payloadEnd > s.payloadStart ? s.buf[s.payloadStart]! : -1
      if (peer.finMicros !== 0) noteAfterFin(own, payload, micros)
      if (fillsWindow(own, peer)) own.windowFull++
    }
    if ((sent === SENT_AGAIN || sent === SENT_INTO_HOLE) && payload > 0) {
      for (const rule of this.#moments.onRetransmission) rule.onRetransmission(facts, d)
    }
    if ((flags & TCP_FIN) !== 0) this.#noteFin(facts, own, s, d, payload, silence, micros)
    own.lastMicros = micros
    facts.lastMicros = micros
    if (silence >= SILENCE_MICROS) for (const rule of this.#moments.onSilenceEnd) rule.onSilenceEnd(facts, d)
  }

  #noteArrival(facts: ConnectionFacts, own: SideFacts, s: Segment, silence: number, micros: number): void {
    own.packets++
    if (own.firstMicros === 0) own.firstMicros = micros
    facts.silenceMicros = silence
    if (silence > facts.longestSilenceMicros) {
      facts.longestSilenceMicros = silence
      facts.longestSilenceSinceMicros = facts.lastMicros
    }
    if (s.missingBytes > 0) {
      own.cutBytes += s.missingBytes
      this.#capture.cutSegments++
      this.#capture.cutBytes += s.missingBytes
    }
  }

  #noteSyn(facts: ConnectionFacts, own: SideFacts, s: Segment, d: Direction, micros: number): void {
    own.syns++
    own.lastSynMicros = micros
    if (own.syns > 1 && own.initialSequence === s.sequence) {
      for (const rule of this.#moments.onSynAgain) rule.onSynAgain(facts, d)
      return
    }
    if (own.syns === 1) own.firstSynMicros = micros
    own.initialSequence = s.sequence
    this.#options.read(s)
    own.maximumSegmentBytes = this.#options.maximumSegmentBytes
    own.windowScale = this.#options.windowScale
    own.sackPermitted = this.#options.sackPermitted
  }

  #noteAck(
    facts: ConnectionFacts,
    own: SideFacts,
    peer: SideFacts,
    s: Segment,
    d: Direction,
    payload: number,
    micros: number,
  ): void {
    noteAcknowledged(own, peer, s, payload, micros, this.#options)
    const shut = noteWindow(own, peer, s, micros)
    if (shut >= 0) for (const rule of this.#moments.onWindowOpen) rule.onWindowOpen(facts, d, shut)
    else if (shut === WINDOW_SHUT) for (const rule of this.#moments.onWindowShut) rule.onWindowShut(facts, d)
    if (d === 0 && facts.establishedMicros === 0 && peer.syns > 0 && own.syns > 0 && (s.flags & TCP_SYN) === 0) {
      if (sequenceDistance(s.acknowledgement, peer.initialSequence) < 1) return
      facts.establishedMicros = micros
      for (const rule of this.#moments.onEstablished) rule.onEstablished(facts)
    }
  }

  #noteFin(
    facts: ConnectionFacts,
    own: SideFacts,
    s: Segment,
    d: Direction,
    payload: number,
    silence: number,
    micros: number,
  ): void {
    own.fins++
    if (own.fins > 1) return
    own.finMicros = micros
    own.finSequence = sequenceAdd(s.sequence, payload)
    own.finAcknowledgement = s.acknowledgement
    own.silenceBeforeFinMicros = silence
    own.idleBeforeFinMicros = idleOf(facts, micros)
    if (facts.firstFinBy < 0) facts.firstFinBy = d
    for (const rule of this.#moments.onFin) rule.onFin(facts, d)
  }

  #noteReset(facts: ConnectionFacts, own: SideFacts, s: Segment, d: Direction, silence: number, micros: number): void {
    own.resets++
    if (own.resets === 1) {
      own.resetMicros = micros
      own.resetHopLimit = s.hopLimit
      own.resetSequence = s.sequence
      own.resetHasAcknowledgement = (s.flags & TCP_ACK) !== 0
      own.resetAcknowledgement = s.acknowledgement
      own.resetText = textOf(s)
      own.silenceBeforeResetMicros = silence
      own.idleBeforeResetMicros = idleOf(facts, micros)
      if (facts.firstResetBy < 0) facts.firstResetBy = d
    }
    own.lastMicros = micros
    facts.lastMicros = micros
    for (const rule of this.#moments.onReset) rule.onReset(facts, d)
  }
}

/** Since the latest data, or since the beginning. */
function idleOf({ lastDataMicros, establishedMicros, openMicros }: ConnectionFacts, micros: number): number {
  return Math.max(0, micros - (lastDataMicros || establishedMicros || openMicros))
}

function noteTurn(own: SideFacts, s: Segment, silence: number, micros: number): void {
  own.turns++
  own.turnMicros = micros
  own.turnSequence = s.sequence
  own.silenceBeforeTurnMicros = silence
}

function noteAfterFin(own: SideFacts, payload: number, micros: number): void {
  if (own.bytesAfterPeerFin === 0) own.firstAfterPeerFinMicros = micros
  own.bytesAfterPeerFin += payload
}

/** Some systems say in a RST why. */
function textOf({ buf, payloadStart, payloadEnd }: Segment): string {
  const end = Math.min(payloadEnd, payloadStart + MAXIMUM_RESET_TEXT)
  return buf.toString('latin1', payloadStart, end)
}

function noteHopLimit(own: SideFacts, s: Segment): void {
  if (own.hopLimit === 0) {
    own.hopLimit = s.hopLimit
    own.leastHopLimit = s.hopLimit
    own.greatestHopLimit = s.hopLimit
  } else if (s.hopLimit < own.leastHopLimit) own.leastHopLimit = s.hopLimit
  else if (s.hopLimit > own.greatestHopLimit) own.greatestHopLimit = s.hopLimit
}

function noteData(facts: ConnectionFacts, own: SideFacts, d: Direction, payload: number, micros: number): void {
  own.dataSegments++
  own.sentBytes += payload
  own.lastPayload = payload
  if (own.firstDataMicros === 0) own.firstDataMicros = micros
  own.lastDataMicros = micros
  if (payload > own.largestPayload) own.largestPayload = payload
  if (own.smallestPayload === 0 || payload < own.smallestPayload) own.smallestPayload = payload
  if (facts.lastDataMicros !== 0) {
    const idle = micros - facts.lastDataMicros
    if (idle > facts.longestIdleMicros) facts.longestIdleMicros = idle
    if (idle >= SILENCE_MICROS && d === 1 && facts.lastDataDirection === 1) facts.serverSpokeUnasked = true
  }
  facts.lastDataMicros = micros
  facts.lastDataDirection = d
}
