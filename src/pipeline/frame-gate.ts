// A bridge watched for a container that is about to (re)appear. Its link-layer addresses become known a moment after its
// first frames: those wait here, within bounds, and are let through when their addresses turn out to be wanted.

import { Packet } from '../core/packet.ts'
import { elapsedMicros } from '../core/timestamp.ts'

const LINKTYPE_ETHERNET = 1
const MAXIMUM_HELD_BYTES = 4 << 20
const MAXIMUM_HELD_MICROS = 10_000_000
const DESTINATION = 0
const SOURCE = 6
const ADDRESSES_BYTES = 12

export class FrameGate {
  /** Upper 24 bits → lower 24 bits of each wanted address. */
  #wanted = new Set<number>()
  #held: Packet[] = []
  #heldBytes = 0

  /**
   * From now on these addresses (`02:42:ac:11:00:02`) count. Returns what was held of those that are new, oldest first:
   * copies, the caller's to keep.
   */
  want(addresses: readonly string[]): Packet[] {
    const added = new Set(addresses.map(addressNumber).filter((each) => !this.#wanted.has(each)))
    this.#wanted = new Set(addresses.map(addressNumber))
    if (added.size === 0) return []
    const released = this.#held.filter((packet) => isOf(packet, added))
    this.#held = this.#held.filter((packet) => !released.includes(packet))
    for (const packet of released) this.#heldBytes -= packet.end - packet.start
    return released
  }

  /** True: it counts now. False: it is none of ours, as far as is known; a copy of it waits. */
  passes(packet: Packet): boolean {
    if (packet.linkType !== LINKTYPE_ETHERNET) return true
    if (this.#wanted.size > 0 && isOf(packet, this.#wanted)) return true
    this.#hold(packet)
    return false
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
    this.#heldBytes += copy.end
    let expired = 0
    for (const old of this.#held) {
      const fresh = elapsedMicros(old.time, packet.time) < MAXIMUM_HELD_MICROS
      if (fresh && this.#heldBytes <= MAXIMUM_HELD_BYTES) break
      this.#heldBytes -= old.end
      expired++
    }
    // In steps: taking one from the front of a long array moves all the others.
    if (expired > 0) this.#held.splice(0, expired)
  }
}

/** 48 bits fit a number. */
function addressNumber(address: string): number {
  return Number.parseInt(address.replaceAll(':', ''), 16)
}

function isOf({ buf, start, end }: Packet, wanted: ReadonlySet<number>): boolean {
  if (end - start < ADDRESSES_BYTES) return false
  return wanted.has(numberAt(buf, start + DESTINATION)) || wanted.has(numberAt(buf, start + SOURCE))
}

function numberAt(buf: Buffer, at: number): number {
  const high = (buf[at]! << 16) | (buf[at + 1]! << 8) | buf[at + 2]!
  const low = (buf[at + 3]! << 16) | (buf[at + 4]! << 8) | buf[at + 5]!
  return high * 0x1000000 + low
}
