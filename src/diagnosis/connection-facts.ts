// The timeline of one connection: what rules are given to judge. Times are microseconds since 1970, 0: never.

import type { CloseReason, Connection, Direction } from '../core/connection.ts'
import type { Endpoint } from '../core/endpoint.ts'
import { epochMicros } from '../core/timestamp.ts'
import { resetSide, SideFacts } from './side-facts.ts'

/** An ICMP error that quoted a packet of the connection. */
export interface IcmpNews {
  readonly micros: number
  readonly family: number
  readonly type: number
  readonly code: number
  /** Address of who sent it. */
  readonly reporter: string
  /** It quoted a packet of the client (0) or of the server (1). */
  readonly direction: Direction
  readonly nextHopMtu: number
}

/** A request of which no answer has been seen: see ConnectionFacts.unanswered. */
export interface UnansweredRequest {
  readonly protocol: string
  /** One line, at most 100 characters. */
  readonly request: string
  readonly micros: number
}

/** What a finding keeps of a connection that it counts. */
export interface CountedConnection {
  readonly id: number
  /** For the engine: ask Judge.has. A copy goes on counting when the connection is over. */
  readonly findings: unknown[]
}

/** A request or an answer that one side broke off: see ConnectionFacts.cutShort. */
export interface CutShortExchange {
  /** One line, at most 100 characters. */
  readonly request: string
  readonly isAnswered: boolean
  /** Of each, bytes that were announced and never sent; -1: some, and nobody said how many. */
  readonly requestMissingBytes: number
  readonly responseMissingBytes: number
  readonly responseBytes: number
}

const MAXIMUM_ICMP = 4

/** Belongs to the engine, which uses it again after the connection's `onClose`: keep numbers and strings, not the object. */
export class ConnectionFacts implements CountedConnection {
  /** Of flow/: bytes, gaps, endpoints. Valid while the facts are. */
  connection: Connection
  id = 0
  readonly sides: readonly [SideFacts, SideFacts] = [new SideFacts(0), new SideFacts(1)]
  openMicros = 0
  lastMicros = 0
  /** The client acknowledged the SYN+ACK. */
  establishedMicros = 0
  /** Latest segment with payload that was no probe. */
  lastDataMicros = 0
  /** Whose it was. */
  lastDataDirection: Direction = 0
  /** The server has gone on by itself after a second and more without data: it sends what nobody asks for just then. */
  serverSpokeUnasked = false
  /** Longest time without any packet between two, and when it began. */
  longestSilenceMicros = 0
  longestSilenceSinceMicros = 0
  /** Before the latest packet. */
  silenceMicros = 0
  /** Longest time without data (probes are none) between two segments with data, or up to the end. */
  longestIdleMicros = 0
  /** Who sent the first FIN and the first RST; -1: nobody. */
  firstFinBy: Direction | -1 = -1
  firstResetBy: Direction | -1 = -1
  icmp: IcmpNews[] = []

  // Requests and responses, where the protocol is known. `requests` are those that have ended, whichever way.
  protocol = ''
  requests = 0
  answered = 0
  errors = 0
  /** The latest request told as unanswered: it waited when the connection ended, or waits longer than --hung-after. */
  unanswered: UnansweredRequest | undefined = undefined
  unansweredRequests = 0
  /** The latest request asked for no answer. */
  wantsNoAnswer = false
  /** What was under way when the connection ended, as far as the protocol says how long it should have been. */
  cutShort: CutShortExchange | undefined = undefined
  /** As far as anybody said so, the server was asked to wait. */
  blocking = false

  /** Why it ended; undefined while it is open. */
  closed: CloseReason | undefined = undefined
  /** Captured data was missing between two acknowledged pieces: the capture's own loss, in bytes. */
  captureLostBytes = 0
  captureLosses = 0

  /** Kinds of findings that it is counted in. For the engine: ask Judge.has. */
  findings: unknown[] = []
  /** For the engine: when it wants to be woken; 0: not. */
  wakeMicros = 0

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** For a connection that has just been opened. */
  begin(c: Connection): void {
    this.connection = c
    this.id = c.id
    resetSide(this.sides[0])
    resetSide(this.sides[1])
    this.openMicros = epochMicros(c.openTime)
    this.lastMicros = 0
    this.establishedMicros = 0
    this.lastDataMicros = 0
    this.lastDataDirection = 0
    this.serverSpokeUnasked = false
    this.longestSilenceMicros = 0
    this.longestSilenceSinceMicros = 0
    this.silenceMicros = 0
    this.longestIdleMicros = 0
    this.firstFinBy = -1
    this.firstResetBy = -1
    if (this.icmp.length > 0) this.icmp = []
    this.protocol = ''
    this.requests = 0
    this.answered = 0
    this.errors = 0
    this.unanswered = undefined
    this.unansweredRequests = 0
    this.cutShort = undefined
    this.wantsNoAnswer = false
    this.blocking = false
    this.closed = undefined
    this.captureLostBytes = 0
    this.captureLosses = 0
    // whoever keeps it as a CountedConnection goes on with the old one
    if (this.findings.length > 0) this.findings = []
    this.wakeMicros = 0
  }

  get client(): SideFacts {
    return this.sides[0]
  }

  get server(): SideFacts {
    return this.sides[1]
  }

  get clientEnd(): Endpoint {
    return this.connection.endpoints[0]
  }

  get serverEnd(): Endpoint {
    return this.connection.endpoints[1]
  }

  get place(): number {
    return this.connection.place
  }

  /** The client's SYN was seen: nothing of the connection was before the capture. */
  get seenFromStart(): boolean {
    return this.client.syns > 0 && !this.connection.resumed
  }

  /** Packets of both sides were seen. */
  get seenBothWays(): boolean {
    return this.client.packets > 0 && this.server.packets > 0
  }

  /**
   * The client's latest data has had no data in answer: a request waits, as far as packets tell. False where the server spoke
   * last, and where a protocol is known and every request has its answer.
   */
  get requestWaits(): boolean {
    return this.client.lastDataMicros > this.server.lastDataMicros
  }

  /** What remains of it for findings when it has ended. */
  get counted(): CountedConnection {
    return { id: this.id, findings: this.findings }
  }

  noteIcmp(news: IcmpNews): void {
    if (this.icmp.length < MAXIMUM_ICMP) this.icmp.push(news)
  }
}
