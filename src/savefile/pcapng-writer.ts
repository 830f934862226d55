// Writes pcapng: one section, any number of interfaces, nanosecond times (draft-ietf-opsawg-pcapng).

import type { NamedAddress } from '../core/ports.ts'
import type { Timestamp } from '../core/timestamp.ts'
import type { ByteSink } from './byte-sink.ts'
import { commentOfHost } from './host-comment.ts'
import type { InterfaceDescription, InterfaceStatistics } from './interface.ts'
import { MAXIMUM_RECORD_BYTES, putRecord } from './name-resolution.ts'
import {
  BYTE_ORDER_MAGIC,
  ENHANCED_PACKET_BLOCK,
  INTERFACE_DESCRIPTION,
  INTERFACE_DESCRIPTION_BLOCK,
  INTERFACE_NAME,
  INTERFACE_STATISTICS_BLOCK,
  INTERFACE_TIME_RESOLUTION,
  NAME_RECORD_END,
  NAME_RESOLUTION_BLOCK,
  OPTION_COMMENT,
  OPTION_END,
  SECTION_APPLICATION,
  SECTION_HEADER_BLOCK,
  STATISTICS_INTERFACE_DROPPED,
  STATISTICS_RECEIVED,
  STATISTICS_SYSTEM_DROPPED,
} from './pcapng-blocks.ts'
import { commentOfPlace } from './place-comment.ts'

const TWO_32 = 4294967296
/** Nanoseconds: if_tsresol 9. */
const RESOLUTION = 9
/**
 * Where the records of a name resolution block begin, and the size of what follows them: the end record, the length.
 */
const NAMES_START = 8
const NAMES_END_BYTES = 8
/** Bytes of an option's text that are kept. */
const MAXIMUM_TEXT_BYTES = 1024

/** An interface as it is written. The number of its place means nothing to another run, so the name is written. */
export type WrittenInterface = Omit<InterfaceDescription, 'place' | 'placeName'> & { readonly placeName?: string }

/**
 * Call writeSection first, writeInterface for each interface, then packets and statistics with the numbers that
 * writeInterface gave. Keeps no packet and allocates nothing per packet; a packet makes up to three calls of the sink.
 */
export class PcapngWriter {
  /** Bytes put into the sink, for rotation by size. */
  bytesWritten = 0
  readonly #sink: ByteSink
  readonly #scratch = Buffer.alloc(4096)
  #interfaces = 0
  #high = 0
  #low = 0

  constructor(sink: ByteSink) {
    this.#sink = sink
  }

  /** Begins a section: at the start of a file, or to number interfaces anew. */
  writeSection(application = 'tcpflow', comment = ''): void {
    const b = this.#scratch
    b.writeUInt32LE(BYTE_ORDER_MAGIC, 8)
    b.writeUInt16LE(1, 12)
    b.writeUInt16LE(0, 14)
    b.fill(0xff, 16, 24) // the section's length: not known
    let at = comment === '' ? 24 : putText(b, 24, OPTION_COMMENT, comment)
    at = putText(b, at, SECTION_APPLICATION, application)
    at = putEnd(b, at)
    this.#interfaces = 0
    this.#writeBlock(SECTION_HEADER_BLOCK, at)
  }

  /** Returns the interface's number in this section: 0, 1, 2 … */
  writeInterface(description: WrittenInterface): number {
    const b = this.#scratch
    const placeName = description.placeName ?? ''
    b.writeUInt16LE(description.linkType & 0xffff, 8)
    b.writeUInt16LE(0, 10)
    b.writeUInt32LE(description.snapshotLength, 12)
    let at = 16
    if (description.name !== '') at = putText(b, at, INTERFACE_NAME, description.name)
    if (description.description !== '') at = putText(b, at, INTERFACE_DESCRIPTION, description.description)
    if (placeName !== '') at = putText(b, at, OPTION_COMMENT, commentOfPlace(placeName))
    at = putOption(b, at, INTERFACE_TIME_RESOLUTION, 1)
    b.writeUInt32LE(RESOLUTION, at - 4)
    at = putEnd(b, at)
    this.#writeBlock(INTERFACE_DESCRIPTION_BLOCK, at)
    return this.#interfaces++
  }

