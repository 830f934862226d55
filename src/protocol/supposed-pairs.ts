// Requests and responses of one connection that were paired while it was in doubt which belongs to which. They wait until the
// pairing is proven or disproven. Oldest first, and bounded.

import { Exchange } from '../core/exchange.ts'
import type { HeldMemory } from './held-bytes.ts'
import { PENDING_BYTES } from './pending-requests.ts'

/** Pairs of one connection that wait for proof. */
const MAXIMUM_SUPPOSED = 512

export class SupposedPairs {
  readonly #pairs: Exchange[]
  /** Its connection, ends and protocol are those of every pair. */
  readonly #model: Exchange
  readonly #memory: HeldMemory

  constructor(model: Exchange, memory: HeldMemory) {
    this.#pairs = []
    this.#model = model
    this.#memory = memory
  }

  get length(): number {
    return this.#pairs.length
  }

  /** True when one more is too many: `dropOldest` first. */
  get full(): boolean {
    return this.#pairs.length >= MAXIMUM_SUPPOSED || (this.#memory.full && this.#pairs.length > 0)
  }

  dropOldest(): Exchange {
    this.#memory.usedBytes -= PENDING_BYTES
    return this.#pairs.shift()!
  }

  /** The place of one more, to be filled in. */
  add(): Exchange {
    const model = this.#model
    const pair = new Exchange()
    pair.connection = model.connection
    pair.requestDirection = model.requestDirection
    pair.place = model.place
    pair.client = model.client
    pair.server = model.server
    pair.protocol = model.protocol
    this.#memory.usedBytes += PENDING_BYTES
    this.#pairs.push(pair)
    return pair
  }

  /** All of them; none is left. */
  takeAll(): Exchange[] {
    this.#memory.usedBytes -= PENDING_BYTES * this.#pairs.length
    return this.#pairs.splice(0)
  }
}
