// Where flows only go into files, most packets of a capture are the next bytes of an established connection, or their
// acknowledgement. A run of those needs no JavaScript: fast-path.wat takes them. Connections are lent to it by the flow table,
// and blocks of memory by the file store; both have them back before they look at them.

import type { Arena } from '../core/arena.ts'
import { Timestamp } from '../core/timestamp.ts'
import type { DecodeCounters } from '../decode/counters.ts'
import { LINKTYPE_ETHERNET } from '../decode/links/ethernet.ts'
import type { FlowTable } from '../flow/flow-table.ts'
import { isPlain, type SegmentBypass, SegmentRun } from '../flow/plain-connection.ts'
import type { TrackedConnection } from '../flow/tracked-connection.ts'
import type { FlowLoans } from '../output/files/flow-loans.ts'
import type { PlainRecords } from '../savefile/savefile-format.ts'
import type { FastEntry } from './fast-path-entry.ts'
import { FastPathTable, STOPPED_BY_FULL_BLOCK, STOPPED_BY_TIME } from './fast-path-table.ts'

/** Fewer bytes of payload so far, and a connection is probably over before it was worth the while. */
const BYTES_TO_BEGIN = 4096
/** After a run that took nothing 1, 2, 4 … up to so many packets go the usual way before the next. */
const MOST_PACKETS_BETWEEN_RUNS = 8
/** The same, in its own packets, for a connection that was taken on for fewer than it was worth, or found no room. */
const PACKETS_WORTH_A_LOAN = 8
const LEAST_PACKETS_BETWEEN_LOANS = 8
const MOST_PACKETS_BETWEEN_LOANS = 1024
/** A record has no more bits for its seconds; a fraction that is more than one may carry it further. */
const LAST_SECOND = 0xffff_ffff
/** Entries count their bytes in 32 bits. */
const MOST_UNSETTLED_BYTES = 1 << 30

/** The river, as far as packets that pass it by concern it. */
export interface FastPathRiver {
  readonly counters: { packets: number; packetBytes: number }
  readonly decoder: { readonly counters: DecodeCounters }
  /** Capture time is now `t`. */
  advance(t: Timestamp): void
  /** How much of it may pass before `advance` must be called; 0: at each packet. */
  readonly microsUntilDue: number
}

/** What is known of a connection, on the fast path or not. */
interface Slot {
  /** Of the connection that it is about: the flow table uses slots again. */
  id: number
  /** Of the direction to the server; undefined while the connection goes the usual way. */
  entry: FastEntry | undefined
  /** Its packets that will go the usual way before it is taken on again, and how many those were the last time. */
  packetsToWait: number
  packetsWaited: number
}

export class FastPath implements SegmentBypass {
  readonly #arena: Arena
  readonly #flows: FlowTable
  readonly #loans: FlowLoans
  readonly #river: FastPathRiver
  /** Made when there is the first connection for it. */
  #table: FastPathTable | undefined = undefined
  #connections = 0
  /** By the connection's slot. */
  readonly #slots: Slot[] = []
  readonly #toServer = new SegmentRun()
  readonly #toClient = new SegmentRun()
  readonly #time = new Timestamp()
  #nanosPerTick = 1
  #packetsToWait = 0
  /** The next packet goes the usual way whatever it is. */
  #waits = false
  #packetsBetweenRuns = 0
  #unsettledBytes = 0

  /** `arena`: with room for FAST_PATH_BYTES. It is the table's bypass from now on. */
  constructor(arena: Arena, flows: FlowTable, loans: FlowLoans, river: FastPathRiver) {
    this.#arena = arena
    this.#flows = flows
    this.#loans = loans
    this.#river = river
    flows.bypass = this
  }