  /** An enhanced packet block with the packet's `buf[start..end)`. */
  writePacket(
    interfaceNumber: number,
    time: Timestamp,
    originalLength: number,
    buf: Buffer,
    start: number,
    end: number,
  ): void {
    const b = this.#scratch
    const captured = end - start
    const padding = -captured & 3
    const total = 32 + captured + padding
    this.#setTicks(time)
    putU32(b, 0, ENHANCED_PACKET_BLOCK)
    putU32(b, 4, total)
    putU32(b, 8, interfaceNumber)
    putU32(b, 12, this.#high)
    putU32(b, 16, this.#low)
    putU32(b, 20, captured)
    putU32(b, 24, originalLength)
    putU32(b, 28, 0) // as many of these as padding needs, then the length again
    putU32(b, 32, total)
    this.#sink(b, 0, 28)
    if (captured > 0) this.#sink(buf, start, end)
    this.#sink(b, 32 - padding, 36)
    this.bytesWritten += total
  }

  /** An interface statistics block: counters, and a tick of the clock. Unknown counters (-1) are left out. */
  writeStatistics(interfaceNumber: number, statistics: Omit<InterfaceStatistics, 'interfaceId'>): void {
    const b = this.#scratch
    this.#setTicks(statistics.time)
    putU32(b, 8, interfaceNumber)
    putU32(b, 12, this.#high)
    putU32(b, 16, this.#low)
    let at = 20
    if (statistics.received >= 0) at = putCounter(b, at, STATISTICS_RECEIVED, statistics.received)
    if (statistics.interfaceDropped >= 0) {
      at = putCounter(b, at, STATISTICS_INTERFACE_DROPPED, statistics.interfaceDropped)
    }
    if (statistics.dropped >= 0) at = putCounter(b, at, STATISTICS_SYSTEM_DROPPED, statistics.dropped)
    if (at > 20) at = putEnd(b, at)
    this.#writeBlock(INTERFACE_STATISTICS_BLOCK, at)
  }

  /**
   * Name resolution blocks, as many as needed. A container's address gets a block of its own, whose comment names the
   * container. Entries without a name or a valid address are left out.
   */
  writeNames(entries: Iterable<NamedAddress>): void {
    const b = this.#scratch
    let at = NAMES_START
    for (const entry of entries) {
      const comment = commentOfHost(entry)
      if (comment !== '' || at + MAXIMUM_RECORD_BYTES > b.length - NAMES_END_BYTES) at = this.#endNames(at)
      at = putRecord(entry, b, at)
      if (comment !== '') at = this.#endNames(at, comment)
    }
    this.#endNames(at)
  }

  /** Writes the block with the records so far, if there are any; returns where the records of the next block begin. */
  #endNames(at: number, comment = ''): number {
    if (at === NAMES_START) return NAMES_START
    const b = this.#scratch
    let end = putOption(b, at, NAME_RECORD_END, 0)
    if (comment !== '') end = putEnd(b, putText(b, end, OPTION_COMMENT, comment))
    this.#writeBlock(NAME_RESOLUTION_BLOCK, end)
    return NAMES_START
  }

  /** Completes the block whose body ends at `at` in the scratch with its type and both lengths. */
  #writeBlock(type: number, at: number): void {
    const b = this.#scratch
    const total = at + 4
    putU32(b, 0, type)
    putU32(b, 4, total)
    putU32(b, at, total)
    this.#sink(b, 0, total)
    this.bytesWritten += total
  }

  /** Nanoseconds since 1970 need 61 bits: the two halves are computed from 16-bit pieces, which is exact in doubles. */
  #setTicks(time: Timestamp): void {
    const upper = Math.floor(time.seconds / 65536) * 1e9
    const lower = (time.seconds % 65536) * 1e9 + time.nanos
    const low = (upper % 65536) * 65536 + lower
    this.#high = Math.floor(upper / 65536) + Math.floor(low / TWO_32)
    this.#low = low % TWO_32
  }
}

/**
 * Writes an option's header for `length` bytes, and zeros as padding after it; returns where the next option begins.
 */
function putOption(b: Buffer, at: number, code: number, length: number): number {
  const next = at + 4 + ((length + 3) & ~3)
  b.writeUInt16LE(code, at)
  b.writeUInt16LE(length, at + 2)
  b.fill(0, at + 4, next)
  return next
}

function putText(b: Buffer, at: number, code: number, text: string): number {
  const bytes = Buffer.from(text, 'utf8').subarray(0, MAXIMUM_TEXT_BYTES)
  const next = putOption(b, at, code, bytes.length)
  bytes.copy(b, at + 4)
  return next
}

function putCounter(b: Buffer, at: number, code: number, value: number): number {
  const next = putOption(b, at, code, 8)
  putU32(b, at + 4, value % TWO_32)
  putU32(b, at + 8, Math.floor(value / TWO_32))
  return next
}

function putEnd(b: Buffer, at: number): number {
  return putOption(b, at, OPTION_END, 0)
}

function putU32(into: Buffer, at: number, value: number): void {
  into[at] = value
  into[at + 1] = value >>> 8
  into[at + 2] = value >>> 16
  into[at + 3] = value >>> 24
}
