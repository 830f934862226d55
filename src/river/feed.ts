// Where the packets of one input come from: a byte source and the reader that cuts its bytes into packets. And how one is
// pumped into the river; several live ones at once: see live-merge.ts.

import type { Packet } from '../core/packet.ts'
import type { ByteSource } from '../core/ports.ts'
import { READ_END, READ_PACKET, READ_STATISTICS, type SavefileReader } from '../savefile/reader.ts'

export interface Feed {
  readonly source: ByteSource
  readonly reader: SavefileReader
}

/** What pumping drives. All synchronous but `pause`. */
export interface River {
  /** `packet` is the reader's, or one of the same feed that was held back. */
  onPacket(feed: Feed, packet: Packet): void
  onStatistics(feed: Feed): void
  /**
   * Called between chunks of input, and within them often enough; resolves when more may come (sinks drained, event loop
   * turned now and then). `willWait`: for a read, with nothing left to do until then.
   */
  pause(willWait: boolean): Promise<void> | undefined
  /**
   * A pipe has nothing to give right now and may be silent for long: what is gathered goes out. Resolves when the sinks
   * have taken it; rejects like `pause`.
   */
  flush(): Promise<void> | undefined
  /** True once the run was asked to end: nothing more is read from files. */
  readonly stopped: boolean
}

/** In which some milliseconds pass at most, whatever becomes of them. */
const PAUSE_EVERY_PACKETS = 256

/** Reads one feed to its end (or until the river is stopped). */
export async function pump(feed: Feed, river: River): Promise<void> {
  const { source, reader } = feed
  for (;;) {
    const status = takePackets(feed, river)
    if (status === READ_END) return
    if (status === READ_PACKET) {
      const pause = river.pause(false)
      if (pause !== undefined) await pause
      if (river.stopped && source.totalBytes >= 0) return
      continue
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
 * Hands on what lies in memory, and says why it stops: READ_NEED_INPUT; READ_END; READ_PACKET, there may be more, but a pause
 * is due.
 */
export function takePackets(feed: Feed, river: River): number {
  const { reader } = feed
  for (let untilPause = PAUSE_EVERY_PACKETS; untilPause > 0; ) {
    const status = reader.next()
    if (status === READ_PACKET) {
      river.onPacket(feed, reader.packet)
      untilPause--
    } else if (status === READ_STATISTICS) river.onStatistics(feed)
    else return status
  }
  return READ_PACKET
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
