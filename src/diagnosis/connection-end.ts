// How a connection ended, and whose doing it was: one verdict, so that each end has one explanation. From the timeline alone.

import type { CloseReason, Direction } from '../core/connection.ts'
import { sequenceDistance } from '../core/sequence.ts'
import type { ConnectionFacts } from './connection-facts.ts'
import type { IdleTimer, IdleTimes } from './idle-times.ts'
import type { SideFacts } from './side-facts.ts'

/**
 * `idle`: a timer cut it, or forgot it. `ran-into`: and the other side spoke into it. `silent`: it was forgotten, and nobody says
 * so. `race`: closed for idleness in the moment of the next request. `late-segment`: a segment of no use was answered by a reset.
 * `foreign`: by somebody else than it seems. `aborted`: before what was announced had come. `reset`: whatever else resets.
 */
export type EndKind = 'idle' | 'ran-into' | 'silent' | 'race' | 'late-segment' | 'foreign' | 'aborted' | 'reset'

export interface ConnectionEnd {
  readonly kind: EndKind
  /** Who ended it, or in whose name it was; for `silent`: who does not answer. */
  readonly by: Direction
  readonly how: 'FIN' | 'RST' | 'silence'
  readonly micros: number
  /** Somebody waited for an answer. */
  readonly isPending: boolean
  /** What cut it, for `idle`, `ran-into` and `silent`. */
  readonly timer: IdleTimer | undefined
}

/** A close and a request that are so near to each other did not know of each other. */
const RACE_MICROS = 1_000_000
/** Who closes its half together with its request waits for the answer; who closes later has given up. */
const WITH_REQUEST_MICROS = 50_000
/** A connection may be forgotten within such a silence; from the longer one on nothing else is usual. */
const FORGOTTEN_MICROS = 5_000_000
/** Nobody is restarted in so short a time. */
const ALIVE_MICROS = 1_000_000
/** An answer of the kernel, or of a device on the way. */
const AT_ONCE_MICROS = 20_000
/** Sent so often with no answer, nobody is there. */
const REPEATS_UNANSWERED = 3
/** So much without an answer is a stream that nobody answers: logs, measurements. */
const SEGMENTS_OF_A_REQUEST = 16
/** Requests that ask for the end. */
const LEAVE = /^(quit|exit|logout|shutdown|bye|debug)\b/i

/** undefined: nothing is to be said about it. */
export function endOf(
  c: ConnectionFacts,
  why: CloseReason,
  times: IdleTimes,
  followsJump = false,
): ConnectionEnd | undefined {
  if (!wasOpen(c)) return undefined
  const silent = silentEnd(c)
  if (silent !== undefined) return silent
  if (why === 'reset' && followsJump && !c.sides[c.firstResetBy === 0 ? 0 : 1].resetHasAcknowledgement) {
    return endOfStray(c)
  }
  if (why === 'reset' && c.firstResetBy >= 0) return endByReset(c, c.firstResetBy as Direction, times)
  return c.firstFinBy >= 0 ? endByFin(c, times) : undefined
}

/** A request waits for its answer, as far as anybody can tell. */
export function isRequestPending(c: ConnectionFacts): boolean {
  const { client, server } = c
  if (c.blocking) return false
  if (isKnownProtocol(c)) return c.unanswered !== undefined || (c.requestWaits && !c.wantsNoAnswer)
  if (!c.requestWaits || isGoodbye(client)) return false
  return server.dataSegments > 0 || client.dataSegments <= SEGMENTS_OF_A_REQUEST
}

/** Who has a socket says in a RST what it has had (ACK); this one does not, though the side was there a moment ago. */
export function isForged(own: SideFacts): boolean {
  if (own.resetHasAcknowledgement || (own.finMicros !== 0 && own.finMicros <= own.resetMicros)) return false
  const alive = Math.max(own.acknowledgedMicros, own.lastDataMicros)
  return alive !== 0 && own.resetMicros - alive < ALIVE_MICROS
}

/** The RST came another way than everything else in the same name. */
export function hasOtherHopLimit({ hopLimit, leastHopLimit, greatestHopLimit, resetHopLimit }: SideFacts): boolean {
  return hopLimit !== 0 && (resetHopLimit < leastHopLimit || resetHopLimit > greatestHopLimit)
}

function isKnownProtocol({ protocol }: ConnectionFacts): boolean {
  return protocol !== '' && protocol !== 'raw'
}

