// The connections that are open. Their objects belong to slots and are used again. There is a list for each phase, with the
// connection that was silent longest at the front.

import type { Connection } from '../core/connection.ts'
import { SlotLists } from './slot-lists.ts'
import {
  PHASE_CLOSING,
  PHASE_DOUBTED,
  PHASE_ESTABLISHED,
  PHASE_FINISHED,
  PHASE_HALF_OPEN,
  PHASE_RESET,
  PHASES,
  TrackedConnection,
} from './tracked-connection.ts'

/** "Silent longest" has this precision, so that a busy connection seldom moves in its list. */
const ACTIVITY_GRAIN_MICROS = 10_000

export class OpenConnections {
  /** One a slot, made when a slot is first used. */
  readonly #connections: TrackedConnection[] = []
  readonly #lists: SlotLists
  readonly #maximum: number
  readonly #maximumHalfOpen: number
  /** The capture clock at each slot's latest packet, less up to ACTIVITY_GRAIN_MICROS. */
  readonly #activeAt: Float64Array
  /** Slots given back, a stack: the warmest is used first. */
  readonly #freeSlots: Int32Array
  #freeCount = 0

  constructor(maximum: number, maximumHalfOpen: number) {
    this.#maximum = maximum
    this.#maximumHalfOpen = maximumHalfOpen
    this.#lists = new SlotLists(maximum, PHASES)
    this.#activeAt = new Float64Array(maximum)
    this.#freeSlots = new Int32Array(maximum)
  }

  at(slot: number): TrackedConnection {
    return this.#connections[slot]!
  }

  /** A connection as new, in no list yet. One must be free: see `toGiveUp`. */
  take(): TrackedConnection {
    if (this.#freeCount > 0) {
      const c = this.#connections[this.#freeSlots[--this.#freeCount]!]!
      c.reset()
      return c
    }
    const c = new TrackedConnection(this.#connections.length)
    this.#connections.push(c)
    return c
  }

  /** Puts it in the list of its phase. */
  enlist(c: TrackedConnection, now: number): void {
    this.#lists.append(c.phase, c.slot)
    this.#activeAt[c.slot] = now
  }

  remove(c: TrackedConnection): void {
    this.#lists.remove(c.phase, c.slot)
  }

  /** Its slot may be used again. Not before everybody has been told that it is closed. */
  giveBack(c: TrackedConnection): void {
    this.#freeSlots[this.#freeCount++] = c.slot
  }

  moveTo(c: TrackedConnection, phase: number): void {
    this.#lists.remove(c.phase, c.slot)
    c.phase = phase
    this.#lists.append(phase, c.slot)
  }

  /** A packet of it has come. */
  touch(c: TrackedConnection, now: number): void {
    const silence = now - this.#activeAt[c.slot]!
    if (silence >= ACTIVITY_GRAIN_MICROS || silence < 0) {
      this.#activeAt[c.slot] = now
      this.#lists.moveToEnd(c.phase, c.slot)
    }
  }

  /** When its latest packet came, in microseconds of the capture clock, at most ACTIVITY_GRAIN_MICROS too early. */
  activeAt(c: TrackedConnection): number {
    return this.#activeAt[c.slot]!
  }

  /** The connection to close so that one more, half-open at first, stays within the bounds, or undefined. */
  toGiveUp(): TrackedConnection | undefined {
    const { sizes } = this.#lists
    const halfOpen = sizes[PHASE_HALF_OPEN]!
    const isFull = sizes.reduce((sum, size) => sum + size, 0) >= this.#maximum
    const ended = this.#lists.first(sizes[PHASE_FINISHED]! > 0 ? PHASE_FINISHED : PHASE_RESET)
    if (ended >= 0 && (isFull || sizes[PHASE_RESET]! >= this.#maximumHalfOpen)) return this.#connections[ended]
    if (halfOpen >= this.#maximumHalfOpen || (halfOpen > 0 && isFull)) {
      return this.#connections[this.#lists.first(PHASE_HALF_OPEN)]
    }
    return isFull ? this.#connections[this.#silentLongest()] : undefined
  }

  /** The slot of the connection that was silent longest, of those on which both sides have spoken and that have not ended. */
  #silentLongest(): number {
    let oldest = -1
    for (const phase of [PHASE_ESTABLISHED, PHASE_CLOSING, PHASE_DOUBTED]) {
      const slot = this.#lists.first(phase)
      if (slot >= 0 && (oldest < 0 || this.#activeAt[slot]! < this.#activeAt[oldest]!)) oldest = slot
    }
    return oldest
  }

  /** A connection in this phase that has been silent for longer than `micros`, or undefined. */
  silentFor(micros: number, phase: number, now: number): TrackedConnection | undefined {
    for (let slot = this.#lists.first(phase); slot >= 0; slot = this.#lists.first(phase)) {
      const silence = now - this.#activeAt[slot]!
      if (silence >= 0) return silence > micros ? this.#connections[slot] : undefined
      // Its packet had an absurd timestamp; the clock has come back since.
      this.#activeAt[slot] = now
      this.#lists.moveToEnd(phase, slot)
    }
    return undefined
  }

  /** Oldest first. */
  all(which: (c: Connection) => boolean): TrackedConnection[] {
    const open: TrackedConnection[] = []
    for (let phase = 0; phase < PHASES; phase++) {
      for (let slot = this.#lists.first(phase); slot >= 0; slot = this.#lists.after(slot)) {
        if (which(this.#connections[slot]!)) open.push(this.#connections[slot]!)
      }
    }
    return open.sort((a, b) => a.id - b.id)
  }
}
