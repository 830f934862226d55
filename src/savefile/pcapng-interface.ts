// One interface of a pcapng section: how its packets' 64-bit timestamps become seconds and nanoseconds.

import type { Timestamp } from '../core/timestamp.ts'

const LARGEST_NANOS = 999_999_999

/** The interface's number in the whole file, what its packets inherit, and its clock. */
export class PcapngInterface {
  readonly id: number
  readonly linkType: number
  readonly snapshotLength: number
  readonly place: number
  readonly #ticksPerSecond: number
  readonly #offsetSeconds: number
  // nanos = floor(ticks * scale / divisor), with integers that were chosen so that no step rounds for any resolution in
  // use.
  readonly #scale: number
  readonly #divisor: number
  // The upper half changes every few seconds at most, so what it contributes is kept.
  #high = -1
  #highSeconds = 0
  #highTicks = 0

  /**
   * `resolution` is if_tsresol: ticks per second are 10 to that power, or 2 to its low 7 bits when the top bit is set.
   * `offsetSeconds` is if_tsoffset.
   */
  constructor(
    id: number,
    linkType: number,
    snapshotLength: number,
    place: number,
    resolution: number,
    offsetSeconds: number,
  ) {
    const exponent = resolution & 0x7f
    this.id = id
    this.linkType = linkType
    this.snapshotLength = snapshotLength
    this.place = place
    this.#offsetSeconds = offsetSeconds
    if ((resolution & 0x80) !== 0) {
      // 10^9 / 2^e = 5^9 * 2^9 / 2^e
      this.#ticksPerSecond = 2 ** exponent
      this.#scale = 5 ** 9 * 2 ** Math.max(0, 9 - exponent)
      this.#divisor = 2 ** Math.max(0, exponent - 9)
    } else {
      this.#ticksPerSecond = 10 ** exponent
      this.#scale = 10 ** Math.max(0, 9 - exponent)
      this.#divisor = 10 ** Math.max(0, exponent - 9)
    }
  }

  /** Sets `time` from the 8 bytes of a timestamp at `buf[at]`: the upper half, then the lower. */
  setTime(time: Timestamp, buf: Buffer, at: number, littleEndian: boolean): void {
    const high = u32(buf, at, littleEndian)
    const low = u32(buf, at + 4, littleEndian)
    if (high !== this.#high) this.#setHigh(high)
    const ticks = this.#highTicks + low
    const seconds = Math.floor(ticks / this.#ticksPerSecond)
    const nanos = ((ticks - seconds * this.#ticksPerSecond) * this.#scale) / this.#divisor
    time.seconds = this.#highSeconds + seconds
    // Resolutions beyond 10^-15 do not fit a double exactly.
    time.nanos = nanos > LARGEST_NANOS ? LARGEST_NANOS : nanos | 0
    time.known = true
  }

  /** Divides high * 2^32 by the ticks of a second, a bit at a time: 64-bit numbers do not fit a double. */
  #setHigh(high: number): void {
    let quotient = Math.floor(high / this.#ticksPerSecond)
    let remainder = high - quotient * this.#ticksPerSecond
    for (let bit = 0; bit < 32; bit++) {
      quotient *= 2
      remainder *= 2
      if (remainder >= this.#ticksPerSecond) {
        remainder -= this.#ticksPerSecond
        quotient++
      }
    }
    this.#high = high
    this.#highSeconds = quotient + this.#offsetSeconds
    this.#highTicks = remainder
  }
}

/** An unsigned 32-bit number. */
export function u32(buf: Buffer, at: number, littleEndian: boolean): number {
  return littleEndian
    ? (buf[at]! | (buf[at + 1]! << 8) | (buf[at + 2]! << 16) | (buf[at + 3]! << 24)) >>> 0
    : ((buf[at]! << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!) >>> 0
}
