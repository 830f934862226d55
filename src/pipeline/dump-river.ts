// The river of DESIGN: every packet of every input runs from here through decoding and reassembly down to the sinks.

import type { ClockConsumer, DatagramConsumer, PacketConsumer, Sink } from '../core/consumers.ts'
import type { Packet } from '../core/packet.ts'
import type { Messages } from '../core/ports.ts'
import type { Arp, Datagram, IcmpError, Segment } from '../core/segment.ts'
import { elapsedMicros, Timestamp } from '../core/timestamp.ts'
import { Decoder } from '../decode/decoder.ts'
import { linkTypeName } from '../decode/link-types.ts'
import type { DuplicateFilter } from '../flow/duplicates.ts'
import type { FlowTable } from '../flow/flow-table.ts'
import type { InterfaceDescription, InterfaceStatistics } from '../savefile/interface.ts'
import type { Feed, River } from './feed.ts'

/** How far capture time moves between two calls of onClock. */
const CLOCK_STEP_MICROS = 50_000
/** How long the river runs before the event loop gets a turn (signals, progress). */
const TURN_MILLIS = 40

/** Saves packets and the statistics between them (`-w`). */
export interface CaptureSaver extends PacketConsumer {
  onStatistics(statistics: InterfaceStatistics, description: InterfaceDescription): void
}

/** Decides which packets of a file count (a BPF expression). */
export interface PacketFilter {
  matches(packet: Packet): boolean
}

/** Wants to hear when the kernel dropped packets of a live capture. */
export interface DropListener {
  noteKernelDrops(packets: number): void
}

/** Everything that hangs on the river; a missing part is undefined or an empty list. */
export interface RiverParts {
  readonly messages: Messages
  readonly unwrapTunnels: boolean
  readonly table: FlowTable
  readonly filter: PacketFilter | undefined
  readonly duplicates: DuplicateFilter | undefined
  readonly savers: readonly CaptureSaver[]
  readonly datagrams: readonly DatagramConsumer[]
  readonly clocks: readonly ClockConsumer[]
  readonly drops: readonly DropListener[]
  readonly sinks: readonly Sink[]
  /** Called between chunks, a few times a second at most. */
  readonly onTurn: (() => void) | undefined
}

export class RiverCounters {
  packets = 0
  packetBytes = 0
  /** Packets that the filter turned away. */
  filtered = 0
  /** Copies of one packet, seen on several interfaces. */
  duplicates = 0
  kernelDrops = 0
  interfaceDrops = 0
}

export class DumpRiver implements River {
  readonly counters = new RiverCounters()
  readonly decoder: Decoder
  /** Something was wrong with the input: exit code 1. */
  failed = false
  stopped = false
  /** Where capture time stands. */
  readonly clock = new Timestamp()
  readonly #parts: RiverParts
  readonly #lastStep = new Timestamp()
  #knownLinkType = -1
  readonly #refusedLinkTypes = new Set<number>()
  readonly #dropsByFeed = new Map<Feed, number[]>()
  #turnedAt = performance.now()
  #live = false

  constructor(parts: RiverParts) {
    this.#parts = parts
    this.decoder = new Decoder(this, { unwrapTunnels: parts.unwrapTunnels })
  }

  /** Live input: what is shown is flushed whenever the input pauses. */
  setLive(): void {
    this.#live = true
  }

  onPacket(feed: Feed): void {
    const packet = feed.reader.packet
    const parts = this.#parts
    this.#advance(packet.time)
    if (parts.filter !== undefined && !parts.filter.matches(packet)) {
      this.counters.filtered++
      return
    }
    this.counters.packets++
    this.counters.packetBytes += packet.originalLength
    for (const saver of parts.savers) saver.onPacket(packet)
    if (packet.linkType !== this.#knownLinkType && !this.#supports(packet.linkType, feed)) return
    this.decoder.decode(packet)
  }

  onStatistics(feed: Feed): void {
    const { statistics, interfaces } = feed.reader
    this.#advance(statistics.time)
    const description = interfaces[statistics.interfaceId]
    if (description === undefined) return
    for (const saver of this.#parts.savers) saver.onStatistics(statistics, description)
    this.#countDrops(feed, statistics)
  }

  // What the decoder hands back.

  onSegment(segment: Segment, packet: Packet): void {
    const { duplicates, table } = this.#parts
    if (duplicates?.isDuplicate(segment)) this.counters.duplicates++
    else table.onSegment(segment, packet)
  }

  onDatagram(datagram: Datagram, packet: Packet): void {
    const { duplicates, datagrams } = this.#parts
    if (datagrams.length === 0) return
    if (duplicates?.isDuplicateDatagram(datagram)) this.counters.duplicates++
    else for (const consumer of datagrams) consumer.onDatagram(datagram, packet)
  }

  onIcmpError(error: IcmpError): void {
    this.#parts.table.onIcmpError(error)
  }

  onArp(_arp: Arp): void {
    // Counted by the decoder; what ARP says about silent hosts is for the diagnosis room to come.
  }

  pause(willWait: boolean): Promise<void> | undefined {
    const { sinks } = this.#parts
    if (willWait && this.#live) for (const sink of sinks) sink.flush()
    for (const sink of sinks) if (sink.blocked) return this.#drain()
    const now = performance.now()
    if (now - this.#turnedAt < TURN_MILLIS) return undefined
    this.#turnedAt = now
    this.#parts.onTurn?.()
    // A read that will be waited for gives the event loop its turn anyway.
    return willWait ? undefined : new Promise((resolve) => setImmediate(resolve))
  }

  async #drain(): Promise<void> {
    for (const sink of this.#parts.sinks) if (sink.blocked) await sink.drain()
  }

  #advance(time: Timestamp): void {
    this.clock.set(time)
    this.#parts.table.advance(time)
    const micros = elapsedMicros(this.#lastStep, time)
    if (micros >= 0 && micros < CLOCK_STEP_MICROS) return
    this.#lastStep.set(time)
    for (const consumer of this.#parts.clocks) consumer.onClock(time)
  }

  #supports(linkType: number, feed: Feed): boolean {
    if (linkTypeName(linkType) !== undefined) {
      this.#knownLinkType = linkType
      return true
    }
    if (!this.#refusedLinkTypes.has(linkType)) {
      this.#refusedLinkTypes.add(linkType)
      this.failed = true
      this.#parts.messages.error(
        `${feed.source.name}: link type ${linkType} is not supported, its packets are left out`,
        'the link types are listed at https://www.tcpdump.org/linktypes.html; capture on an Ethernet, cooked or raw IP interface',
      )
    }
    return false
  }

  /** Counters are cumulative for each interface of each feed: what counts is how far they moved. */
  #countDrops(feed: Feed, statistics: InterfaceStatistics): void {
    let seen = this.#dropsByFeed.get(feed)
    if (seen === undefined) {
      seen = []
      this.#dropsByFeed.set(feed, seen)
    }
    const at = statistics.interfaceId * 2
    const dropped = Math.max(0, statistics.dropped - (seen[at] ?? 0))
    const interfaceDropped = Math.max(0, statistics.interfaceDropped - (seen[at + 1] ?? 0))
    seen[at] = Math.max(statistics.dropped, seen[at] ?? 0)
    seen[at + 1] = Math.max(statistics.interfaceDropped, seen[at + 1] ?? 0)
    this.counters.kernelDrops += dropped
    this.counters.interfaceDrops += interfaceDropped
    if (dropped > 0) for (const listener of this.#parts.drops) listener.noteKernelDrops(dropped)
  }
}
