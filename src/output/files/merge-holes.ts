// Where the gaps of both directions are in a merged file, so that bytes that come late can still be put there.

import type { Direction } from '../../core/connection.ts'

/** Beyond this number the oldest are forgotten: their late bytes are missing from the merged file. */
const MAXIMUM_HOLES = 256

interface Hole {
  readonly direction: Direction
  /** Stream offset and length of the gap. */
  readonly offset: number
  readonly length: number
  /** Where it is in the file. */
  readonly position: number
}

export class MergeHoles {
  readonly #holes: Hole[] = []

  add(direction: Direction, offset: number, length: number, position: number): void {
    if (this.#holes.length >= MAXIMUM_HOLES) this.#holes.shift()
    this.#holes.push({ direction, offset, length, position })
  }

  /**
   * Calls `fill(from, to, position)` for each part of the stream bytes `[offset, offset + length)` that lies in a known
   * hole; from and to count from `offset`.
   */
  within(
    direction: Direction,
    offset: number,
    length: number,
    fill: (from: number, to: number, position: number) => void,
  ): void {
    for (const hole of this.#holes) {
      const from = Math.max(offset, hole.offset)
      const to = Math.min(offset + length, hole.offset + hole.length)
      if (hole.direction === direction && from < to)
        fill(from - offset, to - offset, hole.position + from - hole.offset)
    }
  }
}
