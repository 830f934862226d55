// Many files being written at once: their bytes gathered in pooled blocks, their descriptors bounded and closed by age.
// Nothing is lost by either: a file is opened again where it was left.

import { closeSync, futimesSync, writeSync } from 'node:fs'
import type { Arena } from '../core/arena.ts'
import type { Sink } from '../core/consumers.ts'
import type { OperatorError } from '../core/errors.ts'
import type { Timestamp } from '../core/timestamp.ts'
import { type Block, type BlockPool, largeBlocks, SMALL_BLOCK_BYTES, smallBlocks } from './file-blocks.ts'
import type { FileDigest } from './file-digest.ts'
import { errorCode, outputError } from './file-errors.ts'
import { OutputFolder } from './file-folder.ts'
import { addRun, type Run } from './file-runs.ts'

/** A delivery of at least this much is written without being gathered, when nothing is waiting before it. */
const STRAIGHT_BYTES = 32 * 1024
const MAXIMUM_OPEN_BY_DEFAULT = 1024
/** A capture's clock may say anything; 2446 is as far as ext4 goes. */
const MAXIMUM_FILE_TIME_SECONDS = 15_032_385_536

/** Decides what a file is called, at its first byte. */
export interface FileOwner {
  /** Makes the file, sets `file.name` and returns the descriptor. Throws system errors and OperatorError. */
  createFile(file: StoredFile): number
}

/** A file to be, being, or been written. Made without touching the disk: it exists from its first byte on. */
export class StoredFile {
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
  /** The file system takes no more of this file. */
  full = false
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

export class FileStore implements Sink {
  readonly folder: OutputFolder
  /** Files that reached the largest size that the file system knows; their further bytes are gone. */
  fullFiles = 0
  #maximumOpen: number
  #openCount = 0
  #newest: StoredFile | null = null
  #oldest: StoredFile | null = null
  readonly #small: BlockPool
  readonly #large: BlockPool
  readonly #arena: Arena | undefined
  /** The buffer appended from last, and its address: asking a Buffer costs more than comparing. */
  #sourceBuffer: Buffer | undefined = undefined
  #sourceAddress = -1
  #failure: OperatorError | undefined = undefined
  #failureTold = false

  /**
   * Makes the output folder; throws OperatorError where it cannot be written into. `maximumOpenFiles` 0 or Infinity: a
   * default. Where the system allows fewer, fewer are kept open. Blocks are cut from `arena` (FILE_BLOCKS_BYTES of it), if
   * given: bytes that lie there too are copied faster.
   */
  constructor(outputFolder: string, maximumOpenFiles: number, arena?: Arena) {
    this.#arena = arena
    this.#small = smallBlocks(arena)
    this.#large = largeBlocks(arena)
    this.folder = new OutputFolder(outputFolder)
    const given = Number.isFinite(maximumOpenFiles) && maximumOpenFiles >= 1
    this.#maximumOpen = given ? Math.floor(maximumOpenFiles) : MAXIMUM_OPEN_BY_DEFAULT
  }

  /** The first thing that went wrong; everything after it is dropped. */
  get failure(): OperatorError | undefined {
    return this.#failure
  }

  get openFiles(): number {
    return this.#openCount
  }

  /** Writes are synchronous, so this only says that `drain` has bad news. */
  get blocked(): boolean {
    return this.#failure !== undefined
  }