/** Both have spoken, or the handshake was complete; a capture that began later sees neither. */
function wasOpen({ client, server, establishedMicros }: ConnectionFacts): boolean {
  if (client.syns + server.syns === 0) return client.dataSegments + server.dataSegments > 0
  return establishedMicros !== 0 || client.dataSegments > 0
}

/**
 * TLS' close_notify (RFC 8446 §6.1), in the clear or, from 1.3 on, as a record of 19 bytes that is the last; and what clients of
 * PostgreSQL (Terminate) and MySQL (COM_QUIT) take leave with, to which servers close and say nothing.
 */
function isGoodbye({ lastFirstByte, lastPayload }: SideFacts): boolean {
  if (lastPayload === LEAVE_BYTES && (lastFirstByte === POSTGRES_TERMINATE || lastFirstByte === MYSQL_QUIT_LENGTH))
    return true
  const inClear = lastFirstByte === 0x15 && lastPayload < 64
  return inClear || (lastFirstByte === 0x17 && lastPayload === 24)
}

/** `X`, and a length of 4; a length of 1, number 0, and command 1. */
const LEAVE_BYTES = 5
const POSTGRES_TERMINATE = 0x58
const MYSQL_QUIT_LENGTH = 0x01

/** A connection that consists of a segment out of all proportion to the one before it on the same addresses, and its reset. */
function endOfStray(c: ConnectionFacts): ConnectionEnd | undefined {
  const by = c.firstResetBy === 0 ? 0 : 1
  if (c.sides[by].packets > c.sides[by].resets) return undefined
  const micros = c.sides[by].resetMicros
  return { kind: 'late-segment', by, how: 'RST', micros, isPending: false, timer: undefined }
}

function endByReset(c: ConnectionFacts, by: Direction, times: IdleTimes): ConnectionEnd | undefined {
  const own = c.sides[by]
  const peer = c.sides[by === 0 ? 1 : 0]
  const micros = own.resetMicros
  const ownFin = own.finMicros !== 0 && own.finMicros <= micros
  const peerFin = peer.finMicros !== 0 && peer.finMicros <= micros
  if (ownFin && peerFin) return undefined
  if (by === 0 && (ownFin || peerFin)) return endByFin(c, times)
  const isPending = isRequestPending(c)
  const end = { by, how: 'RST', micros, isPending, timer: undefined } as const
  if (peerFin) {
    const asksStill = isPending && peer.finMicros - peer.lastDataMicros < WITH_REQUEST_MICROS
    return asksStill ? { ...end, kind: 'reset' } : endByFin(c, times)
  }
  if (ownFin) return endAfterFin(c, times)
  return endInOpen(c, end, times)
}

/** The server has closed its half, and answers what comes then by a RST. */
function endAfterFin(c: ConnectionFacts, times: IdleTimes): ConnectionEnd | undefined {
  const { client, server } = c
  const end = { by: 1, how: 'RST', micros: server.resetMicros, isPending: true, timer: undefined } as const
  const isLate = sequenceDistance(server.finAcknowledgement, client.turnSequence) <= 0
  if (!isRequestPending(c) || client.turns === 0 || !isLate) return endByFin(c, times)
  if (server.turns === 0 && c.captureLosses === 0) return { ...end, kind: 'reset' }
  const { finMicros, idleBeforeFinMicros, silenceBeforeFinMicros } = server
  if (client.turnMicros - finMicros <= RACE_MICROS) return { ...end, kind: 'race' }
  const idle = [idleBeforeFinMicros, silenceBeforeFinMicros]
  const timer = times.judge(groupOf(c, 1), idle, finMicros) ?? { micros: idleBeforeFinMicros, others: 0 }
  return { ...end, kind: 'ran-into', timer }
}

/** Nobody had closed. */
function endInOpen(c: ConnectionFacts, end: Omit<ConnectionEnd, 'kind'>, times: IdleTimes): ConnectionEnd | undefined {
  const { by, micros, isPending } = end
  const own = c.sides[by]
  const peer = c.sides[by === 0 ? 1 : 0]
  if (answersUselessSegment(own, peer)) return { ...end, kind: 'late-segment' }
  const sinceTurn = micros - peer.turnMicros
  const crossed = own.resetHasAcknowledgement && sequenceDistance(own.resetAcknowledgement, peer.turnSequence) <= 0
  if (by === 1 && isPending && own.turns > 0 && crossed && sinceTurn <= RACE_MICROS) return { ...end, kind: 'race' }
  const idle = [own.idleBeforeResetMicros, own.silenceBeforeResetMicros]
  const timer = times.judge(groupOf(c, by), idle, micros)
  if (timer !== undefined) return { ...end, kind: 'idle', timer }
  const forgot = peer.silenceBeforeTurnMicros
  const isAnswer = peer.turns > 0 && own.lastDataMicros < peer.turnMicros && sinceTurn <= RACE_MICROS
  if (isAnswer && forgot >= FORGOTTEN_MICROS && (!own.resetHasAcknowledgement || hasOtherHopLimit(own))) {
    return { ...end, kind: 'ran-into', timer: { micros: forgot, others: 0 } }
  }
  // programs of other systems end a connection so, too, but not while they wait
  const isForgery = isForged(own) && (by === 1 || isPending)
  if (hasOtherHopLimit(own) || isForgery) return { ...end, kind: 'foreign' }
  return { ...end, kind: c.cutShort === undefined ? 'reset' : 'aborted' }
}

