// A file of the output folder that is to be, is being, or has been written.

import type { Timestamp } from '../../core/timestamp.ts'
import type { FileDigest } from './file-digest.ts'
import type { Run } from './file-runs.ts'
import type { ListedByRecency } from './recency-list.ts'

/** Memory in which bytes of one file are gathered before they are written. */
export interface Block {
  readonly buf: Buffer
  /** In the arena; -1 elsewhere. */
  readonly address: number
  /** False for a spare one. */
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

/** Puts bytes into a file's block himself. */
export interface BlockBorrower {
  /** Tells the store what he has put there (`FileStore.returned`), and puts no more. */
  giveBack(): void
  /** Since he was asked the last time, or got it, he has put bytes there. */
  usedSinceAsked(): boolean
}

/** A file to be, being, or been written. Made without touching the disk: it exists from its first byte on. */
export class StoredFile implements ListedByRecency<StoredFile> {
  readonly owner: FileOwner
  /** Below the output folder; '' until the file exists. */
  name = ''
  /** Where the next appended byte goes. */
  position = 0
  /** Highest position written. */
  size = 0
  /** What was written, in order, when there are holes; null: all of it up to `size`. */
  runs: Run[] | null = null
  digest: FileDigest | null = null
  /** Access and modification time that the file gets when closed; seconds 0: left as they are. */
  timeSeconds = 0
  timeNanos = 0
  // For the store.
  descriptor = -1
  block: Block | null = null
  /** Bytes in `block`, which go right before `position`. */
  filled = 0
  /** Who has the block: `filled` and `position` are behind then. */
  borrower: BlockBorrower | null = null
  /** The file system takes no more of this file. */
  full = false
  /** Nobody reads it while it is being written, so its bytes may be written by the file thread. */
  mayLag = false
  /** Blocks of it that the file thread has, and the job of the latest. */
  underWay = 0
  latestJob = -1
  /** To be closed when nothing of it is under way. */
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
