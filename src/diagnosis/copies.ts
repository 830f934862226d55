// Recognises packets that a capture has twice, as a switch that mirrors both directions or several points of one path give
// them: they would look like something that was sent again. (Copies from several interfaces are left out before; see flow/.)

import { type Segment, TCP_SYN } from '../core/segment.ts'

/** Copies follow each other within this. */
const COPY_MICROS = 900
/** The same for packets with an IP id, by which they are known for sure: copies over a longer way come later. */
const COPY_WITH_ID_MICROS = 100_000
const SLOTS = 256

/** Remembers the latest packets of all connections: a few numbers each. */
export class Copies {
  readonly #sequences = new Int32Array(SLOTS)
  readonly #identities = new Int32Array(SLOTS)
  readonly #flows = new Float64Array(SLOTS)
  readonly #micros = new Float64Array(SLOTS)

  /**
   * True when `s` came just before. What is sent again has another IP id; where that is 0 (IPv6), only data and SYNs are looked
   * at, as acknowledgements are repeated on purpose, and so is data that the receiver asks for (`askedAgain`). `flow` is a number
   * for each direction of each connection: on both sides of a translation of addresses a packet belongs to another connection.
   */
  isCopy(s: Segment, flow: number, payload: number, askedAgain: boolean, micros: number): boolean {
    const { sequence, acknowledgement, ipId } = s
    if (ipId === 0 && (askedAgain || (payload === 0 && (s.flags & TCP_SYN) === 0))) return false
    const identity = (ipId << 16) | (s.flags & 0xff)
    const slot = (flow ^ sequence ^ acknowledgement ^ (sequence >>> 8) ^ (ipId * 31)) & (SLOTS - 1)
    if (
      this.#sequences[slot] === sequence &&
      this.#identities[slot] === identity &&
      this.#flows[slot] === flow &&
      micros - this.#micros[slot]! < (ipId === 0 ? COPY_MICROS : COPY_WITH_ID_MICROS)
    ) {
      return true
    }
    this.#sequences[slot] = sequence
    this.#identities[slot] = identity
    this.#flows[slot] = flow
    this.#micros[slot] = micros
    return false
  }
}