/** Without ACK a RST says that there is no such connection; and what it answers was no more than a repetition, or far off. */
function answersUselessSegment(own: SideFacts, peer: SideFacts): boolean {
  if (own.resetHasAcknowledgement || peer.uselessMicros === 0) return false
  return own.resetMicros - peer.uselessMicros <= AT_ONCE_MICROS && peer.uselessMicros >= peer.turnMicros
}

function endByFin(c: ConnectionFacts, times: IdleTimes): ConnectionEnd | undefined {
  const by = c.firstFinBy as Direction
  const own = c.sides[by]
  const isPending = isRequestPending(c)
  const end = { by, how: 'FIN', micros: own.finMicros, isPending, timer: undefined } as const
  // what the capture has missed may have been the rest
  const isWhole = c.captureLosses === 0
  const isCutShort = isWhole && (c.cutShort !== undefined || (isPending && wantsAnswer(c, by)))
  // who lets a connection go in which nothing waits does no harm; who waits no longer gives up, and why is the server's matter
  if (by === 0) return isCutShort ? { ...end, kind: 'aborted' } : undefined
  const idle = [own.idleBeforeFinMicros, own.silenceBeforeFinMicros]
  const timer = times.judge(groupOf(c, by), idle, own.finMicros)
  if (timer !== undefined) return { ...end, kind: 'idle', timer }
  // it need not hear all of a request that it has answered
  const isAnswered = c.cutShort?.isAnswered === true && c.cutShort.responseMissingBytes === 0
  return isCutShort && !isAnswered ? { ...end, kind: 'aborted' } : undefined
}

/** Who asks for the end gets no answer but that; a client that gives up is told of where it is plain that it waited. */
function wantsAnswer({ protocol, unanswered }: ConnectionFacts, by: Direction): boolean {
  if (protocol === 'http') return true
  return by === 1 && unanswered !== undefined && unanswered.protocol === protocol && !LEAVE.test(unanswered.request)
}

/** After a silence one side speaks, again and again, and nothing comes back. */
function silentEnd(c: ConnectionFacts): ConnectionEnd | undefined {
  for (const own of c.sides) {
    const by = own.direction === 0 ? 1 : 0
    const end = { kind: 'silent', by, how: 'silence' } as const
    if (isUnheard(c, own)) {
      const timer = { micros: own.silenceBeforeTurnMicros, others: 0 }
      return { ...end, micros: own.turnMicros, isPending: true, timer }
    }
    if (!areProbesUnheard(c, own)) continue
    const heard = c.sides[by].lastMicros
    const isPending = isRequestPending(c)
    return {
      ...end,
      micros: own.lastKeepAliveMicros,
      isPending,
      timer: { micros: own.lastKeepAliveMicros - heard, others: 0 },
    }
  }
  return undefined
}

/** Keep-alive probes to which nothing comes back any more. */
function areProbesUnheard(c: ConnectionFacts, own: SideFacts): boolean {
  const peer = c.sides[own.direction === 0 ? 1 : 0]
  if (own.keepAliveProbes - own.keepAliveAnswers < REPEATS_UNANSWERED || peer.packets === 0) return false
  return peer.lastMicros < own.lastKeepAliveMicros - FORGOTTEN_MICROS && c.icmp.length === 0
}

export function isUnheard(c: ConnectionFacts, own: SideFacts): boolean {
  const peer = c.sides[own.direction === 0 ? 1 : 0]
  if (own.repeats < REPEATS_UNANSWERED || own.silenceBeforeTurnMicros < FORGOTTEN_MICROS) return false
  return peer.packets > 0 && peer.lastMicros < own.turnMicros && c.icmp.length === 0
}

function groupOf(c: ConnectionFacts, by: Direction): string {
  return `${c.place} ${c.serverEnd} ${by}`
}
