// A file of the output folder: not made yet, being written, or complete.

import type { Timestamp } from '../../core/timestamp.ts'
import type { FileDigest } from './file-digest.ts'
import type { ListedByRecency } from './recency-list.ts'
import type { WrittenRange } from './written-ranges.ts'

/** Memory in which bytes of one file are gathered before they are written. */
export interface Block {
  readonly buf: Buffer
  /** In the arena; -1 elsewhere. */
  readonly address: number
  /** False for a spare block. */
  readonly pooled: boolean
  owner: StoredFile | null
  /** Written to since it was last looked at. */
  touched: boolean
}

/** Decides what a file is called, at its first byte. */
export interface FileOwner {
  /** Makes the file, sets `file.name` and returns the descriptor. Throws system errors and OperatorError. */
  createFile(file: StoredFile): number
}

/** A file of the output folder. Making this object does not touch the disk: the file exists from its first byte on. */
export class StoredFile implements ListedByRecency<StoredFile> {
  readonly owner: FileOwner
  /** Path below the output folder; '' until the file exists. */
  name = ''
  /** Where the next appended byte goes. */
  position = 0
  /** Highest position written. */
  size = 0
  /** The parts that were written, in order, if there are holes; null: everything up to `size`. */
  ranges: WrittenRange[] | null = null
  digest: FileDigest | null = null
  /** Access and modification time to set when the file is closed; seconds 0: do not set them. */
  timeSeconds = 0
  timeNanos = 0
  // Used by the store.
  descriptor = -1
  block: Block | null = null
  /** Bytes in `block`; they belong right before `position`. */
  filled = 0
  /** The file system takes no more of this file's bytes. */
  full = false
  /** Nobody reads the file while it is being written, so the file thread may write its bytes. */
  mayLag = false
  /** Blocks of it that the file thread is writing, and the number of the latest job. */
  underWay = 0
  latestJob = -1
  /** To be closed as soon as nothing of it is being written. */
  closing = false
  newer: StoredFile | null = null
  older: StoredFile | null = null

  constructor(owner: FileOwner) {
    this.owner = owner
  }

  setTime(time: Timestamp): void {
    this.timeSeconds = time.seconds
    this.timeNanos = time.nanos
  }
}
