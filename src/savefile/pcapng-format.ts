// pcapng: blocks in sections, each section with its own byte order and interfaces (draft-ietf-opsawg-pcapng).

import type { Packet } from '../core/packet.ts'
import type { PlaceTable } from '../core/places.ts'
import type { InputWindow } from './input-window.ts'
import type { InterfaceDescription, InterfaceStatistics } from './interface.ts'
import { MAXIMUM_NAME_BLOCK_BYTES, readNames } from './name-resolution.ts'
import {
  BYTE_ORDER_MAGIC,
  ENHANCED_PACKET_BLOCK,
  INTERFACE_DESCRIPTION,
  INTERFACE_DESCRIPTION_BLOCK,
  INTERFACE_NAME,
  INTERFACE_STATISTICS_BLOCK,
  INTERFACE_TIME_OFFSET,
  INTERFACE_TIME_RESOLUTION,
  NAME_RESOLUTION_BLOCK,
  OPTION_COMMENT,
  OPTION_END,
  PACKET_BLOCK,
  SECTION_HEADER_BLOCK,
  SIMPLE_PACKET_BLOCK,
  STATISTICS_INTERFACE_DROPPED,
  STATISTICS_RECEIVED,
  STATISTICS_SYSTEM_DROPPED,
} from './pcapng-blocks.ts'
import { PcapngInterface, u32 } from './pcapng-interface.ts'
import { MAXIMUM_COMMENT_CHARACTERS, placeInComment } from './place-comment.ts'
import {
  MAXIMUM_PACKET_BYTES,
  READ_END,
  READ_NEED_INPUT,
  READ_PACKET,
  READ_STATISTICS,
  type SavefileFormat,
} from './savefile-format.ts'
import type { SavefileNames } from './savefile-names.ts'

/** Most bytes of a block that must be in memory as a whole: a packet and plenty of options. */
const MAXIMUM_BLOCK_BYTES = MAXIMUM_PACKET_BYTES + 65536
/** Every interface costs memory, and no real capture has more than this. */
const MAXIMUM_INTERFACES = 65536
/** Characters kept of a name or description. */
const MAXIMUM_TEXT = 256

export class PcapngFormat implements SavefileFormat {
  damage: string | undefined = undefined
  readonly #window: InputWindow
  readonly #packet: Packet
  readonly #statistics: InterfaceStatistics
  readonly #allInterfaces: InterfaceDescription[]
  readonly #places: PlaceTable
  readonly #names: SavefileNames | undefined
  /** Interfaces of the section, by the numbers that its blocks use. */
  #interfaces: PcapngInterface[] = []
  /** Interfaces of the section before: one that is repeated keeps its number. */
  #previousInterfaces: PcapngInterface[] = []
  #littleEndian = true
  #inSection = false
  #done = false

  constructor(
    window: InputWindow,
    packet: Packet,
    statistics: InterfaceStatistics,
    interfaces: InterfaceDescription[],
    places: PlaceTable,
    names: SavefileNames | undefined,
  ) {
    this.#window = window
    this.#packet = packet
    this.#statistics = statistics
    this.#allInterfaces = interfaces
    this.#places = places
    this.#names = names
  }

