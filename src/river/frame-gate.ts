// The gate of a bridge that is watched for a container that is about to appear. The container's link-layer addresses become
// known a moment after its first frames. Frames wait here, within bounds, and pass when their addresses turn out to be wanted.

import type { GateEntry } from '../core/gate-entry.ts'
import { Packet } from '../core/packet.ts'
import { epochMicros, type Timestamp } from '../core/timestamp.ts'
import { LINKTYPE_ETHERNET } from '../decode/links/ethernet.ts'

const MAXIMUM_HELD_BYTES = 4 << 20
/** Memory of a held frame beside its bytes. */
const OVERHEAD_BYTES = 400
const MAXIMUM_HELD_MICROS = 10_000_000
/** So many frames are dropped at the front before the array is made shorter, because that moves all the others. */
const COMPACT_AT = 1024
const DESTINATION = 0
const SOURCE = 6
const ADDRESSES_BYTES = 12

export class FrameGate {
  /** Keyed by address, as a number. */
  #wanted = new Map<number, GateEntry[]>()
  #held: Packet[] = []
  /** Index of the oldest frame that is still held. */
  #first = 0
  #heldBytes = 0

  /**
   * From now on frames of these addresses pass. Returns the held frames of theirs, oldest first: copies that the caller may
   * keep.
   */
  want(entries: readonly GateEntry[]): Packet[] {
    this.#wanted = new Map()
    for (const entry of entries) {
      const number = Number.parseInt(entry.macAddress.replaceAll(':', ''), 16)
      const same = this.#wanted.get(number)
      if (same === undefined) this.#wanted.set(number, [entry])
      else same.push(entry)
    }
    if (entries.length === 0) return []
    const released: Packet[] = []
    const kept: Packet[] = []
    for (let i = this.#first; i < this.#held.length; i++) {
      const packet = this.#held[i]!
      if (this.#counts(packet)) released.push(packet)
      else kept.push(packet)
    }
    this.#held = kept
    this.#first = 0
    for (const packet of released) this.#heldBytes -= packet.end + OVERHEAD_BYTES
    return released
  }

  /** True: the frame passes. False: as far as is known it is none of ours, and a copy of it waits. */
  passes(packet: Packet): boolean {
    if (packet.linkType !== LINKTYPE_ETHERNET) return true
    if (this.#wanted.size > 0 && this.#counts(packet)) return true
    this.#hold(packet)
    return false
  }

  #counts({ buf, start, end, time }: Packet): boolean {
    if (end - start < ADDRESSES_BYTES) return false
    return this.#isOwn(numberAt(buf, start + DESTINATION), time) || this.#isOwn(numberAt(buf, start + SOURCE), time)
  }

  #isOwn(address: number, time: Timestamp): boolean {
    const entries = this.#wanted.get(address)
    if (entries === undefined) return false
    const micros = epochMicros(time)
    return entries.some(({ sinceMicros, untilMicros }) => micros >= sinceMicros && micros <= untilMicros)
  }

  #hold(packet: Packet): void {
    const copy = new Packet()
    copy.time.set(packet.time)
    copy.linkType = packet.linkType
    copy.interfaceId = packet.interfaceId
    copy.place = packet.place
    copy.originalLength = packet.originalLength
    copy.buf = Buffer.from(packet.buf.subarray(packet.start, packet.end))
    copy.end = copy.buf.length
    this.#held.push(copy)
    this.#heldBytes += copy.end + OVERHEAD_BYTES
    const oldest = epochMicros(packet.time) - MAXIMUM_HELD_MICROS
    for (;;) {
      const old = this.#held[this.#first]!
      if (this.#heldBytes <= MAXIMUM_HELD_BYTES && epochMicros(old.time) > oldest) break
      this.#heldBytes -= old.end + OVERHEAD_BYTES
      this.#first++
      if (this.#first === this.#held.length) break
    }
    if (this.#first < COMPACT_AT || this.#first * 2 < this.#held.length) return
    this.#held.splice(0, this.#first)
    this.#first = 0
  }
}

/** 48 bits fit a number. */
function numberAt(buf: Buffer, at: number): number {
  const high = (buf[at]! << 16) | (buf[at + 1]! << 8) | buf[at + 2]!
  const low = (buf[at + 3]! << 16) | (buf[at + 4]! << 8) | buf[at + 5]!
  return high * 0x1000000 + low
}
