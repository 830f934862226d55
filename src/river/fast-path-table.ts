// What fast-path.wat works on: a header with what it is told and tells, and entries to be found by addresses and ports.

import type { Arena } from '../core/arena.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { TrackedConnection } from '../flow/tracked-connection.ts'
import type { FileStore } from '../output/files/file-store.ts'
import { ENTRY_SHIFT, FastEntry } from './fast-path-entry.ts'
import { FAST_PATH_MODULE_BASE64 } from './fast-path-wasm.ts'

// Why `run` stopped; anything else: the next record is for others, or is not there yet.
/** The time of the next record is before the latest, or not before the limit. */
export const STOPPED_BY_TIME = 1
/** The block of `fullEntry` is full, and the rest of the latest record's payload is for others. */
export const STOPPED_BY_FULL_BLOCK = 2

const ENTRIES = 16_384
const HEADER_BYTES = 128
/** Each entry once, and once more for each that was given back and came again meanwhile. */
const DIRTY_ENTRIES = 2 * ENTRIES
const ALIGNMENT = 128

/** Room in the arena for a table. */
export const FAST_PATH_BYTES = HEADER_BYTES + DIRTY_ENTRIES * 4 + (ENTRIES << ENTRY_SHIFT) + ALIGNMENT

// Words of the header.
const TICKS_PER_SECOND = 0
const LATEST = 1 // and ticks
const LIMIT = 3 // and ticks
const WHY = 5
const PACKETS = 6
const FRAME_BYTES = 7
const ENTRIES_ADDRESS = 8
const DIRTY_ADDRESS = 9
const FULL_ENTRY = 10
const REST_ADDRESS = 11
const REST_BYTES = 12
const KEY = 14 // three words, for `home`

interface Kernel {
  run(header: number, start: number, end: number): number
  home(entries: number, key: number): number
}

export class FastPathTable {
  /** All of the arena. */
  readonly #words: Int32Array
  readonly #kernel: Kernel
  readonly #header: number
  readonly #dirty: number
  readonly #firstEntry: number
  readonly #store: FileStore
  readonly #giveUp: (c: TrackedConnection) => void
  /** Made when first looked at. */
  readonly #entries: (FastEntry | undefined)[] = new Array(ENTRIES).fill(undefined)

  /** `giveUp`: makes a connection's entries free, when somebody else wants the place of one. */
  constructor(arena: Arena, store: FileStore, giveUp: (c: TrackedConnection) => void) {
    const start = arena.addressOf(arena.allocate(FAST_PATH_BYTES))
    this.#kernel = arena.instantiate<Kernel>(FAST_PATH_MODULE_BASE64)
    this.#words = new Int32Array(arena.memory.buffer)
    this.#header = Math.ceil(start / ALIGNMENT) * ALIGNMENT
    this.#dirty = this.#header + HEADER_BYTES
    this.#firstEntry = this.#dirty + DIRTY_ENTRIES * 4
    this.#set(ENTRIES_ADDRESS, this.#firstEntry)
    this.#set(DIRTY_ADDRESS, this.#dirty)
    this.#store = store
    this.#giveUp = giveUp
  }

  /**
   * Takes records between two addresses, of a time from the latest on and before the limit. Returns the address of the first
   * that was not taken; the getters below are of the latest run.
   */
  run(start: number, end: number): number {
    return this.#kernel.run(this.#header, start, end)
  }

  /** The latest time so far and the limit, each in seconds and ticks. */
  setTimes(nanosPerTick: number, latest: number, latestTicks: number, limit: number, limitTicks: number): void {
    this.#set(TICKS_PER_SECOND, 1e9 / nanosPerTick)
    this.#set(LATEST, latest)
    this.#set(LATEST + 1, latestTicks)
    this.#set(LIMIT, limit)
    this.#set(LIMIT + 1, limitTicks)
  }

