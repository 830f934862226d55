// `--udp`: datagrams as streams. All datagrams between two ends are one connection; there is a limit to their number.

import { type CloseReason, Connection, type Direction, Stream } from '../../core/connection.ts'
import type { DatagramConsumer, StreamConsumer } from '../../core/consumers.ts'
import { Endpoint } from '../../core/endpoint.ts'
import type { Packet } from '../../core/packet.ts'
import type { Datagram } from '../../core/segment.ts'
import { Timestamp } from '../../core/timestamp.ts'
import { RecencyList } from './recency-list.ts'

/** Beyond the limit the connection that was silent longest is closed; if it speaks again it is a new one. */
const MAXIMUM_CONNECTIONS = 16_384

class UdpConnection extends Connection {
  hash = 0
  /** The next entry with the same hash. */
  next: UdpConnection | null = null
  newer: UdpConnection | null = null
  older: UdpConnection | null = null

  /** True when the datagram is between these two ends, either way. */
  holds(g: Datagram): boolean {
    return this.place === g.place && (this.isFrom(0, g) || this.isFrom(1, g))
  }

  isFrom(d: Direction, g: Datagram): boolean {
    const from = this.endpoints[d]
    const to = this.endpoints[d === 0 ? 1 : 0]
    return (
      from.port === g.sourcePort &&
      to.port === g.destinationPort &&
      from.word3 === g.sourceWord3 &&
      to.word3 === g.destinationWord3 &&
      from.family === g.family &&
      from.word0 === g.sourceWord0 &&
      from.word1 === g.sourceWord1 &&
      from.word2 === g.sourceWord2 &&
      to.word0 === g.destinationWord0 &&
      to.word1 === g.destinationWord1 &&
      to.word2 === g.destinationWord2
    )
  }
}

/**
 * Turns datagrams into the events of streams, in order of capture. Slots are negative (`~slot` is dense), so that they
 * differ from those of TCP connections.
 */
export class UdpConnections implements DatagramConsumer {
  readonly #consumer: StreamConsumer
  readonly #byHash = new Map<number, UdpConnection>()
  readonly #freeSlots: number[] = []
  #connections = 0
  #open = 0
  readonly #byUse = new RecencyList<UdpConnection>()
  readonly #latest = new Timestamp()

  constructor(consumer: StreamConsumer) {
    this.#consumer = consumer
  }

  onDatagram(g: Datagram, _packet: Packet): void {
    const c = this.#find(g) ?? this.#make(g)
    this.#byUse.touch(c)
    const d = c.isFrom(0, g) ? 0 : 1
    const stream = c.streams[d]
    if (stream.packets++ === 0) begin(stream, g)
    stream.lastPacketTime.set(g.time)
    c.lastPacketTime.set(g.time)
    this.#latest.set(g.time)
    const length = g.payloadEnd - g.payloadStart
    if (length > 0) {
      this.#consumer.onData(c, d, stream.offset, g.buf, g.payloadStart, g.payloadEnd, g.time)
      stream.offset += length
      stream.bytes += length
      c.lastDataTime.set(g.time)
    }
    if (g.missingBytes <= 0) return
    this.#consumer.onGap(c, d, stream.offset, g.missingBytes, 'snaplen', g.time)
    stream.offset += g.missingBytes
    stream.missingBytes += g.missingBytes
    stream.gaps++
  }

  /** Closes all that are open. */
  finish(): void {
    while (this.#byUse.oldest !== null) this.#close(this.#byUse.oldest, 'capture-ended')
  }

  #find(g: Datagram): UdpConnection | undefined {
    let c = this.#byHash.get(hashOf(g)) ?? null
    while (c !== null && !c.holds(g)) c = c.next
    return c ?? undefined
  }

  #make(g: Datagram): UdpConnection {
    if (this.#open >= MAXIMUM_CONNECTIONS) this.#close(this.#byUse.oldest!, 'evicted')
    const source = new Endpoint(g.family, g.sourceWord0, g.sourceWord1, g.sourceWord2, g.sourceWord3, g.sourcePort)
    const destination = new Endpoint(
      g.family,
      g.destinationWord0,
      g.destinationWord1,
      g.destinationWord2,
      g.destinationWord3,
      g.destinationPort,
    )
    const c = new UdpConnection(source, destination, new Stream(), new Stream())
    c.id = ++this.#connections
    c.slot = this.#freeSlots.pop() ?? ~this.#open
    c.place = g.place
    c.interfaceId = g.interfaceId
    c.vlanId = g.vlanId
    c.openTime.set(g.time)
    c.hash = hashOf(g)
    c.next = this.#byHash.get(c.hash) ?? null
    this.#byHash.set(c.hash, c)
    this.#byUse.add(c)
    this.#open++
    this.#consumer.onOpen(c, g.time)
    return c
  }

  #close(c: UdpConnection, why: CloseReason): void {
    this.#consumer.onClose(c, why, this.#latest)
    this.#byUse.remove(c)
    this.#open--
    this.#freeSlots.push(c.slot)
    const first = this.#byHash.get(c.hash)!
    if (first === c) {
      if (c.next === null) this.#byHash.delete(c.hash)
      else this.#byHash.set(c.hash, c.next)
      return
    }
    let before = first
    while (before.next !== c) before = before.next!
    before.next = c.next
  }
}

function begin(stream: Stream, g: Datagram): void {
  stream.firstPacketTime.set(g.time)
  stream.sourceMacHigh = g.sourceMacHigh
  stream.sourceMacLow = g.sourceMacLow
  stream.destinationMacHigh = g.destinationMacHigh
  stream.destinationMacLow = g.destinationMacLow
}

/** The same for both directions. Seeded, so that nobody can send datagrams that all have one hash. */
const SEED = (Math.random() * 0x100000000) | 0

function hashOf(g: Datagram): number {
  let source = mix(SEED, g.sourceWord3)
  let destination = mix(SEED, g.destinationWord3)
  if (g.family === 6) {
    source = mix(mix(mix(source, g.sourceWord0), g.sourceWord1), g.sourceWord2)
    destination = mix(mix(mix(destination, g.destinationWord0), g.destinationWord1), g.destinationWord2)
  }
  return (mix(source, g.sourcePort) + mix(destination, g.destinationPort) + g.place) | 0
}

function mix(hash: number, word: number): number {
  let h = Math.imul(hash ^ word, 0x85ebca6b)
  h ^= h >>> 15
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 13)
}
