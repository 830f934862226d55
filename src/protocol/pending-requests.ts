// Requests of one connection that wait for their response: a bounded first-in first-out ring of objects that are used again.

import type { Exchange } from '../core/exchange.ts'
import { compareTime, Timestamp } from '../core/timestamp.ts'
import type { HeldMemory } from './held-bytes.ts'

/** How many requests of one connection are remembered unless told otherwise, and how many characters of their text. */
export const MAXIMUM_PENDING_REQUESTS = 65536
export const MAXIMUM_PENDING_TEXT = 8 << 20

/** What one takes with its text, usually. */
export const PENDING_BYTES = 512

const SMALLEST_RING = 1
/** A larger ring is freed once it is empty, so that one burst does not cost memory for a connection's life. */
const KEPT_RING = 64

/** What is known of a request until its response comes. Text as in Exchange, bounded by who fills it. */
export class PendingRequest {
  /** Capture time of the segment that brought its first and its last byte. */
  readonly start = new Timestamp()
  readonly end = new Timestamp()
  bytes = 0
  /** Announced and never sent: Exchange.requestMissingBytes. */
  missingBytes = 0
  command = ''
  key = ''
  request = ''
  version = ''
  /** It asks the server to wait. */
  blocking = false
  /** How long at most it asks to; 0: no time is known, Infinity: for ever. */
  waitMicros = 0
  /** One ahead of it does. */
  behindBlocking = false
  /** It may get no answer (memcached's quiet commands). */
  quiet = false
  aheadInPipeline = 0
  /** Bytes of it are missing that decide on its times. */
  unknown = false
  /** It was told as unanswered, and stays for the answer that may still come. */
  told = false
  /** The protocol's own: bits, and two numbers (an opaque, how many answers are due). */
  flags = 0
  mark = 0
  count = 0

  /** Takes over everything of another. */
  set(other: PendingRequest): void {
    this.start.set(other.start)
    this.end.set(other.end)
    this.bytes = other.bytes
    this.missingBytes = other.missingBytes
    this.command = other.command
    this.key = other.key
    this.request = other.request
    this.version = other.version
    this.blocking = other.blocking
    this.waitMicros = other.waitMicros
    this.behindBlocking = other.behindBlocking
    this.quiet = other.quiet
    this.aheadInPipeline = other.aheadInPipeline
    this.unknown = other.unknown
    this.told = other.told
    this.flags = other.flags
    this.mark = other.mark
    this.count = other.count
  }

  /** Writes its half of an exchange. */
  writeInto(exchange: Exchange): void {
    exchange.command = this.command
    exchange.key = this.key
    exchange.request = this.request
    exchange.version = this.version
    exchange.blocking = this.blocking || this.behindBlocking
    exchange.aheadInPipeline = this.aheadInPipeline
    exchange.late = this.told
    exchange.requestStart.set(this.start)
    exchange.requestEnd.set(this.end)
    exchange.requestBytes = this.bytes
    exchange.requestMissingBytes = this.missingBytes
  }
}

/**
 * The ring. `push` lends an object to be filled (all fields: what the previous user left is still in it), `first` and `at`
 * look, `shiftInto` and `drop` take the oldest away.
 */
export class PendingRequests {
  length: number
  readonly maximum: number
  readonly #all: HeldMemory
  #ring: PendingRequest[]
  #head: number

  /** `all`: what those of all connections take; each connection may have one all the same. */
  constructor(maximum: number = MAXIMUM_PENDING_REQUESTS, all: HeldMemory) {
    this.length = 0
    this.maximum = maximum
    this.#all = all
    this.#ring = []
    this.#head = 0
  }

  get full(): boolean {
    return this.length >= this.maximum || (this.#all.full && this.length > 0)
  }

  /** The place of a new youngest request. Not to be called when `full`: that is for the caller to tell as `unknown`. */
  push(): PendingRequest {
    if (this.length === this.#ring.length) this.#grow()
    const ring = this.#ring
    const request = ring[(this.#head + this.length) & (ring.length - 1)]!
    this.length++
    // one for each connection is bounded by their number
    if (this.length > 1) this.#all.usedBytes += PENDING_BYTES
    return request
  }

  /** The oldest, undefined when there is none. */
  first(): PendingRequest | undefined {
    return this.length === 0 ? undefined : this.#ring[this.#head]
  }

  /** The one with `index` older ones before it; undefined past the youngest. */
  at(index: number): PendingRequest | undefined {
    return index < this.length ? this.#ring[(this.#head + index) & (this.#ring.length - 1)] : undefined
  }

  /** Writes the oldest one's half of an exchange and forgets it. Not to be called when empty. */
  shiftInto(exchange: Exchange): void {
    this.#ring[this.#head]!.writeInto(exchange)
    this.drop()
  }

  /** Forgets the oldest. Not to be called when empty. */
  drop(): void {
    const request = this.#ring[this.#head]!
    // An idle connection should not hold on to the text of what it last said.
    request.command = ''
    request.key = ''
    request.request = ''
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    if (this.length > 1) this.#all.usedBytes -= PENDING_BYTES
    this.length--
    if (this.length === 0 && this.#ring.length > KEPT_RING) {
      this.#ring = []
      this.#head = 0
    }
  }

  /** A connection on which nothing was asked since `before` keeps no memory for what may come. Only when empty. */
  rest(before: Timestamp): void {
    const ring = this.#ring
    if (ring.length === 0) return
    const latest = ring[(this.#head + ring.length - 1) & (ring.length - 1)]!
    if (compareTime(latest.end, before) < 0) this.#ring = []
  }

  #grow(): void {
    const old = this.#ring
    const ring: PendingRequest[] = []
    for (let i = 0; i < old.length; i++) ring.push(old[(this.#head + i) & (old.length - 1)]!)
    const size = Math.max(SMALLEST_RING, old.length * 2)
    while (ring.length < size) ring.push(new PendingRequest())
    this.#ring = ring
    this.#head = 0
  }
}
