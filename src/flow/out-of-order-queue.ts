// Puts an out-of-order segment into its stream's queue of pages. The first copy of a byte stays.

import type { Segment } from '../core/segment.ts'
import { sequenceAdd, sequenceDistance } from '../core/sequence.ts'
import { PAGE_BYTES, type Page, type PagePool } from './page-pool.ts'
import type { TrackedStream } from './tracked-connection.ts'

/** Counts bytes that differ between a queued page and a second copy of `count` bytes from its byte `skip` on. */
export function conflictingBytes(page: Page, skip: number, buf: Buffer, start: number, count: number): number {
  const pageStart = page.start + skip
  if (page.buf.compare(buf, start, start + count, pageStart, pageStart + count) === 0) return 0
  let conflicts = 0
  for (let i = 0; i < count; i++) {
    if (page.buf[pageStart + i] !== buf[start + i]) conflicts++
  }
  return conflicts
}

/** Takes the first page out of the queue; the caller gives it back to the pool. */
export function removeFirst(stream: TrackedStream): Page {
  const page = stream.first!
  stream.first = page.next
  if (page.next === null) stream.last = null
  else page.next.previous = null
  page.next = null
  stream.queuedPages--
  return page
}

/** What all queues share: the pool, and the result of the latest insertion. */
export class OutOfOrderQueue {
  /** After `insert`: bytes that were queued already, and those of them that differ. */
  repeated = 0
  conflicting = 0
  readonly #pool: PagePool
  #now = 0

  constructor(pool: PagePool) {
    this.#pool = pool
  }

  /** Copies what is new of the payload of `s`, whose first byte is `sequence`, all of it ahead of `stream.expected`. */
  insert(stream: TrackedStream, s: Segment, sequence: number, now: number): void {
    this.#now = now
    this.repeated = 0
    this.conflicting = 0
    const end = sequenceAdd(sequence, s.payloadEnd - s.payloadStart)
    let page = lastPageUpTo(stream, sequence)
    let at = sequence
    if (page !== null) at = this.#skipOverlap(page, s, sequence, at, end)
    while (sequenceDistance(end, at) > 0) {
      const next: Page | null = page === null ? stream.first : page.next
      const free = next === null ? end : earlier(next.sequence, end)
      if (sequenceDistance(free, at) > 0) {
        page = this.#copy(stream, page, s, at, sequenceDistance(free, at), sequenceDistance(at, sequence))
        at = free
      } else {
        page = next!
        at = this.#skipOverlap(page, s, sequence, at, end)
      }
    }
    if (s.missingBytes > 0) this.#markMissing(stream, page, s, sequence, end)
  }

  /** Skips the bytes from `at` on that `page` has already; returns the index of the next byte of the segment. */
  #skipOverlap(page: Page, s: Segment, sequence: number, at: number, end: number): number {
    const skip = sequenceDistance(at, page.sequence)
    const count = Math.min(page.length - skip, sequenceDistance(end, at))
    if (count <= 0) return at
    this.repeated += count
    const from = s.payloadStart + sequenceDistance(at, sequence)
    this.conflicting += conflictingBytes(page, skip, s.buf, from, count)
    return sequenceAdd(at, count)
  }

  /** Copies `count` bytes, those from `skip` on in the payload, behind page `after`; returns the last new page. */
  #copy(stream: TrackedStream, after: Page | null, s: Segment, at: number, count: number, skip: number): Page | null {
    let page = after
    for (let done = 0; done < count; done += PAGE_BYTES) {
      page = this.#addPage(stream, page, s, sequenceAdd(at, done))
      page.length = Math.min(PAGE_BYTES, count - done)
      const from = s.payloadStart + skip + done
      s.buf.copy(page.buf, page.start, from, from + page.length)
    }
    return page
  }

  /** Notes that the capture has cut off what follows the payload. `page` is the last one that begins before `end`. */
  #markMissing(stream: TrackedStream, page: Page | null, s: Segment, sequence: number, end: number): void {
    let holder = page
    if (holder === null || sequenceDistance(sequenceAdd(holder.sequence, holder.length), end) < 0) {
      holder = this.#addPage(stream, page, s, sequence)
      holder.length = 0
    }
    const missing = sequenceDistance(sequenceAdd(end, s.missingBytes), sequenceAdd(holder.sequence, holder.length))
    if (missing > holder.missingAfter) holder.missingAfter = missing
  }

  #addPage(stream: TrackedStream, after: Page | null, s: Segment, sequence: number): Page {
    const page = this.#pool.take()
    page.sequence = sequence
    page.missingAfter = 0
    page.time.set(s.time)
    page.arrivalMicros = this.#now
    const next = after === null ? stream.first : after.next
    page.previous = after
    page.next = next
    if (after === null) stream.first = page
    else after.next = page
    if (next === null) stream.last = page
    else next.previous = page
    stream.queuedPages++
    return page
  }
}

function earlier(a: number, b: number): number {
  return sequenceDistance(a, b) <= 0 ? a : b
}

/** The last page that begins at or before `sequence`, or null; looked for from the nearer end. */
function lastPageUpTo(stream: TrackedStream, sequence: number): Page | null {
  const { first, last } = stream
  if (first === null || last === null) return null
  if (sequenceDistance(sequence, first.sequence) < sequenceDistance(last.sequence, sequence)) {
    let found: Page | null = null
    for (let page: Page | null = first; page !== null && sequenceDistance(page.sequence, sequence) <= 0; ) {
      found = page
      page = page.next
    }
    return found
  }
  let page: Page | null = last
  while (page !== null && sequenceDistance(page.sequence, sequence) > 0) page = page.previous
  return page
}
