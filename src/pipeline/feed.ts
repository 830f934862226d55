// Where the packets of one input come from: a byte source and the reader that cuts its bytes into packets. And the two
// ways to pump inputs into the river: one after the other, or several live ones merged by time.

import type { ByteSource } from '../core/ports.ts'
import { compareTime, Timestamp } from '../core/timestamp.ts'
import { READ_END, READ_NEED_INPUT, READ_PACKET, READ_STATISTICS, type SavefileReader } from '../savefile/reader.ts'

export interface Feed {
  readonly source: ByteSource
  readonly reader: SavefileReader
}

/** What pumping drives. All synchronous but `pause`. */
export interface River {
  onPacket(feed: Feed): void
  onStatistics(feed: Feed): void
  /** Called between chunks of input; resolves when more may come (sinks drained, event loop turned now and then). */
  pause(willWait: boolean): Promise<void> | undefined
  /**
   * A pipe has nothing to give right now and may be silent for long: what is gathered goes out. Resolves when the sinks
   * have taken it; rejects like `pause`.
   */
  flush(): Promise<void> | undefined
  /** True once the run was asked to end: nothing more is read from files. */
  readonly stopped: boolean
}

/** Reads one feed to its end (or until the river is stopped). */
export async function pump(feed: Feed, river: River): Promise<void> {
  const { source, reader } = feed
  for (;;) {
    let status = reader.next()
    for (; status !== READ_NEED_INPUT; status = reader.next()) {
      if (status === READ_PACKET) river.onPacket(feed)
      else if (status === READ_STATISTICS) river.onStatistics(feed)
      else return
    }
    const filled = reader.fill(source)
    const waiting = typeof filled !== 'number'
    // it may fail while something else is waited for; it is waited for after that
    if (waiting) filled.catch(() => {})
    const pause = river.pause(waiting)
    if (pause !== undefined) await pause
    if (waiting) await (source.totalBytes < 0 ? flushInSilence(filled, river) : filled)
    if (river.stopped && source.totalBytes >= 0) return
  }
}

/**
 * Waits for a read. Only one for which the event loop has no bytes yet is a silence: a fast pipe is not flushed at each
 * read. Rejects as soon as the output is gone, without waiting for more input.
 */
async function flushInSilence(read: Promise<unknown>, river: River): Promise<void> {
  let arrived = false
  const arrival = read.then(() => {
    arrived = true
  })
  const silence = nextTurn().then(() => (arrived ? undefined : river.flush()))
  await Promise.all([arrival, silence])
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** How long a packet of one capture waits for another capture that has fallen silent, in wall-clock milliseconds. */
export const MERGE_WINDOW_MILLIS = 500

/** One feed of a merge: its next packet or statistics block, if there is one yet, and how far its clock has come. */
class MergeLane {
  readonly feed: Feed
  readonly clock = new Timestamp()
  status: number = READ_NEED_INPUT
  pending: Promise<unknown> | undefined = undefined
  waitingSinceMillis = 0
  failure: unknown = undefined

  constructor(feed: Feed) {
    this.feed = feed
  }

  /** Moves to the next thing in the buffer; starts a read when the buffer is used up. */
  advance(): void {
    const { reader, source } = this.feed
    this.status = reader.next()
    while (this.status === READ_NEED_INPUT) {
      const filled = reader.fill(source)
      if (typeof filled !== 'number') {
        this.waitingSinceMillis = performance.now()
        this.pending = filled.then(
          () => this.#arrived(),
          (error: unknown) => {
            this.failure = error
            this.#arrived()
          },
        )
        return
      }
      this.status = reader.next()
    }
    this.#readTime()
  }

  #arrived(): void {
    this.pending = undefined
    if (this.failure === undefined) this.advance()
  }

  #readTime(): void {
    if (this.status === READ_PACKET) this.clock.set(this.feed.reader.packet.time)
    else if (this.status === READ_STATISTICS) this.clock.set(this.feed.reader.statistics.time)
  }

  get ready(): boolean {
    return this.status === READ_PACKET || this.status === READ_STATISTICS
  }

  get ended(): boolean {
    return this.status === READ_END
  }
}

/**
 * Merges live feeds by packet time. A packet goes on once every other feed has shown something later (each sends a tick
 * every 200 ms) or has kept silent for MERGE_WINDOW_MILLIS. Rejects with the first source's error.
 */
export async function pumpMerged(feeds: readonly Feed[], river: River): Promise<void> {
  const lanes = feeds.map((feed) => new MergeLane(feed))
  for (const lane of lanes) lane.advance()
  for (let handled = 0; ; handled++) {
    for (const lane of lanes) if (lane.failure !== undefined) throw lane.failure
    const first = earliest(lanes)
    if (first === undefined) {
      if (lanes.every((lane) => lane.ended)) return
      await waitForLanes(lanes, river)
      continue
    }
    const holdMillis = holdBack(first, lanes)
    if (holdMillis > 0) {
      await waitForLanes(lanes, river, holdMillis)
      continue
    }
    if (first.status === READ_PACKET) river.onPacket(first.feed)
    else river.onStatistics(first.feed)
    first.advance()
    if ((handled & 1023) === 0) {
      const pause = river.pause(false)
      if (pause !== undefined) await pause
    }
  }
}

function earliest(lanes: readonly MergeLane[]): MergeLane | undefined {
  let first: MergeLane | undefined
  for (const lane of lanes) {
    if (lane.ready && (first === undefined || compareTime(lane.clock, first.clock) < 0)) first = lane
  }
  return first
}

/** Milliseconds that `first` must still wait because a silent lane could yet bring something earlier. */
function holdBack(first: MergeLane, lanes: readonly MergeLane[]): number {
  let hold = 0
  for (const lane of lanes) {
    if (lane.pending === undefined || lane === first || compareTime(lane.clock, first.clock) >= 0) continue
    hold = Math.max(hold, lane.waitingSinceMillis + MERGE_WINDOW_MILLIS - performance.now())
  }
  return hold
}

async function waitForLanes(lanes: readonly MergeLane[], river: River, atMostMillis?: number): Promise<void> {
  const pause = river.pause(true)
  if (pause !== undefined) await pause
  const waits: Promise<unknown>[] = []
  for (const lane of lanes) if (lane.pending !== undefined) waits.push(lane.pending)
  let timer: NodeJS.Timeout | undefined
  if (atMostMillis !== undefined) {
    waits.push(
      new Promise((resolve) => {
        timer = setTimeout(resolve, atMostMillis)
      }),
    )
  }
  await Promise.race(waits)
  clearTimeout(timer)
}