  /** Takes what it can of the records that come next. Call it before each that is about to go the usual way. */
  run(records: PlainRecords): void {
    if (records.linkType !== LINKTYPE_ETHERNET) return
    if (records.nanosPerTick !== this.#nanosPerTick) {
      this.settle()
      this.#nanosPerTick = records.nanosPerTick
    }
    const c = this.#flows.latestConnection
    if (c !== undefined && !c.bypassed && !this.#mustWait(c)) this.#begin(c)
    if (this.#connections === 0) return
    this.#waits = this.#packetsToWait > 0
    if (this.#waits) {
      this.#packetsToWait--
      return
    }
    const base = this.#arena.addressOf(records.window.buf)
    if (base >= 0 && this.#takeRecords(this.#table!, records, base)) {
      this.#packetsBetweenRuns = 0
    } else {
      this.#packetsBetweenRuns = Math.min(this.#packetsBetweenRuns * 2 || 1, MOST_PACKETS_BETWEEN_RUNS)
      this.#packetsToWait = this.#packetsBetweenRuns
    }
  }

  settle(): void {
    this.#unsettledBytes = 0
    for (const entry of this.#table?.takeDirty() ?? []) this.#tell(entry)
  }

  giveBack(c: TrackedConnection): void {
    const slot = this.#slots[c.slot]!
    const toServer = slot.entry!
    const toClient = toServer.peer!
    if (toServer.packets + toClient.packets > 0) this.#tell(toServer)
    toServer.giveBack()
    toClient.giveBack()
    if (toServer.packetsTaken + toClient.packetsTaken >= PACKETS_WORTH_A_LOAN) slot.packetsWaited = 0
    else if (!this.#waits) this.#refuse(slot)
    toServer.end()
    toClient.end()
    slot.entry = undefined
    this.#connections--
    c.bypassed = false
  }

  /** Not again for a while. */
  #refuse(slot: Slot): void {
    const packets = Math.max(LEAST_PACKETS_BETWEEN_LOANS, slot.packetsWaited * 2)
    slot.packetsWaited = Math.min(packets, MOST_PACKETS_BETWEEN_LOANS)
    slot.packetsToWait = slot.packetsWaited
  }

  /** True when it took any. */
  #takeRecords(table: FastPathTable, records: PlainRecords, base: number): boolean {
    const { window } = records
    const before = window.packetCount
    let clockKnows = before
    // a time that stopped it once and still does is for others
    for (let timeStops = 0; timeStops < 2 && this.#setTimes(table); ) {
      this.#runOverFullBlocks(table, window, base)
      if (window.packetCount > clockKnows) {
        clockKnows = window.packetCount
        timeStops = 0
        this.#advance(table.latestSeconds, table.latestTicks)
      }
      if (table.stoppedBy !== STOPPED_BY_TIME) break
      timeStops++
      this.#advance(window.buf.readUInt32LE(window.start), window.buf.readUInt32LE(window.start + 4))
    }
    return window.packetCount > before
  }

  #runOverFullBlocks(table: FastPathTable, window: PlainRecords['window'], base: number): void {
    for (;;) {
      if (!table.hasRoom || this.#unsettledBytes > MOST_UNSETTLED_BYTES) this.settle()
      window.start = table.run(base + window.start, base + window.end) - base
      this.#count(table, window)
      if (table.stoppedBy !== STOPPED_BY_FULL_BLOCK) return
      this.#changeBlock(table, window.buf, base)
    }
  }

  #count(table: FastPathTable, window: PlainRecords['window']): void {
    const { counters, decoder } = this.#river
    const { packets } = table
    window.packetCount += packets
    counters.packets += packets
    counters.packetBytes += table.frameBytes
    this.#unsettledBytes += table.frameBytes
    decoder.counters.packets += packets
    decoder.counters.segments += packets
  }

  #changeBlock(table: FastPathTable, buf: Buffer, base: number): void {
    const { store } = this.#loans
    const { fullEntry, restBytes } = table
    const file = fullEntry.file!
    const rest = table.restAddress - base
    fullEntry.giveBack()
    store.takeLargeBlock(file)
    if (restBytes > 0) store.append(file, buf, rest, rest + restBytes)
    fullEntry.borrow(file)
  }

  #advance(seconds: number, ticks: number): void {
    this.#time.seconds = seconds
    this.#time.nanos = ticks * this.#nanosPerTick
    this.#river.advance(this.#time)
  }

  /** False when the clock must be asked at each packet. */
  #setTimes(table: FastPathTable): boolean {
    const micros = this.#river.microsUntilDue
    // also when it is NaN
    if (!(micros > 0)) return false
    const { seconds, nanos } = this.#flows.confirmedTime
    const limitNanos = nanos + micros * 1e3
    const carry = Math.floor(limitNanos / 1e9)
    if (seconds + carry > LAST_SECOND) return false
    const ticks = Math.floor(nanos / this.#nanosPerTick)
    const limitTicks = Math.floor((limitNanos - carry * 1e9) / this.#nanosPerTick)
    table.setTimes(this.#nanosPerTick, seconds, ticks, seconds + carry, limitTicks)
    return true
  }

  /** Takes on a connection, if it is worth the while and there is room. */
  #begin(c: TrackedConnection): void {
    if (c.toServer.bytes + c.toClient.bytes < BYTES_TO_BEGIN || !isPlain(c)) return
    const [client, server] = c.endpoints
    if (client.family !== 4 || c.place !== 0) return
    const slot = this.#slotOf(c)
    this.#table ??= new FastPathTable(this.#arena, this.#loans.store, (other) => this.giveBack(other))
    const toServer = this.#table.find(client, server)
    const toClient = toServer && this.#table.find(server, client, toServer)
    if (toServer === undefined || toClient === undefined) {
      this.#refuse(slot)
      return
    }
    toServer.begin(c, 0, toClient)
    toClient.begin(c, 1, toServer)
    toServer.borrow(this.#loans.fileOf(c, 0))
    toClient.borrow(this.#loans.fileOf(c, 1))
    slot.entry = toServer
    this.#connections++
    c.bypassed = true
  }

  #mustWait(c: TrackedConnection): boolean {
    const slot = this.#slots[c.slot]
    if (slot === undefined || slot.packetsToWait === 0 || slot.id !== c.id) return false
    slot.packetsToWait--
    return true
  }

  #slotOf(c: TrackedConnection): Slot {
    const slots = this.#slots
    while (slots.length <= c.slot) slots.push({ id: 0, entry: undefined, packetsToWait: 0, packetsWaited: 0 })
    const slot = slots[c.slot]!
    if (slot.id !== c.id) {
      slot.id = c.id
      slot.packetsToWait = 0
      slot.packetsWaited = 0
    }
    return slot
  }

  /** Tells what has passed of the entry's connection, both ways. */
  #tell(entry: FastEntry): void {
    const c = entry.connection!
    const toServer = entry.direction === 0 ? entry : entry.peer!
    const toClient = toServer.peer!
    this.#loans.addFrames(c, 0, toServer.frameBytes)
    this.#loans.addFrames(c, 1, toClient.frameBytes)
    toServer.takeRun(this.#toServer, this.#nanosPerTick)
    toClient.takeRun(this.#toClient, this.#nanosPerTick)
    this.#flows.takeRuns(c, this.#toServer, this.#toClient)
  }
}
