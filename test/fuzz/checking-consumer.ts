// A StreamConsumer that asserts what core/consumers.ts promises and remembers only what it needs for that.

import assert from 'node:assert/strict'
import type { CloseReason, Connection, Direction, GapCause, WentOnAfter } from '../../src/core/connection.ts'
import type { StreamConsumer } from '../../src/core/consumers.ts'
import type { Timestamp } from '../../src/core/timestamp.ts'

interface OpenConnection {
  readonly id: number
  readonly slot: number
  readonly offsets: [number, number]
  /** What has been given up and may still come late, as bytes. */
  readonly missing: [number, number]
}

export class CheckingConsumer implements StreamConsumer {
  deliveredBytes = 0
  readonly #open = new Map<Connection, OpenConnection>()
  readonly #slots = new Set<number>()
  #lastId = 0

  get openCount(): number {
    return this.#open.size
  }

  onOpen(c: Connection, t: Timestamp): void {
    if (this.#open.has(c)) assert.fail('opened twice')
    if (this.#slots.has(c.slot)) assert.fail('slot in use')
    if (c.id <= this.#lastId) assert.fail('ids do not grow')
    checkTime(t)
    this.#lastId = c.id
    const offsets: [number, number] = [c.streams[0].offset, c.streams[1].offset]
    if (!c.resumed && (offsets[0] !== 0 || offsets[1] !== 0)) assert.fail('a new connection does not begin at 0')
    this.#open.set(c, { id: c.id, slot: c.slot, offsets, missing: [0, 0] })
    this.#slots.add(c.slot)
  }

  onData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const open = this.#find(c)
    checkSlice(buf, start, end)
    checkTime(t)
    if (offset !== open.offsets[d]) assert.fail(`data at ${offset}, due ${open.offsets[d]}`)
    open.offsets[d] += end - start
    this.deliveredBytes += end - start
  }

  onGap(c: Connection, d: Direction, offset: number, missing: number, _cause: GapCause, t: Timestamp): void {
    const open = this.#find(c)
    checkTime(t)
    if (!(missing > 0 && Number.isSafeInteger(missing))) assert.fail(`a gap of ${missing}`)
    if (offset !== open.offsets[d]) assert.fail(`gap at ${offset}, due ${open.offsets[d]}`)
    open.offsets[d] += missing
    open.missing[d] += missing
  }

  onLateData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const open = this.#find(c)
    checkSlice(buf, start, end)
    checkTime(t)
    if (!(offset >= 0) || offset + end - start > open.offsets[d]) assert.fail('late data beyond what was delivered')
    // a part of the connection that left the table may have given them up
    if (!c.resumed && end - start > open.missing[d]) assert.fail('more late data than was given up')
    open.missing[d] -= end - start
  }

  onWentOn(c: Connection, _d: Direction, after: WentOnAfter, t: Timestamp): void {
    this.#find(c)
    checkTime(t)
    if ((after === 'reset' ? c.refutedResets : c.straySyns) === 0) assert.fail('went on after nothing')
  }

  onClose(c: Connection, _why: CloseReason, t: Timestamp): void {
    const open = this.#find(c)
    checkTime(t)
    for (const d of [0, 1] as const) {
      if (c.streams[d].offset !== open.offsets[d])
        assert.fail(`closed at ${c.streams[d].offset}, was ${open.offsets[d]}`)
    }
    this.#open.delete(c)
    this.#slots.delete(open.slot)
  }

  #find(c: Connection): OpenConnection {
    const open = this.#open.get(c)
    if (open === undefined) assert.fail('not open, or closed already')
    if (open.id !== c.id || open.slot !== c.slot) assert.fail('used again before it was closed')
    return open
  }
}

export function checkSlice(buf: Buffer, start: number, end: number): void {
  if (!(start >= 0 && start < end && end <= buf.length)) assert.fail(`slice ${start}..${end} of ${buf.length}`)
}

function checkTime({ seconds, nanos }: Timestamp): void {
  if (!Number.isInteger(seconds) || !(nanos >= 0 && nanos <= 999_999_999)) assert.fail(`time ${seconds} s ${nanos} ns`)
}