  get stoppedBy(): number {
    return this.#get(WHY)
  }

  get packets(): number {
    return this.#get(PACKETS)
  }

  get frameBytes(): number {
    return this.#get(FRAME_BYTES)
  }

  /** Of the latest record taken, or as it was set. */
  get latestSeconds(): number {
    return this.#get(LATEST) >>> 0
  }

  get latestTicks(): number {
    return this.#get(LATEST + 1)
  }

  get fullEntry(): FastEntry {
    return this.#entryAt(this.#get(FULL_ENTRY))
  }

  /** What of the latest record's payload was left over. */
  get restAddress(): number {
    return this.#get(REST_ADDRESS)
  }

  get restBytes(): number {
    return this.#get(REST_BYTES)
  }

  /** False: before the next run `takeDirty` must be called. */
  get hasRoom(): boolean {
    return this.#get(DIRTY_ADDRESS) - this.#dirty <= (DIRTY_ENTRIES - ENTRIES) * 4
  }

  /** The entries to the server of connections that packets came for since the last time, the one silent longest first. */
  takeDirty(): FastEntry[] {
    const end = this.#get(DIRTY_ADDRESS)
    this.#set(DIRTY_ADDRESS, this.#dirty)
    const entries = new Set<FastEntry>()
    for (let at = this.#dirty; at < end; at += 4) {
      const entry = this.#entryAt(this.#words[at >> 2]!)
      // or it has been given back meanwhile
      if (entry.connection !== null && entry.packets > 0) entries.add(entry.direction === 0 ? entry : entry.peer!)
    }
    const ticksPerSecond = this.#get(TICKS_PER_SECOND)
    return [...entries].sort((a, b) => a.latestTicks(ticksPerSecond) - b.latestTicks(ticksPerSecond))
  }

  /**
   * An entry for segments from `source` to `destination`, with its key: a free one, or that of a connection that nothing came
   * for lately, which is given up. undefined: there is no room. `besides` is not taken.
   */
  find(source: Endpoint, destination: Endpoint, besides?: FastEntry): FastEntry | undefined {
    const from = swap32(source.word3)
    const to = swap32(destination.word3)
    const ports = swap32((source.port << 16) | destination.port)
    this.#set(KEY, from)
    this.#set(KEY + 1, to)
    this.#set(KEY + 2, ports)
    const home = this.#kernel.home(this.#firstEntry, this.#header + KEY * 4)
    const entry =
      this.#freeOne(home, besides) ??
      this.#freeOne(home ^ (1 << ENTRY_SHIFT), besides) ??
      this.#idleOne(home, besides) ??
      this.#idleOne(home ^ (1 << ENTRY_SHIFT), besides)
    entry?.setKey(from, to, ports)
    return entry
  }

  #freeOne(address: number, besides: FastEntry | undefined): FastEntry | undefined {
    const entry = this.#entryAt(address)
    return entry.connection === null && entry !== besides ? entry : undefined
  }

  #idleOne(address: number, besides: FastEntry | undefined): FastEntry | undefined {
    const entry = this.#entryAt(address)
    if (entry === besides || entry.connection === null) return undefined
    const idle = !entry.recent && entry.packets === 0 && !entry.peer!.recent && entry.peer!.packets === 0
    entry.recent = false
    entry.peer!.recent = false
    if (!idle) return undefined
    this.#giveUp(entry.connection)
    return entry
  }

  #entryAt(address: number): FastEntry {
    const index = (address - this.#firstEntry) >> ENTRY_SHIFT
    const entry = this.#entries[index] ?? new FastEntry(this.#words, address, this.#store)
    this.#entries[index] = entry
    return entry
  }

  #get(word: number): number {
    return this.#words[(this.#header >> 2) + word]!
  }

  #set(word: number, value: number): void {
    this.#words[(this.#header >> 2) + word] = value
  }
}

function swap32(x: number): number {
  return (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24)
}