  next(): number {
    const w = this.#window
    for (;;) {
      const at = w.start
      if (at + 12 > w.end || w.skipping || this.#done) return this.#short(12)
      const b = w.buf
      const little = this.#littleEndian
      const type = u32(b, at, little)
      if (type === SECTION_HEADER_BLOCK) {
        const status = this.#readSection(at)
        if (status !== READ_PACKET) return status
        continue
      }
      const length = u32(b, at + 4, little)
      if (length < 12 || (length & 3) !== 0) return this.#badBlock(`has the impossible length ${length}`)
      if (!isUnderstood(type) && !this.#readsNames(type, length)) {
        w.skip(length)
        continue
      }
      if (length > MAXIMUM_BLOCK_BYTES) return this.#claims(type, length)
      if (at + length > w.end) return this.#short(length)
      if (u32(b, at + length - 4, little) !== length) return this.#badBlock('gives another length at its end')
      if (type === ENHANCED_PACKET_BLOCK && length >= 32) {
        // Nearly every block is one of these. Written out here, it costs a quarter less than with calls.
        const origin = this.#interfaces[u32(b, at + 8, little)]
        if (origin === undefined) return this.#noInterface(u32(b, at + 8, little))
        const captured = u32(b, at + 20, little)
        if (captured > length - 32) return this.#claimsCaptured(captured)
        const packet = this.#packet
        origin.setTime(packet.time, b, at + 12, little)
        packet.linkType = origin.linkType
        packet.interfaceId = origin.id
        packet.place = origin.place
        packet.originalLength = Math.max(u32(b, at + 24, little), captured)
        packet.buf = b
        packet.start = at + 28
        packet.end = at + 28 + captured
        w.packetCount++
        w.start = at + length
        return READ_PACKET
      }
      const status = this.#readBlock(type, at, at + length - 4)
      if (status === READ_NEED_INPUT) {
        // Nothing to hand on: an interface, names, or statistics of an unknown interface.
        w.start = at + length
        continue
      }
      if (status !== READ_END) w.start = at + length
      return status
    }
  }

  /** READ_NEED_INPUT stands for "nothing to hand on" here, READ_END for damage. `end` is where the body ends. */
  #readBlock(type: number, at: number, end: number): number {
    switch (type) {
      case ENHANCED_PACKET_BLOCK:
        return this.#badBlock('is too short for a packet')
      case PACKET_BLOCK:
        return this.#readOldPacket(at, end)
      case SIMPLE_PACKET_BLOCK:
        return this.#readSimplePacket(at, end)
      case INTERFACE_DESCRIPTION_BLOCK:
        return this.#readInterface(at, end)
      case NAME_RESOLUTION_BLOCK:
        readNames(this.#window.buf, at + 8, end, this.#littleEndian, this.#names!)
        return READ_NEED_INPUT
      default:
        return this.#readStatistics(at, end)
    }
  }

  /** The obsolete packet block: a 16-bit interface number, and a 16-bit count of drops that nobody fills in. */
  #readOldPacket(at: number, end: number): number {
    const start = at + 28
    if (end < start) return this.#badBlock('is too short for a packet')
    const interfaceNumber = this.#u16(at + 8)
    const origin = this.#interfaces[interfaceNumber]
    if (origin === undefined) return this.#noInterface(interfaceNumber)
    const captured = this.#u32(at + 20)
    if (captured > end - start) return this.#claimsCaptured(captured)
    origin.setTime(this.#packet.time, this.#window.buf, at + 12, this.#littleEndian)
    this.#setPacket(origin, captured, this.#u32(at + 24), start)
    return READ_PACKET
  }

  /**
   * A simple packet block has no time, so the time of the latest packet stays. It belongs to the section's first
   * interface.
   */
  #readSimplePacket(at: number, end: number): number {
    const origin = this.#interfaces[0]
    if (origin === undefined) return this.#noInterface(0)
    const start = at + 12
    if (end < start) return this.#badBlock('is too short for a packet')
    const original = this.#u32(at + 8)
    const limit = origin.snapshotLength === 0 ? original : Math.min(original, origin.snapshotLength)
    this.#packet.time.known = false
    this.#setPacket(origin, Math.min(limit, end - start), original, start)
    return READ_PACKET
  }

