// Finds the protocol of each connection and runs its parser: the step between reassembly and consumers of exchanges.

import { type CloseReason, type Connection, type Direction, type GapCause, opposite } from '../core/connection.ts'
import type { StreamConsumer } from '../core/consumers.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { ExchangeConsumer } from '../core/exchange.ts'
import { compareTime, Timestamp } from '../core/timestamp.ts'
import { CaptureEnd } from './capture-end.ts'
import { CausalOrder, type OrderedConsumer } from './causal-order.ts'
import { Candidates, ProtocolDetector } from './detect.ts'
import type { ExchangeParser, ExchangeProtocol } from './exchange-parser.ts'
import { HeldMemory } from './held-bytes.ts'
import { ParserMemory } from './parser-memory.ts'
import { ProxiedClient } from './proxy/proxied-client.ts'
import { ProxyPreface } from './proxy/proxy-preface.ts'

/** Of all connections whose protocol is not known yet; of all that wait for a hole. */
const MAXIMUM_HELD_BYTES = 32 * 1024 * 1024
const MAXIMUM_WAITING_BYTES = 32 * 1024 * 1024

export interface ExchangeStreamsOptions {
  /** To choose from by content, in this order. */
  readonly protocols: readonly ExchangeProtocol[]
  /** For connections that speak none of them; undefined: those are ignored. */
  readonly fallback: ExchangeProtocol | undefined
  readonly consumer: ExchangeConsumer
  /** Once for each connection whose protocol was found, or that the fallback takes. */
  readonly onChosen?: (protocolName: string, connection: Connection) => void
  /** After the last exchange of a connection on which something was said. */
  readonly onEnded?: (connection: Connection) => void
}

export interface ExchangeStreamsCounters {
  /** Connections by the name of the protocol that was chosen, the fallback's included. */
  readonly connections: Map<string, number>
  /** Connections that are none of the protocols (the fallback then takes them), or ended before it could be told. */
  undecided: number
}

/** A connection on which something was said. */
class Watched {
  readonly connection: Connection
  detector: ProtocolDetector | undefined
  /** What may stand before the protocol's first byte; undefined once that has come. */
  preface: ProxyPreface | undefined
  /** The client that a PROXY header names. */
  proxied: Endpoint | undefined
  /** undefined while it is not decided, and for connections that are ignored. */
  parser: ExchangeParser | undefined
  /** What waits until a hole is filled or given up; undefined before the first. */
  order: CausalOrder | undefined
  /** Latest data in either direction, and its place among the active ones; -1 for none. */
  readonly lastData: Timestamp
  activeIndex: number

  constructor(connection: Connection, detector: ProtocolDetector) {
    this.connection = connection
    this.detector = detector
    this.preface = new ProxyPreface(connection)
    this.proxied = undefined
    this.parser = undefined
    this.order = undefined
    this.lastData = new Timestamp()
    this.activeIndex = -1
  }
}

export class ExchangeStreams implements StreamConsumer {
  readonly counters: ExchangeStreamsCounters
  readonly #options: ExchangeStreamsOptions
  readonly #candidates: Candidates
  readonly #consumer: CaptureEnd
  readonly #memory: HeldMemory
  readonly #waitingMemory: HeldMemory
  readonly #parserMemory: ParserMemory
  /** The time of the latest `expire`, for a protocol that is found only at the end of a connection. */
  readonly #expiredBefore: Timestamp
  /** By slot. */
  readonly #watched: (Watched | undefined)[]
  /** Connections that have sent data since `expire` last found them silent: only these can have unanswered requests. */
  readonly #active: Watched[]

  constructor(options: ExchangeStreamsOptions) {
    this.counters = { connections: new Map(), undecided: 0 }
    this.#options = options
    this.#candidates = new Candidates(options.protocols)
    this.#consumer = new CaptureEnd(options.consumer)
    this.#memory = new HeldMemory(MAXIMUM_HELD_BYTES)
    this.#waitingMemory = new HeldMemory(MAXIMUM_WAITING_BYTES)
    this.#parserMemory = new ParserMemory()
    this.#expiredBefore = new Timestamp(Number.NEGATIVE_INFINITY)
    this.#watched = []
    this.#active = []
  }

  onOpen(_c: Connection, _t: Timestamp): void {
    // nothing to do before the first byte
  }

  onData(c: Connection, d: Direction, _offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const watched = this.#watched[c.slot] ?? this.#watch(c)
    const order = this.#orderOf(watched, d)
    if (order === undefined) this.#take(watched, d, buf, start, end, t)
    else order.onData(d, buf, start, end, t)
  }

  onGap(c: Connection, d: Direction, _offset: number, missing: number, _cause: GapCause, t: Timestamp): void {
    const watched = this.#watched[c.slot] ?? this.#watch(c)
    const order = this.#orderOf(watched, d)
    if (order === undefined) this.#takeGap(watched, d, missing, t)
    else order.onGap(d, missing, t)
  }

  onLateData(_c: Connection, _d: Direction, _offset: number, _buf: Buffer, _start: number, _end: number): void {
    // late bytes of a gap cannot be timed any more
  }

