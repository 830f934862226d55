// A copy of a SYN with another initial sequence number on an open connection. It is held until it is known what it is
// (after-syn.ts).

import type { Direction } from '../core/connection.ts'
import { Packet } from '../core/packet.ts'
import { Segment } from '../core/segment.ts'

/** A packet larger than this is not held. */
const MAXIMUM_HELD_BYTES = 2048

/** A SYN with its packet, copied. */
export class HeldSyn {
  readonly segment = new Segment()
  readonly packet = new Packet()
  /** Capture clock when it came. */
  readonly micros: number
  readonly direction: Direction
  /** The receiver has answered with a challenge: it stands elsewhere. */
  challenged = false
  /** How often the same SYN came again. */
  repeats = 0

  constructor(s: Segment, packet: Packet, direction: Direction, now: number) {
    this.direction = direction
    this.micros = now
    const { segment } = this
    const { time } = segment
    Object.assign(segment, s, { time })
    time.set(s.time)
    const from = s.optionsEnd > s.optionsStart ? s.optionsStart : s.payloadStart
    segment.buf = Buffer.from(s.buf.subarray(from, s.payloadEnd))
    segment.optionsStart = 0
    segment.optionsEnd = s.payloadStart - from
    segment.payloadStart = s.payloadStart - from
    segment.payloadEnd = segment.buf.length
    Object.assign(this.packet, packet, { time: this.packet.time })
    this.packet.time.set(packet.time)
    this.packet.buf = Buffer.from(packet.buf.subarray(packet.start, packet.end))
    this.packet.start = 0
    this.packet.end = this.packet.buf.length
  }
}

/** Whether a SYN is small enough to be held. */
export function canHold(s: Segment, packet: Packet): boolean {
  return s.payloadEnd - s.payloadStart + packet.end - packet.start <= MAXIMUM_HELD_BYTES
}
