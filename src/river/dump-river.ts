// The river (docs/architecture.md): every packet of every input goes from here through decoding and reassembly to the sinks.

import type {
  ClockConsumer,
  DatagramConsumer,
  NetworkEventConsumer,
  PacketConsumer,
  RawSegmentConsumer,
  Sink,
} from '../core/consumers.ts'
import type { Packet } from '../core/packet.ts'
import type { Messages } from '../core/ports.ts'
import type { Arp, Datagram, IcmpError, Segment } from '../core/segment.ts'
import { elapsedMicros, Timestamp } from '../core/timestamp.ts'
import { Turns } from '../core/turns.ts'
import { Decoder } from '../decode/decoder.ts'
import { describeLinkType, linkTypeName } from '../decode/link-types.ts'
import { DuplicateFilter } from '../flow/duplicates.ts'
import type { FlowTable } from '../flow/flow-table.ts'
import type { InterfaceDescription, InterfaceStatistics } from '../savefile/interface.ts'
import type { Feed, River } from './feed.ts'
import { PacedFlush } from './flush-pace.ts'

/** How far capture time moves between two calls of onClock. */
const CLOCK_STEP_MICROS = 50_000

const DROPS_TOLD_EVERY_MICROS = 10_000_000
const LINKTYPE_LINUX_SLL = 113
const LINKTYPE_LINUX_SLL2 = 276

/** Saves packets and the statistics between them (`-w`). */
export interface CaptureSaver extends PacketConsumer {
  /** Describes interface `id`. Called before the interface's first packet or statistics. */
  onInterface(id: number, description: InterfaceDescription): void
  onStatistics(statistics: InterfaceStatistics): void
  /**
   * Called when no input could be read at all. No file is written, an earlier one stays as it was, and `finish` does nothing.
   */
  discard(): void
}

/** Decides which packets of a file count (a BPF expression). */
export interface PacketFilter {
  matches(packet: Packet): boolean
}

/** Wants to hear of packets that do not flow: dropped by the kernel of a live capture, or copies of what was seen before. */
export interface DropListener {
  noteKernelDrops(packets: number): void
  noteDuplicate?(): void
}

/** Everything that hangs on the river; a missing part is undefined or an empty list. */
export interface RiverParts {
  readonly messages: Messages
  readonly unwrapTunnels: boolean
  readonly table: FlowTable
  readonly filter: PacketFilter | undefined
  readonly savers: readonly CaptureSaver[]
  readonly rawSegments: readonly RawSegmentConsumer[]
  readonly datagrams: readonly DatagramConsumer[]
  readonly events: readonly NetworkEventConsumer[]
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
  /** A sink's output is gone (disk full, closed pipe): there is no point in reading on. */
  outputFailed = false
  /** The capture time now. */
  readonly clock = new Timestamp()
  readonly #parts: RiverParts
  readonly #lastStep = new Timestamp()
  /** Interfaces of all feeds have one numbering: see #interfaceOf. */
  readonly #interfaceIds = new Map<string, number>()
  #nextInterfaceId = 0
  readonly #idsByFeed = new WeakMap<Feed, number[]>()
  #ids: number[] = []
  #idsOf: Feed | undefined
  #linkType = -1
  #linkTypeSupported = false
  #copiesOnOneInterface: DuplicateFilter | undefined
  #copiesOfInterfaces: DuplicateFilter | undefined
  #duplicates: DuplicateFilter | undefined
  readonly #refusedLinkTypes = new Set<number>()
  readonly #dropsByFeed = new WeakMap<Feed, number[]>()
  #dropsTold = 0
  readonly #dropsToldAt = new Timestamp(Number.NEGATIVE_INFINITY)
  readonly #turns = new Turns()
  #liveFeeds = 0
  readonly #pacedFlush = new PacedFlush(() => this.flush())

  constructor(parts: RiverParts) {
    this.#parts = parts
    this.decoder = new Decoder(this, { unwrapTunnels: parts.unwrapTunnels })
  }

  /** `feeds` live captures run at once, so output is written soon. 0: they have ended. */
  setLive(feeds: number): void {
    this.#liveFeeds = feeds
    if (feeds === 0) this.#pacedFlush.end()
  }