  /** What the capture's end leaves open is told as `unknown`. */
  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    const watched = this.#watched[c.slot]
    if (watched === undefined) return
    this.#watched[c.slot] = undefined
    watched.order?.release()
    if (watched.preface !== undefined) this.#endPreface(watched, watched.preface)
    if (watched.detector !== undefined) {
      watched.detector.decideAtEnd()
      this.#choose(watched, watched.detector)
      watched.parser?.expire(this.#expiredBefore)
    }
    this.#deactivate(watched)
    this.#consumer.ended = why === 'capture-ended' || why === 'interface-gone'
    watched.parser?.onClose(t)
    this.#consumer.ended = false
    this.#options.onEnded?.(c)
  }

  /** Requests from before `before` without a response are told as unanswered. Costs by the connections that spoke since. */
  expire(before: Timestamp): void {
    this.#expiredBefore.set(before)
    const active = this.#active
    for (let i = active.length - 1; i >= 0; i--) {
      const watched = active[i]!
      watched.order?.expire(before)
      watched.parser?.expire(before)
      if (compareTime(watched.lastData, before) < 0 && watched.order?.empty !== false && !watched.parser?.waitsLonger)
        this.#deactivate(watched)
    }
  }

  /** The CausalOrder that the next delivery in direction `d` goes through; undefined: none is needed. */
  #orderOf(watched: Watched, d: Direction): CausalOrder | undefined {
    const { order } = watched
    if (order !== undefined && !order.empty) return order
    const other = watched.connection.streams[opposite(d)]
    if (!other.holdsBack && other.acknowledgedAhead === 0) return undefined
    if (order !== undefined) {
      this.#activate(watched)
      return order
    }
    const consumer: OrderedConsumer = {
      onOrderedData: (from, buf, start, end, t) => this.#take(watched, from, buf, start, end, t),
      onOrderedGap: (from, missing, t) => this.#takeGap(watched, from, missing, t),
    }
    this.#activate(watched)
    watched.order = new CausalOrder(watched.connection, consumer, this.#waitingMemory)
    return watched.order
  }

  #take(watched: Watched, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const { preface } = watched
    if (preface === undefined) {
      this.#takeWords(watched, d, buf, start, end, t)
      return
    }
    const from = preface.read(d, buf, start, end, t)
    if (preface.over) this.#endPreface(watched, preface)
    if (from < end) this.#takeWords(watched, d, buf, from, end, t)
  }

  #endPreface(watched: Watched, preface: ProxyPreface): void {
    watched.preface = undefined
    watched.proxied = preface.client
    preface.release((buf, start, end, t) => this.#takeWords(watched, preface.direction, buf, start, end, t))
  }

  /** Of the protocol. */
  #takeWords(watched: Watched, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (watched.parser === undefined && !this.#detect(watched, d, buf, start, end, t)) return
    watched.lastData.set(t)
    this.#activate(watched)
    watched.parser?.onData(d, buf, start, end, t)
  }

  #takeGap(watched: Watched, d: Direction, missing: number, t: Timestamp): void {
    const { preface } = watched
    const left = preface === undefined ? missing : preface.gap(d, missing)
    if (preface?.over) this.#endPreface(watched, preface)
    if (left > 0) this.#takeGapOfWords(watched, d, left, t)
  }

  #takeGapOfWords(watched: Watched, d: Direction, missing: number, t: Timestamp): void {
    const { detector } = watched
    if (detector === undefined) {
      watched.parser?.onGap(d, missing, t)
      return
    }
    detector.onGap(d, missing, t)
    if (detector.decided) this.#choose(watched, detector)
  }

  /** True when there is a parser to give the delivery to. */
  #detect(watched: Watched, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): boolean {
    const { detector } = watched
    if (detector === undefined) return false
    detector.onData(d, buf, start, end, t)
    if (!detector.decided) return false
    this.#choose(watched, detector)
    return watched.parser !== undefined
  }

  #watch(c: Connection): Watched {
    const watched = new Watched(c, new ProtocolDetector(c, this.#candidates, this.#memory))
    while (this.#watched.length <= c.slot) this.#watched.push(undefined)
    this.#watched[c.slot] = watched
    return watched
  }

  #choose(watched: Watched, detector: ProtocolDetector): void {
    const { fallback, onChosen } = this.#options
    const { connection, proxied } = watched
    const consumer = proxied === undefined ? this.#consumer : new ProxiedClient(proxied, this.#consumer)
    watched.detector = undefined
    if (detector.protocol === undefined) this.counters.undecided++
    const protocol = detector.protocol ?? fallback
    if (protocol !== undefined) {
      const { connections } = this.counters
      connections.set(protocol.name, (connections.get(protocol.name) ?? 0) + 1)
      const { clientDirection } = detector
      watched.parser = protocol.createParser({ connection, clientDirection, consumer, memory: this.#parserMemory })
      onChosen?.(protocol.name, connection)
    }
    detector.replay(watched.parser)
  }

  #activate(watched: Watched): void {
    if (watched.activeIndex < 0) watched.activeIndex = this.#active.push(watched) - 1
  }

  #deactivate(watched: Watched): void {
    const index = watched.activeIndex
    if (index < 0) return
    const last = this.#active.pop()!
    if (last !== watched) {
      this.#active[index] = last
      last.activeIndex = index
    }
    watched.activeIndex = -1
  }
}
