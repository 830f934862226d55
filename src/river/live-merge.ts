// Several live captures as one, by packet time. Captures may join and leave while it runs: containers do.

import type { GateEntry } from '../core/gate-entry.ts'
import type { Packet } from '../core/packet.ts'
import { compareTime, Timestamp } from '../core/timestamp.ts'
import { READ_END, READ_NEED_INPUT, READ_PACKET, READ_STATISTICS } from '../savefile/reader.ts'
import type { Feed, River } from './feed.ts'
import type { FrameGate } from './frame-gate.ts'

/** How long a packet of one capture waits for another capture that has fallen silent, in wall-clock milliseconds. */
export const MERGE_WINDOW_MILLIS = 500
const PAUSE_EVERY_PACKETS = 1024

/** One feed of a merge: its next packet or statistics block, if there is one yet, and how far its clock has come. */
class MergeLane {
  readonly feed: Feed
  readonly gate: FrameGate | undefined
  readonly clock = new Timestamp()
  status: number = READ_NEED_INPUT
  /** True while a read is under way. */
  pending = false
  waitingSinceMillis = 0
  failure: unknown = undefined
  /** Frames that the gate held back and lets pass now: they go before anything else. */
  released: Packet[] = []
  readonly #onArrival: () => void

  constructor(feed: Feed, gate: FrameGate | undefined, onArrival: () => void) {
    this.feed = feed
    this.gate = gate
    this.#onArrival = onArrival
  }

  /** The first `advance`: it may find that the source gives no savefile at all. */
  begin(): void {
    try {
      this.advance()
    } catch (error) {
      this.failure = error
      this.status = READ_END
    }
  }

  /** Moves to the next thing in the buffer that counts; starts a read when the buffer is used up. */
  advance(): void {
    const { reader, source } = this.feed
    for (;;) {
      this.status = reader.next()
      if (this.status === READ_PACKET) {
        this.clock.set(reader.packet.time)
        if (this.gate === undefined || this.gate.passes(reader.packet)) return
      } else if (this.status === READ_STATISTICS) {
        this.clock.set(reader.statistics.time)
        return
      } else if (this.status !== READ_NEED_INPUT) {
        return
      } else {
        const filled = reader.fill(source)
        if (typeof filled !== 'number') {
          this.#waitFor(filled)
          return
        }
      }
    }
  }

  #waitFor(filled: Promise<number>): void {
    this.waitingSinceMillis = performance.now()
    this.pending = true
    filled
      .then(() => {
        this.pending = false
        this.advance()
      })
      .catch((error: unknown) => {
        this.pending = false
        this.failure = error
        this.status = READ_END
      })
      .then(this.#onArrival)
  }

  get ready(): boolean {
    return this.status === READ_PACKET || this.status === READ_STATISTICS
  }
}

/**
 * A packet goes on once every other feed has shown something later (each sends a tick every 200 ms) or has kept silent for
 * MERGE_WINDOW_MILLIS.
 */
export class LiveMerge {
  readonly #river: River
  readonly #onEnd: (feed: Feed, failure: unknown) => void
  readonly #lanes: MergeLane[] = []
  #moreMayCome = true
  #wake: () => void = () => {}

  /** `onEnd` is called when all of a feed has been handed on, with the error that its source ended with, if any. */
  constructor(river: River, onEnd: (feed: Feed, failure: unknown) => void) {
    this.#river = river
    this.#onEnd = onEnd
  }

  /** With a `gate`, only what that lets pass is handed on. */
  add(feed: Feed, gate?: FrameGate): void {
    const lane = new MergeLane(feed, gate, () => this.#wake())
    this.#lanes.push(lane)
    lane.begin()
    this.#wake()
  }

  /** Sets the addresses that a gate lets pass; frames of theirs that it held go on at once. */
  want(feed: Feed, addresses: readonly GateEntry[]): void {
    const lane = this.#lanes.find((each) => each.feed === feed)
    if (lane?.gate === undefined) return
    lane.released.push(...lane.gate.want(addresses))
    this.#wake()
  }

  /** No more feeds will be added: `run` ends when those that there are have ended. */
  close(): void {
    this.#moreMayCome = false
    this.#wake()
  }

  /** Resolves when all feeds have ended and no more may come. Rejects when the river does, or `onEnd` throws. */
  async run(): Promise<void> {
    for (let handled = 0; ; handled++) {
      this.#handOnReleased()
      const first = this.#earliest()
      if (first === undefined) {
        this.#takeOutEnded()
        if (this.#lanes.length === 0 && !this.#moreMayCome) return
        await this.#wait()
        continue
      }
      const holdMillis = this.#holdBack(first)
      if (holdMillis > 0) {
        await this.#wait(holdMillis)
        continue
      }
      if (first.status === READ_PACKET) this.#river.onPacket(first.feed, first.feed.reader.packet)
      else this.#river.onStatistics(first.feed)
      first.advance()
      if (first.status === READ_END) this.#takeOutEnded()
      if (handled % PAUSE_EVERY_PACKETS === 0) {
        this.#takeOutEnded()
        const pause = this.#river.pause(false)
        if (pause !== undefined) await pause
      }
    }
  }

  #handOnReleased(): void {
    for (const lane of this.#lanes) {
      if (lane.released.length === 0) continue
      for (const packet of lane.released) this.#river.onPacket(lane.feed, packet)
      lane.released = []
    }
  }

  #takeOutEnded(): void {
    for (let i = this.#lanes.length - 1; i >= 0; i--) {
      const lane = this.#lanes[i]!
      if (lane.status !== READ_END || lane.pending) continue
      this.#lanes.splice(i, 1)
      this.#onEnd(lane.feed, lane.failure)
    }
  }

  #earliest(): MergeLane | undefined {
    let first: MergeLane | undefined
    for (const lane of this.#lanes) {
      if (lane.ready && (first === undefined || compareTime(lane.clock, first.clock) < 0)) first = lane
    }
    return first
  }

  /** Milliseconds that `first` must still wait because a silent lane could yet bring something earlier. */
  #holdBack(first: MergeLane): number {
    let hold = 0
    for (const lane of this.#lanes) {
      if (!lane.pending || lane === first || compareTime(lane.clock, first.clock) >= 0) continue
      hold = Math.max(hold, lane.waitingSinceMillis + MERGE_WINDOW_MILLIS - performance.now())
    }
    return hold
  }

  /** Until a feed has something, another joins, or this long has passed. */
  async #wait(atMostMillis?: number): Promise<void> {
    let woken = false
    const wake = new Promise<void>((resolve) => {
      this.#wake = () => {
        woken = true
        resolve()
      }
    })
    const pause = this.#river.pause(true)
    if (pause !== undefined) await pause
    if (woken) return
    if (atMostMillis === undefined) {
      await wake
      return
    }
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, atMostMillis)
    })
    await Promise.race([wake, late])
    clearTimeout(timer)
  }
}
