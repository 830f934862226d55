// Which streams have holes, and how large those are.

import { sequenceDistance } from '../core/sequence.ts'
import { PLAUSIBLE_BYTES, POSITION_OWN, type TrackedStream } from './tracked-connection.ts'

/** Streams with holes, the one marked longest ago first; linked through the streams themselves. */
export class HoleList {
  first: TrackedStream | null = null
  #last: TrackedStream | null = null

  /** Puts the stream last and marks what is acknowledged of it by now; does nothing when it is in the list. */
  add(stream: TrackedStream, now: number): void {
    if (stream.listed) return
    stream.listed = true
    stream.markMicros = now
    stream.markAcknowledged = stream.acknowledged
    stream.previousHole = this.#last
    if (this.#last === null) this.first = stream
    else this.#last.nextHole = stream
    this.#last = stream
  }

  /** Does nothing when the stream is not in the list. */
  remove(stream: TrackedStream): void {
    if (!stream.listed) return
    const { previousHole, nextHole } = stream
    if (previousHole === null) this.first = nextHole
    else previousHole.nextHole = nextHole
    if (nextHole === null) this.#last = previousHole
    else nextHole.previousHole = previousHole
    stream.previousHole = null
    stream.nextHole = null
    stream.listed = false
  }
}

/** Bytes are known to be missing: something is queued, a FIN waits, or more was acknowledged than was seen. */
export function hasHole(stream: TrackedStream): boolean {
  if (stream.first !== null) return true
  if (stream.finKnown) return sequenceDistance(stream.finSequence, stream.expected) > 0
  // A lone byte acknowledged with nothing behind it is as likely a FIN that was not captured.
  return stream.position >= POSITION_OWN && believed(sequenceDistance(stream.acknowledged, stream.expected)) > 1
}

/** Bytes from `expected` to what is known to lie behind the hole. */
export function bytesToEdge(stream: TrackedStream): number {
  if (stream.first !== null) return sequenceDistance(stream.first.sequence, stream.expected)
  if (stream.finKnown) return sequenceDistance(stream.finSequence, stream.expected)
  return Number.POSITIVE_INFINITY
}

/** Acknowledged bytes ahead of what was delivered; 0 for distances that cannot be. */
export function believed(distance: number): number {
  return distance > 0 && distance <= PLAUSIBLE_BYTES ? distance : 0
}
