// The memory in which the bytes of many files are gathered before they are written. Its total is fixed, whatever the
// number of files. There are small blocks for the many flows that never send much, and large ones for those that do.

import type { Arena } from '../../core/arena.ts'
import type { Block, StoredFile } from './stored-file.ts'

export const SMALL_BLOCK_BYTES = 4 * 1024
export const LARGE_BLOCK_BYTES = 64 * 1024
const SMALL_BLOCKS = 2048
const LARGE_BLOCKS = 256
/** How many owners are asked for an idle block before the search is given up. */
const STEPS = 8

/** Room in an arena for all blocks and their alignment. */
export const FILE_BLOCKS_BYTES = SMALL_BLOCKS * SMALL_BLOCK_BYTES + LARGE_BLOCKS * LARGE_BLOCK_BYTES + 4096

/** Blocks of one size, made when they are first needed and then reused. */
export class BlockPool {
  readonly blockBytes: number
  readonly #maximum: number
  readonly #arena: Arena | undefined
  readonly #all: Block[] = []
  readonly #free: Block[] = []
  readonly #spares = new Set<Block>()
  #hand = 0

  constructor(blockBytes: number, maximum: number, arena: Arena | undefined) {
    this.blockBytes = blockBytes
    this.#maximum = maximum
    this.#arena = arena
  }

  /** A free block, or undefined when all are in use: then see `idle`. */
  take(owner: StoredFile): Block | undefined {
    let block = this.#free.pop()
    if (block === undefined) {
      if (this.#all.length >= this.#maximum) return undefined
      // allocUnsafeSlow: outside Node's shared pool; pages that are never used cost nothing
      const buf = this.#arena?.allocate(this.blockBytes) ?? Buffer.allocUnsafeSlow(this.blockBytes)
      block = { buf, address: this.#arena?.addressOf(buf) ?? -1, pooled: true, owner: null, touched: true }
      this.#all.push(block)
    }
    block.owner = owner
    block.touched = true
    return block
  }

  release(block: Block): void {
    block.owner = null
    if (block.pooled) this.#free.push(block)
    else this.#spares.delete(block)
  }

  /** An extra block outside the arena, for when no owner can give one up at once. */
  spare(owner: StoredFile): Block {
    const buf = Buffer.allocUnsafeSlow(this.blockBytes)
    const block: Block = { buf, address: -1, pooled: false, owner, touched: true }
    this.#spares.add(block)
    return block
  }

  /**
   * A block in use that was not written to since it was last asked for (second chance algorithm). Looks at a few, and
   * may find none.
   */
  idle(): Block | undefined {
    for (let step = 0; step < STEPS; step++) {
      this.#hand = (this.#hand + 1) % this.#all.length
      const block = this.#all[this.#hand]!
      if (block.owner === null) continue
      if (!block.touched) return block
      block.touched = false
    }
    return undefined
  }

  /** Any block that has an owner, if there is one. Blocks that the file thread is writing have none. */
  any(): Block | undefined {
    for (let step = 0; step < this.#all.length; step++) {
      this.#hand = (this.#hand + 1) % this.#all.length
      const block = this.#all[this.#hand]!
      if (block.owner !== null) return block
    }
    return undefined
  }

  /** No block is left. */
  get exhausted(): boolean {
    return this.#free.length === 0 && this.#all.length >= this.#maximum
  }

  /** Calls `write` with the owner of every block in use; it may release blocks. */
  forEachOwner(write: (owner: StoredFile) => void): void {
    for (const block of this.#all) if (block.owner !== null) write(block.owner)
    for (const block of this.#spares) if (block.owner !== null) write(block.owner)
  }
}

export function smallBlocks(arena: Arena | undefined): BlockPool {
  return new BlockPool(SMALL_BLOCK_BYTES, SMALL_BLOCKS, arena)
}

export function largeBlocks(arena: Arena | undefined): BlockPool {
  return new BlockPool(LARGE_BLOCK_BYTES, LARGE_BLOCKS, arena)
}