  async drain(): Promise<void> {
    if (this.#failure === undefined) return
    this.#failureTold = true
    throw this.#failure
  }

  flush(): void {
    this.#small.forEachOwner((file) => this.#flushFile(file))
    this.#large.forEachOwner((file) => this.#flushFile(file))
  }

  /** Rejects with the OperatorError of a failure that `drain` has not told yet. */
  async finish(): Promise<void> {
    this.flush()
    while (this.#oldest !== null) this.#closeDescriptor(this.#oldest)
    if (this.#failure !== undefined && !this.#failureTold) await this.drain()
  }

  /** For what is written beside the store's own files (the report): its failure ends the run like one of ours. */
  fail(error: unknown, path: string): void {
    const failure = outputError(error, path)
    this.#failure ??= failure
  }

  /** Adds `buf[start..end)` at the file's end; copied. */
  append(file: StoredFile, buf: Buffer, start: number, end: number): void {
    if (this.#failure !== undefined || file.full) return
    for (let at = start; at < end; ) {
      let block = file.block ?? this.#firstBlock(file, end - at)
      if (block === null) {
        this.#write(file, file.position, buf, at, end)
        file.position += end - at
        return
      }
      if (end - at > block.buf.length - file.filled && block.buf.length === SMALL_BLOCK_BYTES) {
        block = this.#enlarge(file, block)
      }
      const room = block.buf.length - file.filled
      const part = Math.min(end - at, room)
      this.#copy(buf, at, part, block, file.filled)
      block.touched = true
      file.filled += part
      file.position += part
      at += part
      if (part === room) this.#writeFullBlock(file)
    }
  }

  #copy(buf: Buffer, at: number, bytes: number, block: Block, position: number): void {
    if (buf !== this.#sourceBuffer) {
      this.#sourceBuffer = buf
      this.#sourceAddress = this.#arena?.addressOf(buf) ?? -1
    }
    if (this.#sourceAddress >= 0) this.#arena!.copy(this.#sourceAddress + at, bytes, block.address + position)
    else buf.copy(block.buf, position, at, at + bytes)
  }

  /** Makes the file now, if it does not exist yet: before its first byte, for what lies beside it. System errors. */
  create(file: StoredFile): void {
    if (file.name === '') this.#descriptorOf(file)
  }

  /** Leaves a hole of `bytes` at the file's end. */
  skip(file: StoredFile, bytes: number): void {
    this.#flushFile(file)
    file.position += bytes
  }

  /** Fills a hole that was left before. */
  writeAt(file: StoredFile, position: number, buf: Buffer, start: number, end: number): void {
    if (this.#failure === undefined && !file.full) this.#write(file, position, buf, start, end)
  }

  /**
   * Writes what is gathered of the file and closes it; returns the digest where the file has one. The file may be used
   * again afterwards.
   */
  close(file: StoredFile): string | undefined {
    this.#flushFile(file)
    if (file.name === '') return undefined
    const digest = file.digest === null || this.#failure !== undefined ? undefined : this.#digestOf(file, file.digest)
    if (file.descriptor >= 0) this.#closeDescriptor(file)
    return digest
  }

  #digestOf(file: StoredFile, digest: FileDigest): string | undefined {
    try {
      return digest.finish(() => this.#descriptorOf(file))
    } catch (error) {
      this.fail(error, this.folder.pathOf(file.name))
      return undefined
    }
  }

  /** null: better written straight. */
  #firstBlock(file: StoredFile, bytes: number): Block | null {
    if (bytes >= STRAIGHT_BYTES) return null
    let block = this.#small.take(file)
    if (block === undefined) {
      this.#flushFile((this.#small.idle() ?? this.#small.any()).owner!)
      block = this.#small.take(file)!
    }
    file.block = block
    return block
  }

  /** Moves the gathered bytes from a small block into a large one; stays with the small one if there is none to be had. */
  #enlarge(file: StoredFile, small: Block): Block {
    let large = this.#large.take(file)
    if (large === undefined) {
      const idle = this.#large.idle()
      if (idle === undefined) return small
      this.#flushFile(idle.owner!)
      large = this.#large.take(file)!
    }
    small.buf.copy(large.buf, 0, 0, file.filled)
    file.block = large
    this.#small.release(small)
    return large
  }

  #writeFullBlock(file: StoredFile): void {
    this.#writeGathered(file)
    // Others wait for a large block: let them have a turn.
    if (file.block !== null && this.#large.exhausted) this.#releaseBlock(file)
  }

  #flushFile(file: StoredFile): void {
    if (file.block === null) return
    this.#writeGathered(file)
    this.#releaseBlock(file)
  }

  #releaseBlock(file: StoredFile): void {
    const block = file.block!
    file.block = null
    if (block.buf.length === SMALL_BLOCK_BYTES) this.#small.release(block)
    else this.#large.release(block)
  }

  #writeGathered(file: StoredFile): void {
    const filled = file.filled
    file.filled = 0
    if (filled > 0 && this.#failure === undefined && !file.full) {
      this.#write(file, file.position - filled, file.block!.buf, 0, filled)
    }
  }

