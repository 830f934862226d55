// Where the packets of one input come from: a byte source and the reader that cuts its bytes into packets. `pump` sends one
// feed through the river; several live ones at once are in live-merge.ts.

import type { Packet } from '../core/packet.ts'
import type { ByteSource } from '../core/ports.ts'
import { READ_END, READ_PACKET, READ_STATISTICS, type SavefileReader } from '../savefile/reader.ts'

export interface Feed {
  readonly source: ByteSource
  readonly reader: SavefileReader
}

/** What `pump` calls. Everything is synchronous but `pause` and `flush`. */
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
   * Called when a pipe has nothing to give and may stay silent for long: gathered output is written. Resolves when the sinks
   * have taken it; rejects like `pause`.
   */
  flush(): Promise<void> | undefined
  /** True once the run was asked to end: nothing more is read from files. */
  readonly stopped: boolean
}

/** So many packets that at most some milliseconds pass, whatever is done with them. */
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
    // it may fail while something else is awaited; it is awaited after that
    if (waiting) filled.catch(() => {})
    const pause = river.pause(waiting)
    if (pause !== undefined) await pause
    if (waiting) await (source.totalBytes < 0 ? flushInSilence(filled, river) : filled)
    if (river.stopped && source.totalBytes >= 0) return
  }
}

/**
 * Hands on what lies in memory and returns why it stopped: READ_NEED_INPUT, READ_END, or READ_PACKET when there may be more but
 * a pause is due.
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
 * Waits for a read. Output is flushed only when the event loop has no bytes for the read yet, so a fast pipe is not flushed at
 * each read. Rejects as soon as the output is gone, without waiting for more input.
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
