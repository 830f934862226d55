// Finds out by content which protocol a connection speaks and which side sends the requests. Ports only decide in doubt.
//
// The beginning of each direction is judged. In a connection that was joined in its middle the first byte seen begins nothing,
// so each delivery is judged too, and a "no" means little. Who opened the connection is the client, whatever the bytes look
// like: where that was seen, bytes can only say that a protocol does not fit.

import type { Connection, Direction } from '../core/connection.ts'
import { opposite } from '../core/connection.ts'
import type { Timestamp } from '../core/timestamp.ts'
import {
  type ExchangeParser,
  type ExchangeProtocol,
  RECOGNISED_CLIENT,
  RECOGNISED_LIKELY_CLIENT,
  RECOGNISED_LIKELY_SERVER,
  RECOGNISED_MAYBE,
  RECOGNISED_NO,
  RECOGNISED_SERVER,
  SIDE_CLIENT,
  SIDE_SERVER,
} from './exchange-parser.ts'
import { HeldBytes, type HeldMemory } from './held-bytes.ts'
import { WhoAsks } from './who-asks.ts'

/** So many bytes of a direction are kept and shown to the protocols. */
const JUDGED_BYTES = 512
/** After so many bytes of both directions together, the decision is made with what there is. */
const MAXIMUM_BYTES = 65536
const MAXIMUM_DELIVERIES = 256
/** From the middle on, the next request of a connection with a long response is waited for. */
const MAXIMUM_BYTES_FROM_THE_MIDDLE = 1024 * 1024
/** The same bound while only one side has spoken. */
const MAXIMUM_BYTES_OF_ONE = 16 * 1024 * 1024
/** In each direction. */
const MAXIMUM_DELIVERIES_FROM_THE_MIDDLE = 8
const LF = 10
/** What a delivery costs beside its bytes. */
const DELIVERY_BYTES = 128

/** The protocols that a connection may speak; the same for all connections. */
export class Candidates {
  readonly all: readonly ExchangeProtocol[]
  /** The protocols among them that only the answer can show. */
  readonly byAnswer: readonly ExchangeProtocol[]

  constructor(protocols: readonly ExchangeProtocol[]) {
    this.byAnswer = protocols.flatMap(({ byAnswer }) => (byAnswer === undefined ? [] : [byAnswer]))
    this.all = [...protocols, ...this.byAnswer]
  }
}

/** A delivery that waits for the decision: bytes of `held[direction]`, then bytes that were not kept. */
class Delivery {
  readonly direction: Direction
  readonly start: number
  readonly end: number
  missing: number
  readonly time: Timestamp

  constructor(direction: Direction, start: number, end: number, missing: number, t: Timestamp) {
    this.direction = direction
    this.start = start
    this.end = end
    this.missing = missing
    this.time = t.clone()
  }
}

/** Of one connection, until it is decided. */
export class ProtocolDetector {
  /** Decided: no more is to be offered. `protocol` is undefined when it is none of them. */
  decided: boolean
  protocol: ExchangeProtocol | undefined
  /** The direction of the requests. */
  clientDirection: Direction
  readonly #connection: Connection
  #candidates: readonly ExchangeProtocol[]
  /** Those among them that only the answer can tell. */
  readonly #byAnswer: readonly ExchangeProtocol[]
  #maybe: ExchangeProtocol | undefined
  /** Both directions were seen from their first byte on. */
  #fromTheBeginning: boolean
  readonly #memory: HeldMemory
  readonly #held: [HeldBytes, HeldBytes]
  readonly #deliveries: Delivery[]
  /** The protocol that the bytes judged last are likely to be, and as whose: a RECOGNISED_LIKELY_ value or 0. */
  #likely: ExchangeProtocol | undefined
  #likelyVerdict: number
  readonly #whoAsks: WhoAsks
  #bytes: number
  readonly #count: [number, number]

  /** `memory` is shared by all detectors of a run. When it is full, the decision is made with what was seen so far. */
  constructor(connection: Connection, protocols: Candidates, memory: HeldMemory) {
    this.decided = false
    this.protocol = undefined
    this.clientDirection = 0
    this.#connection = connection
    this.#candidates = protocols.all
    this.#byAnswer = protocols.byAnswer
    this.#maybe = undefined
    this.#fromTheBeginning = connection.openerKnown && !connection.resumed
    this.#memory = memory
    this.#held = [new HeldBytes(memory), new HeldBytes(memory)]
    this.#deliveries = []
    this.#likely = undefined
    this.#likelyVerdict = RECOGNISED_NO
    this.#whoAsks = new WhoAsks()
    this.#bytes = 0
    this.#count = [0, 0]
  }