  #setPacket(origin: PcapngInterface, captured: number, original: number, start: number): void {
    const packet = this.#packet
    packet.linkType = origin.linkType
    packet.interfaceId = origin.id
    packet.place = origin.place
    packet.originalLength = Math.max(original, captured)
    packet.buf = this.#window.buf
    packet.start = start
    packet.end = start + captured
    this.#window.packetCount++
  }

  /** READ_PACKET when the section is entered. */
  #readSection(at: number): number {
    const w = this.#window
    const magic = w.buf.readUInt32LE(at + 8)
    if (magic === BYTE_ORDER_MAGIC) this.#littleEndian = true
    else if (w.buf.readUInt32BE(at + 8) === BYTE_ORDER_MAGIC) this.#littleEndian = false
    else return this.#badBlock('begins a section without a byte-order magic')
    const length = this.#u32(at + 4)
    if (length < 28 || (length & 3) !== 0) return this.#badBlock(`has the impossible length ${length}`)
    if (at + 16 > w.end) return this.#short(16)
    const major = this.#u16(at + 12)
    if (major !== 1) return this.#badBlock(`begins a section of pcapng version ${major}, which is unknown`)
    // Its options say nothing that we need, and its section length may be unknown: each block tells its own length.
    w.skip(length)
    if (this.#interfaces.length > 0) this.#previousInterfaces = this.#interfaces
    this.#interfaces = []
    this.#inSection = true
    return READ_PACKET
  }

  #readInterface(at: number, end: number): number {
    if (end - at < 16) return this.#badBlock('is too short for an interface')
    const linkType = this.#u16(at + 8)
    const snapshotLength = this.#u32(at + 12)
    let name = ''
    let description = ''
    let placeName: string | undefined
    let resolution = 6
    let offsetSeconds = 0
    for (let option = at + 16; option + 4 <= end; ) {
      const code = this.#u16(option)
      const length = this.#u16(option + 2)
      const value = option + 4
      if (code === OPTION_END || value + length > end) break
      if (code === INTERFACE_NAME) name = this.#text(value, length)
      else if (code === INTERFACE_DESCRIPTION) description = this.#text(value, length)
      else if (code === OPTION_COMMENT) {
        placeName ??= placeInComment(this.#text(value, length, MAXIMUM_COMMENT_CHARACTERS))
      } else if (code === INTERFACE_TIME_RESOLUTION && length >= 1) resolution = this.#window.buf[value]!
      else if (code === INTERFACE_TIME_OFFSET && length >= 8) offsetSeconds = this.#i64(value)
      option = value + ((length + 3) & ~3)
    }
    const place = this.#places.numberOf(placeName ?? '')
    // if the table has no room for a place, it is place 0 and has no name
    const found = { linkType, snapshotLength, name, description, place, placeName: this.#places.nameOf(place) }
    const id = this.#register(found)
    if (id < 0) return this.#badBlock(`describes one interface too many: ${MAXIMUM_INTERFACES} are there already`)
    this.#interfaces.push(new PcapngInterface(id, linkType, snapshotLength, place, resolution, offsetSeconds))
    return READ_NEED_INPUT
  }

  /**
   * The number for an interface: if the section before had the same interface at the same position, the same number.
   */
  #register(found: InterfaceDescription): number {
    const before = this.#previousInterfaces[this.#interfaces.length]
    const known = before === undefined ? undefined : this.#allInterfaces[before.id]
    if (
      before !== undefined &&
      known !== undefined &&
      known.linkType === found.linkType &&
      known.snapshotLength === found.snapshotLength &&
      known.name === found.name &&
      known.place === found.place &&
      known.description === found.description
    ) {
      return before.id
    }
    // A section may repeat interfaces without end, so those count too.
    if (Math.max(this.#allInterfaces.length, this.#interfaces.length) >= MAXIMUM_INTERFACES) return -1
    return this.#allInterfaces.push(found) - 1
  }

  #readsNames(type: number, length: number): boolean {
    return type === NAME_RESOLUTION_BLOCK && this.#names !== undefined && length <= MAXIMUM_NAME_BLOCK_BYTES
  }

  #readStatistics(at: number, end: number): number {
    const origin = end - at < 20 ? undefined : this.#interfaces[this.#u32(at + 8)]
    if (origin === undefined) return READ_NEED_INPUT
    const statistics = this.#statistics
    statistics.interfaceId = origin.id
    origin.setTime(statistics.time, this.#window.buf, at + 12, this.#littleEndian)
    let received = -1
    let interfaceDropped = -1
    let systemDropped = -1
    for (let option = at + 20; option + 4 <= end; ) {
      const code = this.#u16(option)
      const length = this.#u16(option + 2)
      const value = option + 4
      if (code === OPTION_END || value + length > end) break
      if (length === 8) {
        if (code === STATISTICS_RECEIVED) received = this.#u64(value)
        else if (code === STATISTICS_INTERFACE_DROPPED) interfaceDropped = this.#u64(value)
        else if (code === STATISTICS_SYSTEM_DROPPED) systemDropped = this.#u64(value)
      }
      option = value + ((length + 3) & ~3)
    }
    statistics.received = received
    // dumpcap writes the kernel's drops as the interface's drops, and no others.
    statistics.dropped = systemDropped >= 0 ? systemDropped : interfaceDropped
    statistics.interfaceDropped = systemDropped >= 0 ? interfaceDropped : -1
    return READ_STATISTICS
  }

  #short(need: number): number {
    const w = this.#window
    if (this.#done) return READ_END
    if (!w.ended) {
      w.need = w.skipping ? 1 : need
      return READ_NEED_INPUT
    }
    this.#done = true
    if (w.skipping) this.damage = `truncated in a block before byte ${w.offset}`
    else if (w.start < w.end) this.damage = `truncated in ${this.#what(need)} at byte ${w.offset}`
    return READ_END
  }

  /** Describes the block at the window's start, as far as it is there. */
  #what(need: number): string {
    const w = this.#window
    if (need <= 16 || w.end - w.start < 8 || !isPacket(this.#u32(w.start))) return 'a block'
    return `packet ${w.packetCount + 1}`
  }

  #badBlock(how: string): number {
    const w = this.#window
    this.#done = true
    const where = this.#inSection && isPacket(this.#u32(w.start)) ? `packet ${w.packetCount + 1}` : 'the block'
    this.damage = `${where} at byte ${w.offset} ${how}`
    return READ_END
  }

  #claims(type: number, length: number): number {
    const overhead = type === SIMPLE_PACKET_BLOCK ? 16 : 32
    return this.#badBlock(`claims ${isPacket(type) ? length - overhead : length} bytes`)
  }

  #claimsCaptured(captured: number): number {
    return this.#badBlock(`claims ${captured} bytes, more than its block has`)
  }

  #noInterface(interfaceNumber: number): number {
    return this.#badBlock(
      `is of interface ${interfaceNumber}, but ${this.#interfaces.length} are described before it in its section`,
    )
  }

  #u16(at: number): number {
    const b = this.#window.buf
    return this.#littleEndian ? b[at]! | (b[at + 1]! << 8) : (b[at]! << 8) | b[at + 1]!
  }

  #u32(at: number): number {
    return u32(this.#window.buf, at, this.#littleEndian)
  }

  /** As a double: counters above 2^53 lose their last digits. */
  #u64(at: number): number {
    const high = this.#u32(this.#littleEndian ? at + 4 : at)
    return high * 4294967296 + this.#u32(this.#littleEndian ? at : at + 4)
  }

  #i64(at: number): number {
    const high = this.#u32(this.#littleEndian ? at + 4 : at) | 0
    return high * 4294967296 + this.#u32(this.#littleEndian ? at : at + 4)
  }

  #text(at: number, length: number, maximum = MAXIMUM_TEXT): string {
    return this.#window.buf
      .toString('utf8', at, at + Math.min(length, 4 * maximum))
      .replace(/\0+$/, '')
      .slice(0, maximum)
  }
}

function isPacket(type: number): boolean {
  return type === ENHANCED_PACKET_BLOCK || type === PACKET_BLOCK || type === SIMPLE_PACKET_BLOCK
}

function isUnderstood(type: number): boolean {
  return isPacket(type) || type === INTERFACE_DESCRIPTION_BLOCK || type === INTERFACE_STATISTICS_BLOCK
}
