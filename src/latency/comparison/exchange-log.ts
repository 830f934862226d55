// One capture's exchanges, kept to be compared with another capture's: what was asked and answered, and when, connection by
// connection. Addresses are not compared, because NAT changes them. Packets are not either, because offload cuts them
// differently.

import type { ExchangeStatus } from '../../core/exchange.ts'
import type { ExchangeEnds, ExchangeHosts } from '../../core/exchange-hosts.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../../core/timed-exchange.ts'
import { epochMicros } from '../../core/timestamp.ts'

const MAXIMUM_EXCHANGES = 1_000_000

export class LoggedExchange {
  readonly fingerprint: number
  readonly protocol: string
  readonly command: string
  readonly key: string
  readonly request: string
  readonly status: ExchangeStatus
  readonly statusText: string
  readonly requestBytes: number
  readonly responseBytes: number
  /** Microseconds since 1970 by the capture's clock: first byte of the request, last byte of the response. */
  readonly startMicros: number
  readonly endMicros: number
  /** The server's own time, with the part of the network that this capture cannot tell from it. */
  readonly serverMicros: number

  constructor(timed: TimedExchange) {
    const { exchange } = timed
    this.protocol = exchange.protocol
    this.command = exchange.command
    this.key = exchange.key
    this.request = exchange.request
    this.status = exchange.status
    this.statusText = exchange.statusText
    this.requestBytes = exchange.requestBytes
    this.responseBytes = exchange.responseBytes
    this.startMicros = epochMicros(exchange.requestStart)
    this.endMicros = this.startMicros + timed.latencyMicros
    this.serverMicros = timed.serverMicros >= 0 ? timed.serverMicros : timed.firstByteMicros
    this.fingerprint = fingerprintOf(this)
  }
}

/** The exchanges of one connection, in the order in which they ended. */
export class Conversation {
  readonly ends: ExchangeEnds
  readonly exchanges: LoggedExchange[] = []
  /** A number for all of them together: equal conversations have the same. */
  signature = 0

  constructor(ends: ExchangeEnds) {
    this.ends = ends
  }
}

export class ExchangeLog implements TimedExchangeConsumer {
  readonly conversations: Conversation[] = []
  exchanges = 0
  /** Exchanges that were not kept because there were too many. */
  left = 0
  readonly #hosts: ExchangeHosts
  /** Keyed by connection id, or for datagrams by their two ends. */
  readonly #byConnection = new Map<number | ExchangeEnds, Conversation>()
  readonly #maximum: number

  constructor(hosts: ExchangeHosts, maximum = MAXIMUM_EXCHANGES) {
    this.#hosts = hosts
    this.#maximum = maximum
  }

  onTimedExchange(timed: TimedExchange): void {
    if (timed.latencyMicros < 0) return
    if (this.exchanges >= this.#maximum) {
      this.left++
      return
    }
    this.exchanges++
    const ends = this.#hosts.of(timed.exchange)
    const key = timed.exchange.connection?.id ?? ends
    let conversation = this.#byConnection.get(key)
    if (conversation === undefined) {
      conversation = new Conversation(ends)
      this.#byConnection.set(key, conversation)
      this.conversations.push(conversation)
    }
    const logged = new LoggedExchange(timed)
    conversation.exchanges.push(logged)
    conversation.signature = mixed(conversation.signature, logged.fingerprint)
  }
}

/** A number made of what is the same on both sides: what was asked and how it was answered, by content and size. */
function fingerprintOf(e: LoggedExchange): number {
  return hashText(`${e.protocol} ${e.status} ${e.requestBytes} ${e.responseBytes} ${e.statusText} ${e.request}`)
}

/** 53 bits: FNV-1a twice, with different primes. */
function hashText(text: string): number {
  let a = 0x811c9dc5
  let b = 0x1000193
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x5bd1e995) ^ (b >>> 15)
  }
  return (a >>> 0) * 0x200000 + ((b >>> 0) & 0x1fffff)
}

/** The order of the two matters. */
export function mixed(hash: number, next: number): number {
  const low = Math.imul((hash ^ next) | 0, 0x9e3779b1) ^ (hash >>> 7)
  const high = Math.imul(Math.floor(hash / 0x100000000) + Math.floor(next / 0x100000000) + 1, 0x85ebca6b)
  return (low >>> 0) * 0x200000 + ((high ^ (high >>> 11)) & 0x1fffff)
}
