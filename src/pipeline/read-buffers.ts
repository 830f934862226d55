// Buffers for the readers of captures that come and go. Some lie in the arena, where the sinks read fastest, and are used
// again.

import type { LiveSource } from '../capture/live-source.ts'
import type { Arena } from '../core/arena.ts'
import type { PlaceTable } from '../core/places.ts'
import type { Feed } from '../river/feed.ts'
import { SavefileReader } from '../savefile/reader.ts'

/** How many bytes of a live capture are in memory at a time. */
export const LIVE_BUFFER_BYTES = 1 << 20
/** When there are more captures at a time, the others read outside the arena. */
export const MOST_IN_ARENA = 8

export type LiveFeed = Feed & { readonly source: LiveSource }

export class ReadBuffers {
  readonly #arena: Arena
  readonly #places: PlaceTable
  readonly #free: Buffer[] = []
  readonly #lent = new Map<Feed, Buffer>()
  #inArena = 0

  constructor(arena: Arena, places: PlaceTable) {
    this.#arena = arena
    this.#places = places
  }

  /** A feed with a buffer of its own, until `giveBack`. */
  feedOf(source: LiveSource): LiveFeed {
    const buffer = this.#free.pop() ?? this.#make()
    const feed = { source, reader: new SavefileReader(source.name, buffer, this.#places) }
    this.#lent.set(feed, buffer)
    return feed
  }

  /** The feed reads no more. */
  giveBack(feed: Feed): void {
    const buffer = this.#lent.get(feed)
    if (buffer !== undefined) this.#free.push(buffer)
    this.#lent.delete(feed)
  }

  #make(): Buffer {
    if (this.#inArena >= MOST_IN_ARENA) return Buffer.allocUnsafeSlow(LIVE_BUFFER_BYTES)
    this.#inArena++
    return this.#arena.allocate(LIVE_BUFFER_BYTES)
  }
}