  onPacket(feed: Feed, packet: Packet): void {
    const parts = this.#parts
    this.advance(packet.time)
    if (parts.filter !== undefined && !parts.filter.matches(packet)) {
      this.counters.filtered++
      return
    }
    this.counters.packets++
    this.counters.packetBytes += packet.originalLength
    packet.interfaceId = this.#interfaceOf(feed, packet.interfaceId)
    if (packet.linkType !== this.#linkType) this.#onLinkType(packet.linkType, feed)
    for (const saver of parts.savers) saver.onPacket(packet)
    if (this.#linkTypeSupported) this.decoder.decode(packet)
  }

  onStatistics(feed: Feed): void {
    const { statistics, interfaces } = feed.reader
    this.advance(statistics.time)
    if (interfaces[statistics.interfaceId] === undefined) return
    this.#countDrops(feed, statistics)
    statistics.interfaceId = this.#interfaceOf(feed, statistics.interfaceId)
    for (const saver of this.#parts.savers) saver.onStatistics(statistics)
  }

  // --- what the decoder calls ---

  onSegment(segment: Segment, packet: Packet): void {
    if (this.#duplicates?.isDuplicate(segment)) {
      this.#noteDuplicate()
      return
    }
    for (const consumer of this.#parts.rawSegments) consumer.onRawSegment(segment, packet)
    this.#parts.table.onSegment(segment, packet)
  }

  onDatagram(datagram: Datagram, packet: Packet): void {
    const { datagrams } = this.#parts
    if (datagrams.length === 0) return
    if (this.#duplicates?.isDuplicateDatagram(datagram)) this.#noteDuplicate()
    else for (const consumer of datagrams) consumer.onDatagram(datagram, packet)
  }

  #noteDuplicate(): void {
    this.counters.duplicates++
    for (const listener of this.#parts.drops) listener.noteDuplicate?.()
  }

  onIcmpError(error: IcmpError): void {
    this.#parts.table.onIcmpError(error)
    for (const consumer of this.#parts.events) consumer.onIcmpError(error)
  }

  onArp(arp: Arp): void {
    for (const consumer of this.#parts.events) consumer.onArp(arp)
  }

  pause(willWait: boolean): Promise<void> | undefined {
    const live = willWait && this.#liveFeeds > 0
    const flushed = live ? this.#pacedFlush.onPause(performance.now(), this.counters.packets) : undefined
    const waiting = flushed ?? this.#drainBlocked()
    if (waiting !== undefined) return waiting
    if (!this.#turns.due) return undefined
    this.#parts.onTurn?.()
    return this.#turns.take()
  }

  flush(): Promise<void> | undefined {
    for (const sink of this.#parts.sinks) sink.flush()
    return this.#drainBlocked()
  }

  #drainBlocked(): Promise<void> | undefined {
    for (const sink of this.#parts.sinks) if (sink.blocked) return this.#drain()
    return undefined
  }

  async #drain(): Promise<void> {
    try {
      for (const sink of this.#parts.sinks) if (sink.blocked) await sink.drain()
    } catch (error) {
      this.outputFailed = true
      throw error
    }
  }

  /** Capture time is now `time`. */
  advance(time: Timestamp): void {
    this.clock.set(time)
    this.#parts.table.advance(time)
    const confirmed = this.#parts.table.confirmedTime
    const micros = elapsedMicros(this.#lastStep, confirmed)
    if (micros >= 0 && micros < CLOCK_STEP_MICROS) return
    this.#lastStep.set(confirmed)
    for (const consumer of this.#parts.clocks) consumer.onClock(confirmed)
  }

  /** The run's number for a feed's interface: files read one after the other share those that look the same. */
  #interfaceOf(feed: Feed, localId: number): number {
    if (feed !== this.#idsOf) {
      this.#idsOf = feed
      this.#ids = this.#idsByFeed.get(feed) ?? []
      this.#idsByFeed.set(feed, this.#ids)
    }
    return this.#ids[localId] ?? this.#numberInterface(feed, localId)
  }

  #numberInterface(feed: Feed, localId: number): number {
    const description = feed.reader.interfaces[localId]!
    const key = keyOf(feed.reader, localId)
    let id = this.#interfaceIds.get(key)
    if (id === undefined) {
      id = this.#nextInterfaceId++
      this.#interfaceIds.set(key, id)
      for (const saver of this.#parts.savers) saver.onInterface(id, description)
      this.#chooseDuplicateFilter(feed)
    }
    this.#ids[localId] = id
    return id
  }

  /** A capture has ended for good. A container's interface never comes again; in a savefile its number stays. */
  forget({ reader }: Feed): void {
    if (this.#parts.savers.length > 0) return
    for (let id = 0; id < reader.interfaces.length; id++) this.#interfaceIds.delete(keyOf(reader, id))
  }

  /** Copies of one packet come where several interfaces were captured, or `any`, whose link type is Linux cooked. */
  #chooseDuplicateFilter(feed: Feed): void {
    const interfaces = Math.max(this.#interfaceIds.size, feed.reader.interfaces.length, this.#liveFeeds)
    const cooked = this.#linkType === LINKTYPE_LINUX_SLL || this.#linkType === LINKTYPE_LINUX_SLL2
    if (cooked) this.#duplicates = this.#copiesOnOneInterface ??= new DuplicateFilter({ sameInterface: true })
    else if (interfaces > 1) {
      this.#duplicates = this.#copiesOfInterfaces ??= new DuplicateFilter({ sameInterface: false })
    } else this.#duplicates = undefined
  }

  #onLinkType(linkType: number, feed: Feed): void {
    this.#linkType = linkType
    this.#linkTypeSupported = linkTypeName(linkType) !== undefined
    this.#chooseDuplicateFilter(feed)
    if (this.#linkTypeSupported || this.#refusedLinkTypes.has(linkType)) return
    this.#refusedLinkTypes.add(linkType)
    this.failed = true
    this.#parts.messages.error(
      `${feed.source.name}: link type ${describeLinkType(linkType)} is not supported, its packets are left out`,
      'capture on an Ethernet, Linux cooked (any) or raw IP interface; all link types: https://www.tcpdump.org/linktypes.html',
    )
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
    if (dropped === 0) return
    for (const listener of this.#parts.drops) listener.noteKernelDrops(dropped)
    this.#tellDrops(statistics.time)
  }

  /** Told at the first drop and then now and again, while the operator can still narrow the filter. */
  #tellDrops(time: Timestamp): void {
    const { kernelDrops } = this.counters
    if (kernelDrops === this.#dropsTold || elapsedMicros(this.#dropsToldAt, time) < DROPS_TOLD_EVERY_MICROS) return
    this.#parts.messages.info(
      `${kernelDrops - this.#dropsTold} packets dropped by the kernel: they come faster than they are read, a narrower filter or a larger --buffer-size helps`,
    )
    this.#dropsTold = kernelDrops
    this.#dropsToldAt.set(time)
  }
}

function keyOf({ interfaces }: Feed['reader'], id: number): string {
  const { linkType, snapshotLength, name, place } = interfaces[id]!
  return `${id} ${linkType} ${snapshotLength} ${place} ${name}`
}