  /** As a parser's. When `decided` afterwards, the bytes are to be given to the parser after `replay`; else they are kept. */
  onData(d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const held = this.#held[d]
    this.#bytes += end - start
    this.#count[d]++
    if (held.length === 0) this.#judge(d, buf, start, Math.min(end, start + JUDGED_BYTES))
    if (this.decided) return
    const kept = Math.min(end - start, JUDGED_BYTES - held.length)
    if (kept > 0 && held.length > 0) {
      const before = held.length
      held.append(buf, start, start + kept)
      this.#judge(d, held.buf, 0, held.length)
      held.length = before
    }
    if (!this.decided && !this.#fromTheBeginning && held.length > 0) {
      this.#judge(d, buf, start, Math.min(end, start + JUDGED_BYTES))
    }
    if (!this.decided) this.#takeTurn(d)
    if (!this.decided && this.#isEnough(held.length + kept)) this.#decideByPort()
    if (this.decided) return
    const from = held.length
    held.append(buf, start, start + kept)
    this.#keep(d, from, held.length, end - start - kept, t)
  }

  onGap(d: Direction, missing: number, t: Timestamp): void {
    this.#fromTheBeginning = false
    const { length } = this.#held[d]
    this.#count[d]++
    this.#keep(d, length, length, missing, t)
    if (this.#isEnough(length)) this.#decideByPort()
  }

  /** Gives the parser, if there is one, what was kept, and forgets it. */
  replay(parser: ExchangeParser | undefined): void {
    for (const { direction, start, end, missing, time } of this.#deliveries) {
      if (parser === undefined) break
      if (end > start) parser.onData(direction, this.#held[direction].buf, start, end, time)
      if (missing > 0) parser.onGap(direction, missing, time)
    }
    this.#memory.usedBytes -= this.#deliveries.length * DELIVERY_BYTES
    this.#deliveries.length = 0
    this.#held[0].clear()
    this.#held[1].clear()
  }

  /** Where nothing more is kept of a direction, one entry counts what passes. */
  #keep(d: Direction, start: number, end: number, missing: number, t: Timestamp): void {
    const last = this.#deliveries.at(-1)
    if (start === end && last?.direction === d && last.start === last.end) {
      last.missing += missing
      last.time.set(t)
    } else {
      this.#memory.usedBytes += DELIVERY_BYTES
      this.#deliveries.push(new Delivery(d, start, end, missing, t))
    }
  }

  #judge(d: Direction, buf: Buffer, start: number, end: number): void {
    let best: ExchangeProtocol | undefined
    let bestVerdict = RECOGNISED_NO
    let maybe: ExchangeProtocol | undefined
    let likely: ExchangeProtocol | undefined
    let likelyVerdict = RECOGNISED_NO
    let left = 0
    for (const protocol of this.#candidates) {
      const verdict = this.#verdictOf(protocol, d, buf, start, end)
      if (verdict !== RECOGNISED_NO) left++
      if (verdict === RECOGNISED_NO) continue
      if (verdict >= RECOGNISED_LIKELY_CLIENT) {
        likely = protocol
        likelyVerdict = verdict
      }
      if (verdict === RECOGNISED_MAYBE || verdict >= RECOGNISED_LIKELY_CLIENT) {
        if (maybe === undefined || this.#usesPortOf(protocol)) maybe = protocol
      } else if (best === undefined || (this.#usesPortOf(protocol) && !this.#usesPortOf(best))) {
        best = protocol
        bestVerdict = verdict
      }
    }
    this.#maybe = maybe
    if (this.#candidates.length === 0) {
      this.#decide(undefined, 0)
    } else if (best !== undefined) {
      this.#decide(best, bestVerdict === RECOGNISED_CLIENT ? d : opposite(d))
    } else if (this.#fromTheBeginning && left < this.#candidates.length) {
      this.#candidates = this.#candidates.filter((p) => this.#verdictOf(p, d, buf, start, end) !== RECOGNISED_NO)
      if (left === 0) this.#decide(undefined, 0)
    }
    if (!this.decided && d === 1) this.#decideByAnswer()
    this.#likely = likely
    this.#likelyVerdict = likelyVerdict
  }

  /** bytes of `d` that did not decide may do so together with the answer */
  #takeTurn(d: Direction): void {
    this.#whoAsks.heard(this.#likely, this.#likelyVerdict, d)
    if (this.#whoAsks.told) this.#decide(this.#whoAsks.protocol, this.#whoAsks.client)
  }

  /** No other protocol makes sense of the request and the answer. */
  #decideByAnswer(): void {
    if (!this.#fromTheBeginning || this.#candidates.length !== 1) return
    const [only] = this.#candidates
    if (this.#byAnswer.includes(only!)) this.#decide(only, 0)
  }

  #verdictOf(protocol: ExchangeProtocol, d: Direction, buf: Buffer, start: number, end: number): number {
    if (!this.#connection.openerKnown) {
      const guess = protocol.recognise(buf, start, end)
      // in the middle of a message a value may look like the other side's bytes: then the port decides
      if (guess < RECOGNISED_LIKELY_CLIENT) return this.#contradictsPort(protocol, d, guess) ? RECOGNISED_MAYBE : guess
      return this.#likelyByPort(protocol, d, guess)
    }
    // the side that speaks first is not answering
    if (d === 1 && this.#count[0] === 0 && this.#byAnswer.includes(protocol)) return RECOGNISED_NO
    const verdict = protocol.recognise(buf, start, end, d === 0 ? SIDE_CLIENT : SIDE_SERVER)
    const isOthers = d === 0 ? isServers(verdict) : isClients(verdict)
    return isOthers ? RECOGNISED_NO : verdict
  }

  /** Where one side has the usual port, that one is the server. */
  #likelyByPort(protocol: ExchangeProtocol, d: Direction, guess: number): number {
    const { endpoints } = this.#connection
    const isUsual = protocol.ports.includes(endpoints[d].port)
    const answersUsual = protocol.ports.includes(endpoints[opposite(d)].port)
    if (isUsual === answersUsual) return guess
    if (guess === RECOGNISED_LIKELY_CLIENT) return answersUsual ? RECOGNISED_CLIENT : RECOGNISED_MAYBE
    return answersUsual ? RECOGNISED_MAYBE : RECOGNISED_SERVER
  }

  #contradictsPort(protocol: ExchangeProtocol, d: Direction, verdict: number): boolean {
    if (verdict !== RECOGNISED_CLIENT && verdict !== RECOGNISED_SERVER) return false
    const client = verdict === RECOGNISED_CLIENT ? d : opposite(d)
    const { endpoints } = this.#connection
    return protocol.ports.includes(endpoints[client].port) && !protocol.ports.includes(endpoints[opposite(client)].port)
  }

  #isEnough(heldBytes: number): boolean {
    if (this.#memory.full) return true
    if (heldBytes === JUDGED_BYTES && this.#maybe !== undefined && this.#usesPortOf(this.#maybe)) return true
    const [there, back] = this.#count
    if (this.#fromTheBeginning) return this.#bytes >= MAXIMUM_BYTES || there + back >= MAXIMUM_DELIVERIES
    const deliveries = Math.min(there, back)
    if (deliveries === 0) return this.#bytes >= MAXIMUM_BYTES_OF_ONE
    return deliveries >= MAXIMUM_DELIVERIES_FROM_THE_MIDDLE || this.#bytes >= MAXIMUM_BYTES_FROM_THE_MIDDLE
  }

  /** The connection has ended before the decision: of the protocols that it may be, it is the one that has its port. */
  decideAtEnd(): void {
    const maybe = this.#maybe
    const asked = this.#held[0]
    const hasAsked = asked.length === JUDGED_BYTES || asked.buf[asked.length - 1] === LF
    const byAnswer = this.#candidates.find((protocol) => this.#byAnswer.includes(protocol))
    if (this.#fromTheBeginning && hasAsked && this.#count[1] > 0 && byAnswer !== undefined) this.#decide(byAnswer, 0)
    else if (this.#fromTheBeginning && maybe !== undefined && this.#usesPortOf(maybe)) this.#decide(maybe, 0)
    else if (this.#whoAsks.protocol !== undefined) this.#decideByPort()
  }

  #decideByPort(): void {
    this.#whoAsks.settle()
    if (this.#whoAsks.told && this.#candidates.includes(this.#whoAsks.protocol!)) {
      this.#decide(this.#whoAsks.protocol, this.#whoAsks.client)
      return
    }
    const [client, server] = this.#connection.endpoints
    const usual = this.#candidates.find((protocol) => this.#usesPortOf(protocol))
    const swapped = usual !== undefined && !this.#connection.openerKnown && !usual.ports.includes(server.port)
    this.#decide(usual, swapped && usual.ports.includes(client.port) ? 1 : 0)
  }

  #usesPortOf(protocol: ExchangeProtocol): boolean {
    const [client, server] = this.#connection.endpoints
    if (protocol.ports.includes(server.port)) return true
    return !this.#connection.openerKnown && protocol.ports.includes(client.port)
  }

  #decide(protocol: ExchangeProtocol | undefined, clientDirection: Direction): void {
    this.decided = true
    this.protocol = protocol
    this.clientDirection = clientDirection
  }
}

function isClients(verdict: number): boolean {
  return verdict === RECOGNISED_CLIENT || verdict === RECOGNISED_LIKELY_CLIENT
}

function isServers(verdict: number): boolean {
  return verdict === RECOGNISED_SERVER || verdict === RECOGNISED_LIKELY_SERVER
}
