// A direction of a connection on the fast path, as fast-path.wat sees it: 64 bytes of the arena.

import type { Direction } from '../core/connection.ts'
import type { SegmentRun } from '../flow/plain-connection.ts'
import type { TrackedConnection } from '../flow/tracked-connection.ts'
import type { FileStore } from '../output/files/file-store.ts'
import type { BlockBorrower, StoredFile } from '../output/files/stored-file.ts'

/** An entry has 1 << ENTRY_SHIFT bytes. */
export const ENTRY_SHIFT = 6

// Words of an entry.
const SOURCE = 0
const DESTINATION = 1
const PORTS = 2
const PEER = 3
const EXPECTED = 4
const ACKNOWLEDGED = 5
const WRITE_AT = 6
const WRITE_END = 7
const ENTRY_PACKETS = 8
const ENTRY_PAYLOAD_BYTES = 9
const ENTRY_FRAME_BYTES = 10
const LAST_TIME = 11 // and ticks
const LAST_DATA_TIME = 13 // and ticks

/** Begin and end of no memory; 0 stands for no file. */
const NOWHERE = 1

/** One direction of a connection, or nothing. The bytes that it put into a file's block are told when that is given back. */
export class FastEntry implements BlockBorrower {
  /** null where free. */
  connection: TrackedConnection | null = null
  direction: Direction = 0
  peer: FastEntry | null = null
  /** null: its first bytes are for others, who will make one. */
  file: StoredFile | null = null
  /** Packets came since somebody wanted its place. */
  recent = false
  /** Since `begin`, as far as they have been told. */
  packetsTaken = 0
  readonly address: number
  readonly #words: Int32Array
  readonly #at: number
  readonly #store: FileStore
  /** Address of what is borrowed; -1: nothing is. */
  #lentAt = -1
  #askedAt = -1

  constructor(words: Int32Array, address: number, store: FileStore) {
    this.#words = words
    this.address = address
    this.#at = address >> 2
    this.#store = store
  }

  get packets(): number {
    return this.#words[this.#at + ENTRY_PACKETS]!
  }

  get frameBytes(): number {
    return this.#words[this.#at + ENTRY_FRAME_BYTES]!
  }

  /** When the latest packet of either direction came, since 1970. */
  latestTicks(ticksPerSecond: number): number {
    return Math.max(this.#ticks(ticksPerSecond), this.peer!.#ticks(ticksPerSecond))
  }

  #ticks(perSecond: number): number {
    if (this.packets === 0) return 0
    return (this.#words[this.#at + LAST_TIME]! >>> 0) * perSecond + this.#words[this.#at + LAST_TIME + 1]!
  }

  /** Takes the place of nobody; `setKey` has said whose packets it is for. */
  begin(connection: TrackedConnection, direction: Direction, peer: FastEntry): void {
    const words = this.#words
    const at = this.#at
    const stream = connection.streamOf(direction)
    this.connection = connection
    this.direction = direction
    this.peer = peer
    this.recent = true
    this.packetsTaken = 0
    words.fill(0, at + WRITE_AT, at + (1 << (ENTRY_SHIFT - 2)))
    words[at + PEER] = peer.address
    words[at + EXPECTED] = stream.expected
    words[at + ACKNOWLEDGED] = stream.acknowledged
  }

  setKey(source: number, destination: number, ports: number): void {
    const words = this.#words
    const at = this.#at
    words[at + SOURCE] = source
    words[at + DESTINATION] = destination
    words[at + PORTS] = ports
  }

  /** Its bytes have been given back, and what passed has been told. */
  end(): void {
    this.connection = null
    this.peer = null
    this.file = null
    this.#words[this.#at + PEER] = 0
  }

  /** Borrows the block of `file`. Where that has none to lend every packet with payload counts as one that has filled it. */
  borrow(file: StoredFile | undefined): void {
    if (file === undefined) return
    const block = this.#store.lend(file, this)
    this.file = file
    if (block === null) {
      this.#setRoom(NOWHERE, NOWHERE)
      return
    }
    this.#lentAt = block.address + file.filled
    this.#askedAt = this.#lentAt
    this.#setRoom(this.#lentAt, block.address + block.buf.length)
  }

  giveBack(): void {
    if (this.#lentAt < 0) return
    const bytes = this.#words[this.#at + WRITE_AT]! - this.#lentAt
    this.#lentAt = -1
    this.#setRoom(NOWHERE, NOWHERE)
    this.#store.returned(this.file!, bytes)
  }

  #setRoom(start: number, end: number): void {
    this.#words[this.#at + WRITE_AT] = start
    this.#words[this.#at + WRITE_END] = end
  }

  usedSinceAsked(): boolean {
    const writeAt = this.#words[this.#at + WRITE_AT]!
    const used = writeAt !== this.#askedAt
    this.#askedAt = writeAt
    return used
  }

  /** Puts what has passed since the last time into `run`. */
  takeRun(run: SegmentRun, nanosPerTick: number): void {
    const words = this.#words
    const at = this.#at
    run.packets = words[at + ENTRY_PACKETS]!
    run.payloadBytes = words[at + ENTRY_PAYLOAD_BYTES]!
    run.acknowledged = words[at + ACKNOWLEDGED]!
    run.lastTime.seconds = words[at + LAST_TIME]! >>> 0
    run.lastTime.nanos = words[at + LAST_TIME + 1]! * nanosPerTick
    run.lastDataTime.seconds = words[at + LAST_DATA_TIME]! >>> 0
    run.lastDataTime.nanos = words[at + LAST_DATA_TIME + 1]! * nanosPerTick
    if (run.packets > 0) this.recent = true
    this.packetsTaken += run.packets
    words[at + ENTRY_PACKETS] = 0
    words[at + ENTRY_PAYLOAD_BYTES] = 0
    words[at + ENTRY_FRAME_BYTES] = 0
  }
}
