// The options of a TCP header (RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 2883), read where somebody wants to know them and not
// for each packet.

import type { Segment } from '../core/segment.ts'
import { sequenceDistance } from '../core/sequence.ts'

const END = 0
const NO_OPERATION = 1
const MAXIMUM_SEGMENT_SIZE = 2
const WINDOW_SCALE = 3
const SACK_PERMITTED = 4
const SACK = 5
/** RFC 7323 §2.3: a larger shift counts as this. */
const MAXIMUM_WINDOW_SCALE = 14
const MAXIMUM_BLOCKS = 4

/** One object, used again for every segment. */
export class TcpOptions {
  /** 0: not said. */
  maximumSegmentBytes = 0
  /** -1: not said. */
  windowScale = -1
  sackPermitted = false
  /** SACK blocks: the first so many of `left` and `right` are meant. */
  blocks = 0
  readonly left = new Int32Array(MAXIMUM_BLOCKS)
  readonly right = new Int32Array(MAXIMUM_BLOCKS)

  /** Reads the segment's options up to the first that is cut off or malformed. */
  read(s: Segment): void {
    this.maximumSegmentBytes = 0
    this.windowScale = -1
    this.sackPermitted = false
    this.blocks = 0
    const { buf, optionsEnd: end } = s
    for (let at = s.optionsStart; at < end; ) {
      const kind = buf[at]!
      if (kind === END) return
      if (kind === NO_OPERATION) {
        at++
        continue
      }
      const length = at + 1 < end ? buf[at + 1]! : 0
      if (length < 2 || at + length > end) return
      this.#take(kind, buf, at + 2, length - 2)
      at += length
    }
  }

  #take(kind: number, buf: Buffer, at: number, bytes: number): void {
    if (kind === MAXIMUM_SEGMENT_SIZE && bytes === 2) this.maximumSegmentBytes = (buf[at]! << 8) | buf[at + 1]!
    else if (kind === WINDOW_SCALE && bytes === 1) this.windowScale = Math.min(buf[at]!, MAXIMUM_WINDOW_SCALE)
    else if (kind === SACK_PERMITTED) this.sackPermitted = true
    else if (kind === SACK) {
      this.blocks = Math.min(bytes >>> 3, MAXIMUM_BLOCKS)
      for (let i = 0; i < this.blocks; i++) {
        this.left[i] = word(buf, at + i * 8)
        this.right[i] = word(buf, at + i * 8 + 4)
      }
    }
  }

  /** The first block tells of bytes that came twice (RFC 2883): they are acknowledged, or lie within the second block. */
  tellsOfDuplicate(acknowledgement: number): boolean {
    if (this.blocks === 0) return false
    const left = this.left[0]!
    const right = this.right[0]!
    if (sequenceDistance(right, acknowledgement) <= 0) return true
    if (this.blocks < 2) return false
    return sequenceDistance(left, this.left[1]!) >= 0 && sequenceDistance(right, this.right[1]!) <= 0
  }
}

function word(buf: Buffer, at: number): number {
  return (buf[at]! << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!
}