  #write(file: StoredFile, position: number, buf: Buffer, start: number, end: number): void {
    try {
      const descriptor = this.#descriptorOf(file)
      for (let at = start; at < end; ) at += writeSync(descriptor, buf, at, end - at, position + at - start)
    } catch (error) {
      if (errorCode(error) === 'EFBIG') {
        file.full = true
        this.fullFiles++
      } else this.fail(error, this.folder.pathOf(file.name))
      return
    }
    this.#note(file, position, end - start)
    file.digest?.update(position, buf, start, end)
  }

  #note(file: StoredFile, position: number, length: number): void {
    if (file.runs === null && position !== file.size)
      file.runs = file.size > 0 ? [{ offset: 0, length: file.size }] : []
    if (file.runs !== null) addRun(file.runs, position, length)
    if (position + length > file.size) file.size = position + length
  }

  /** The file's descriptor, opened if need be, and now the most recently used. */
  #descriptorOf(file: StoredFile): number {
    if (file.descriptor >= 0) {
      if (file !== this.#newest) {
        this.#unlink(file)
        this.#link(file)
      }
      return file.descriptor
    }
    this.#closeDownTo(this.#maximumOpen - 1)
    for (;;) {
      try {
        file.descriptor = file.name === '' ? file.owner.createFile(file) : this.folder.reopen(file.name)
        break
      } catch (error) {
        if (!isTooManyOpen(error) || this.#openCount === 0) throw error
        this.#maximumOpen = Math.max(1, this.#openCount >> 1)
        this.#closeDownTo(this.#maximumOpen - 1)
      }
    }
    // Making one file may have opened another (an index comes with its flow's file).
    this.#closeDownTo(this.#maximumOpen - 1)
    this.#openCount++
    this.#link(file)
    return file.descriptor
  }

  #closeDownTo(open: number): void {
    while (this.#openCount > open && this.#oldest !== null) this.#closeDescriptor(this.#oldest)
  }

  /** Sets the file's times, which every write has changed, and closes it. */
  #closeDescriptor(file: StoredFile): void {
    const descriptor = file.descriptor
    file.descriptor = -1
    this.#openCount--
    this.#unlink(file)
    setTimes(descriptor, file)
    try {
      closeSync(descriptor)
    } catch (error) {
      this.fail(error, this.folder.pathOf(file.name))
    }
  }

  #link(file: StoredFile): void {
    file.older = this.#newest
    file.newer = null
    if (this.#newest !== null) this.#newest.newer = file
    else this.#oldest = file
    this.#newest = file
  }

  #unlink(file: StoredFile): void {
    if (file.newer !== null) file.newer.older = file.older
    else this.#newest = file.older
    if (file.older !== null) file.older.newer = file.newer
    else this.#oldest = file.newer
    file.newer = null
    file.older = null
  }
}

function isTooManyOpen(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'EMFILE' || code === 'ENFILE'
}

function setTimes(descriptor: number, file: StoredFile): void {
  const { timeSeconds, timeNanos } = file
  if (!(timeSeconds > 0 && timeSeconds < MAXIMUM_FILE_TIME_SECONDS)) return
  try {
    const seconds = wholeMicros(timeSeconds, timeNanos)
    futimesSync(descriptor, seconds, seconds)
  } catch {
    // Some file systems keep no such times; the bytes are what matters.
  }
}

/**
 * Seconds with microseconds as one number that is cut, not rounded, to the same microsecond again: a double near 2e9
 * knows steps of 0.24 µs, so a little is added.
 */
function wholeMicros(seconds: number, nanos: number): number {
  return seconds + Math.floor(nanos / 1000) / 1e6 + 3e-7
}
