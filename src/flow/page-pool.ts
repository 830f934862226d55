// Pages that out-of-order payload is copied into, used again and again.

import type { Arena } from '../core/arena.ts'
import { Timestamp } from '../core/timestamp.ts'

/** Holds a segment of an ordinary Ethernet; larger ones take several. */
export const PAGE_BYTES = 2048
const SLAB_BYTES = 256 * 1024

/** A run of queued bytes, `buf[start .. start + length)`, of one segment. Belongs to one stream's queue or to the pool. */
export class Page {
  readonly buf: Buffer
  readonly start: number
  sequence = 0
  length = 0
  /** Bytes right behind this page that are known to be cut off by the snapshot length. */
  missingAfter = 0
  /** Capture time of the segment, and the flow table's clock then. */
  readonly time = new Timestamp()
  arrivalMicros = 0
  previous: Page | null = null
  next: Page | null = null

  constructor(buf: Buffer, start: number) {
    this.buf = buf
    this.start = start
  }
}

/** The bound is soft: `take` always gives a page, so ask `hasRoom` before queueing. */
export class PagePool {
  readonly #arena: Arena | undefined
  readonly #maximumPages: number
  #arenaSlabs: number
  #free: Page | null = null
  /** Pages handed out. */
  inUse = 0

  constructor(maximumBytes: number, arena: Arena | undefined) {
    this.#arena = arena
    this.#maximumPages = Math.max(1, Math.floor(maximumBytes / PAGE_BYTES))
    this.#arenaSlabs = arena === undefined ? 0 : Math.ceil(maximumBytes / SLAB_BYTES)
  }

  hasRoom(pages: number): boolean {
    return this.inUse + pages <= this.#maximumPages
  }

  /** An unlinked page; its fields have old contents. */
  take(): Page {
    if (this.#free === null) this.#addSlab()
    const page = this.#free!
    this.#free = page.next
    page.next = null
    this.inUse++
    return page
  }

  give(page: Page): void {
    page.previous = null
    page.next = this.#free
    this.#free = page
    this.inUse--
  }

  #addSlab(): void {
    let slab: Buffer
    if (this.#arena !== undefined && this.#arenaSlabs > 0) {
      this.#arenaSlabs--
      slab = this.#arena.allocate(SLAB_BYTES)
    } else {
      slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
    }
    for (let start = SLAB_BYTES - PAGE_BYTES; start >= 0; start -= PAGE_BYTES) {
      const page = new Page(slab, start)
      page.next = this.#free
      this.#free = page
    }
  }
}
