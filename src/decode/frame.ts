// The cursor that all layers share while a packet is decoded: the position in it, its length on the wire, and what the layers
// so far have found. One object, used again for every packet.

import type { AddressFamily } from '../core/endpoint.ts'
import type { Packet } from '../core/packet.ts'
import { NO_VLAN, type Transport } from '../core/segment.ts'
import { Timestamp } from '../core/timestamp.ts'
import type { DecodeCounters } from './counters.ts'
import { DECODE_ENCRYPTED, DECODE_MALFORMED, DECODE_OTHER, DECODE_TRUNCATED, DECODE_UNSUPPORTED } from './status.ts'

/**
 * A layer is a function that takes its header off: it reads at `at`, moves `at` behind itself, sets `etherType` (or
 * `ipProtocol`) and returns NEXT; or it returns a DECODE_ status, having counted the cause.
 */
export type Layer = (frame: Frame) => number

export class Frame {
  readonly counters: DecodeCounters
  /** Of the packet, lent. */
  time = new Timestamp()
  place = 0
  interfaceId = 0
  buf: Buffer = Buffer.alloc(0)
  /** Next byte to read. */
  at = 0
  /** Index behind the last captured byte of the current layer. */
  end = 0
  /** Where the current layer ended on the wire: `end`, or further when the capture cut the packet short. */
  wireEnd = 0
  /** What lies at `at`, as Ethernet would call it, whatever the link. */
  etherType = 0
  sourceMacHigh = -1
  sourceMacLow = -1
  destinationMacHigh = -1
  destinationMacLow = -1
  vlanId: number = NO_VLAN
  /** From here on as IP said it; what lies at `at` as IP would call it. */
  ipProtocol = 0
  family: AddressFamily = 4
  sourceWord0 = 0
  sourceWord1 = 0
  sourceWord2 = 0
  sourceWord3 = 0
  destinationWord0 = 0
  destinationWord1 = 0
  destinationWord2 = 0
  destinationWord3 = 0
  ipId = 0
  hopLimit = 0
  /** How many tunnels this frame lies in. */
  tunnels = 0
  /** Where in the packet the next frame of an 802.11 A-MSDU begins; -1 where there is none. */
  nextSubframe = -1

  constructor(counters: DecodeCounters) {
    this.counters = counters
  }

  /** Points at the link header of `packet`. */
  begin(packet: Packet): void {
    const start = packet.start
    const end = packet.end
    const wireEnd = start + packet.originalLength
    // Storing an object costs the garbage collector's write barrier, and these two are nearly always the same.
    if (this.time !== packet.time) this.time = packet.time
    this.place = packet.place
    this.interfaceId = packet.interfaceId
    if (this.buf !== packet.buf) this.buf = packet.buf
    this.at = start
    this.end = end
    this.wireEnd = Math.max(wireEnd, end)
    this.sourceMacHigh = -1
    this.sourceMacLow = -1
    this.destinationMacHigh = -1
    this.destinationMacLow = -1
    this.vlanId = NO_VLAN
    this.tunnels = 0
    this.nextSubframe = -1
  }

  /** Begins again with another frame of the same packet, at `at`; what the frame before has set is reset. */
  resumeAt(packet: Packet, at: number): void {
    this.begin(packet)
    this.nextSubframe = at
  }

  /** Everything but ports and payload, into a segment or datagram. */
  describe(to: Transport): void {
    to.time.seconds = this.time.seconds
    to.time.nanos = this.time.nanos
    to.time.known = this.time.known
    to.place = this.place
    to.interfaceId = this.interfaceId
    to.vlanId = this.vlanId
    to.sourceMacHigh = this.sourceMacHigh
    to.sourceMacLow = this.sourceMacLow
    to.destinationMacHigh = this.destinationMacHigh
    to.destinationMacLow = this.destinationMacLow
    to.family = this.family
    to.sourceWord0 = this.sourceWord0
    to.sourceWord1 = this.sourceWord1
    to.sourceWord2 = this.sourceWord2
    to.sourceWord3 = this.sourceWord3
    to.destinationWord0 = this.destinationWord0
    to.destinationWord1 = this.destinationWord1
    to.destinationWord2 = this.destinationWord2
    to.destinationWord3 = this.destinationWord3
    to.ipId = this.ipId
    to.hopLimit = this.hopLimit
    if (to.buf !== this.buf) to.buf = this.buf
  }

  /** Source and destination as the six bytes each at `source` and `destination`. */
  setMacs(source: number, destination: number): void {
    const buf = this.buf
    this.sourceMacHigh = (buf[source]! << 16) | (buf[source + 1]! << 8) | buf[source + 2]!
    this.sourceMacLow = (buf[source + 3]! << 16) | (buf[source + 4]! << 8) | buf[source + 5]!
    this.destinationMacHigh = (buf[destination]! << 16) | (buf[destination + 1]! << 8) | buf[destination + 2]!
    this.destinationMacLow = (buf[destination + 3]! << 16) | (buf[destination + 4]! << 8) | buf[destination + 5]!
  }

  /** The 16-bit big-endian number at `offset`; the caller has checked that it is there. */
  uint16(offset: number): number {
    return (this.buf[offset]! << 8) | this.buf[offset + 1]!
  }

  /** The same as a signed 32-bit word. */
  word(offset: number): number {
    const buf = this.buf
    return (buf[offset]! << 24) | (buf[offset + 1]! << 16) | (buf[offset + 2]! << 8) | buf[offset + 3]!
  }

  /** A header of `bytes` is not all there: cut by the capture, or too short already on the wire. Counts it. */
  short(layer: number, bytes: number): number {
    const status = this.wireEnd - this.at < bytes ? DECODE_MALFORMED : DECODE_TRUNCATED
    this.counters.count(status, layer, 0)
    return status
  }

  malformed(layer: number): number {
    this.counters.count(DECODE_MALFORMED, layer, 0)
    return DECODE_MALFORMED
  }

  unsupported(layer: number, value: number): number {
    this.counters.count(DECODE_UNSUPPORTED, layer, value)
    return DECODE_UNSUPPORTED
  }

  encrypted(layer: number, value: number): number {
    this.counters.count(DECODE_ENCRYPTED, layer, value)
    return DECODE_ENCRYPTED
  }

  other(layer: number, value: number): number {
    this.counters.count(DECODE_OTHER, layer, value)
    return DECODE_OTHER
  }
}
