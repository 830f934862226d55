// Writes many files at once: gathers their bytes in pooled blocks, and keeps a bounded number open, closing the one
// that was used longest ago. Nothing is lost by that: a file is opened again where it was left.

import type { Arena } from '../../core/arena.ts'
import type { Sink } from '../../core/consumers.ts'
import type { OperatorError } from '../../core/errors.ts'
import { writeAll } from '../writing/write-all.ts'
import { type BlockPool, largeBlocks, SMALL_BLOCK_BYTES, smallBlocks } from './file-blocks.ts'
import type { FileDigest } from './file-digest.ts'
import { errorCode, outputError } from './file-errors.ts'
import { OutputFolder } from './file-folder.ts'
import { type FileJob, FileThread } from './file-thread.ts'
import { OpenFiles } from './open-files.ts'
import type { Block, StoredFile } from './stored-file.ts'
import { addRange } from './written-ranges.ts'

/** A delivery of at least this size is written without being gathered, if nothing is waiting before it. */
const STRAIGHT_BYTES = 32 * 1024
const MAXIMUM_OPEN_BY_DEFAULT = 1024
/** With fewer descriptors than this, every open file must be one that can be closed at once. */
const MINIMUM_OPEN_TO_LAG = 256
const MAXIMUM_LAGGING_FILES = 128

export class FileStore implements Sink {
  readonly folder: OutputFolder
  /** Files that reached the largest size that their file system allows; their further bytes are lost. */
  fullFiles = 0
  readonly #open: OpenFiles
  readonly #small: BlockPool
  readonly #large: BlockPool
  readonly #arena: Arena | undefined
  /** The buffer used last, and its address: asking a Buffer for its address costs more than comparing two buffers. */
  #sourceBuffer: Buffer | undefined = undefined
  #sourceAddress = -1
  #failure: OperatorError | undefined = undefined
  #failureTold = false
  #laggingFiles = 0
  /** undefined without an arena. */
  readonly thread: FileThread | undefined

  /**
   * Makes the output folder; throws OperatorError where it cannot be written into. `maximumOpenFiles` 0 or Infinity: a
   * default. Where the system allows fewer, fewer are kept open. Blocks are cut from `arena` (FILE_BLOCKS_BYTES of it), if
   * given: bytes that lie there too are copied faster.
   */
  constructor(outputFolder: string, maximumOpenFiles: number, arena?: Arena) {
    this.#arena = arena
    this.thread = arena === undefined ? undefined : new FileThread(arena)
    this.#small = smallBlocks(arena)
    this.#large = largeBlocks(arena)
    this.folder = new OutputFolder(outputFolder)
    const given = Number.isFinite(maximumOpenFiles) && maximumOpenFiles >= 1
    const maximum = given ? Math.floor(maximumOpenFiles) : MAXIMUM_OPEN_BY_DEFAULT
    this.#open = new OpenFiles(this.folder, maximum, (file, error) => this.fail(error, this.folder.pathOf(file.name)))
  }

  /** The first error; nothing is written after it. */
  get failure(): OperatorError | undefined {
    return this.#failure
  }

  get openFiles(): number {
    return this.#open.count
  }

  /** What does not fit waits where it is written, so this says only that `drain` has an error to tell. */
  get blocked(): boolean {
    return this.#failure !== undefined
  }

  async drain(): Promise<void> {
    if (this.#failure === undefined) return
    this.#failureTold = true
    throw this.#failure
  }

  flush(): void {
    this.settle()
    this.#small.forEachOwner((file) => this.#flushFile(file))
    this.#large.forEachOwner((file) => this.#flushFile(file))
    this.thread?.wake()
  }

  /** Learns what the file thread has finished meanwhile. Blocks may change owners. */
  settle(): void {
    this.thread?.settle()
  }

  /** Resolves when the file thread has finished everything; after that there is no file thread. */
  async allSettled(): Promise<void> {
    await this.thread?.finish()
  }

  /** Rejects with the OperatorError of an error that `drain` has not told yet. */
  async finish(): Promise<void> {
    this.flush()
    await this.allSettled()
    this.#open.closeAll()
    if (this.#failure !== undefined && !this.#failureTold) await this.drain()
  }

  /** For what is written besides the store's own files (the report): an error there ends the run like one of ours. */
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
    if (this.#sourceAddress >= 0 && block.address >= 0)
      this.#arena!.copy(this.#sourceAddress + at, bytes, block.address + position)
    else buf.copy(block.buf, position, at, at + bytes)
  }

  /**
   * Makes the file now if it does not exist yet, because something beside it is written before its first byte. Throws
   * system errors.
   */
  create(file: StoredFile): void {
    if (file.name === '') this.#open.descriptorOf(file)
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
   * Writes the file's gathered bytes and closes it; returns the digest if it has one. The file may be used again
   * afterwards.
   */
  close(file: StoredFile): string | undefined {
    this.#flushFile(file)
    if (file.name === '') return undefined
    const digest = file.digest === null || this.#failure !== undefined ? undefined : this.#digestOf(file, file.digest)
    if (file.descriptor >= 0) this.#open.close(file)
    return digest
  }

  /**
   * All bytes of a file that does not exist yet and is complete: `filled` bytes of a small block. At its next call the
   * store has the block again. undefined if the store must write the file itself.
   */
  wholeOf(file: StoredFile): Buffer | undefined {
    if (file.name !== '' || file.block === null || file.digest !== null || this.#failure !== undefined) return undefined
    const whole = file.filled === file.position && file.block.buf.length === SMALL_BLOCK_BYTES
    return whole ? file.block.buf : undefined
  }

  /** The file thread makes this file of `wholeOf`; here it counts as closed without having been made. */
  giveUp(file: StoredFile): void {
    file.size = file.filled
    file.filled = 0
    this.#releaseBlock(file)
  }

  #digestOf(file: StoredFile, digest: FileDigest): string | undefined {
    try {
      return digest.finish(() => this.#open.descriptorOf(file))
    } catch (error) {
      this.fail(error, this.folder.pathOf(file.name))
      return undefined
    }
  }

  /** null: it is better to write directly. */
  #firstBlock(file: StoredFile, bytes: number): Block | null {
    if (bytes >= STRAIGHT_BYTES && file.underWay === 0) return null
    let block = this.#small.take(file)
    if (block === undefined) {
      const other = (this.#small.idle() ?? this.#small.any())?.owner
      if (other != null) this.#flushFile(other)
      block = this.#small.take(file) ?? this.#small.spare(file)
    }
    file.block = block
    return block
  }

  /** Moves the gathered bytes from a small block into a large one; keeps the small one if no large one can be had. */
  #enlarge(file: StoredFile, small: Block): Block {
    let large = this.#large.take(file)
    if (large === undefined) {
      const idle = this.#large.idle()
      if (idle === undefined) return small
      this.#flushFile(idle.owner!)
      large = this.#large.take(file)
      if (large === undefined) return small
    }
    small.buf.copy(large.buf, 0, 0, file.filled)
    file.block = large
    this.#small.release(small)
    return large
  }

  #writeFullBlock(file: StoredFile): void {
    // which may have flushed it
    this.settle()
    if (file.block === null) return
    this.#writeGathered(file, this.#mayLag(file))
    // Others are waiting for a large block: this file gives its up.
    if (file.block !== null && this.#large.exhausted) this.#releaseBlock(file)
  }

  #flushFile(file: StoredFile): void {
    if (file.block === null) return
    this.#writeGathered(file, file.underWay > 0)
    if (file.block !== null) this.#releaseBlock(file)
  }

  /**
   * Whether the thread may write the file's bytes: only while enough descriptors are left that can be closed at once.
   */
  #mayLag(file: StoredFile): boolean {
    if (file.underWay > 0) return true
    if (!file.mayLag || file.digest !== null || this.#open.maximum < MINIMUM_OPEN_TO_LAG) return false
    return this.#laggingFiles < MAXIMUM_LAGGING_FILES
  }

  #releaseBlock(file: StoredFile): void {
    const block = file.block!
    file.block = null
    this.#releaseToPool(block)
  }

  #releaseToPool(block: Block): void {
    if (block.buf.length === SMALL_BLOCK_BYTES) this.#small.release(block)
    else this.#large.release(block)
  }

  /** `lagging`: the thread writes them, if it accepts the job; the block then goes with its bytes. */
  #writeGathered(file: StoredFile, lagging: boolean): void {
    const filled = file.filled
    file.filled = 0
    if (filled === 0 || this.#failure !== undefined || file.full) return
    const position = file.position - filled
    const block = file.block!
    if (lagging && block.address >= 0 && this.#writeLagging(file, block, position, filled)) return
    // so that nobody who reads the file meanwhile sees a hole that is not one
    if (file.underWay > 0) this.thread!.waitFor(file.latestJob)
    this.#write(file, position, block.buf, 0, filled)
  }

  #writeLagging(file: StoredFile, block: Block, position: number, bytes: number): boolean {
    let descriptor: number
    try {
      descriptor = this.#open.descriptorOf(file)
    } catch (error) {
      this.#failWrite(file, error)
      return true
    }
    const job = this.thread!.write(
      new BlockUnderWay(this, file, block, position, bytes),
      descriptor,
      block.address,
      bytes,
      position,
    )
    if (job < 0) return false
    file.block = null
    block.owner = null
    file.latestJob = job
    if (file.underWay++ === 0) this.#laggingFiles++
    this.#note(file, position, bytes)
    return true
  }

  /** Called by BlockUnderWay. */
  blockDone({ file, block }: BlockUnderWay): void {
    this.#releaseToPool(block)
    if (--file.underWay > 0) return
    this.#laggingFiles--
    this.#open.nothingUnderWay(file)
  }

  /** Called by BlockUnderWay: writes again, to learn the reason for the error. */
  blockRefused(refused: BlockUnderWay): void {
    const { file, block, position, bytes } = refused
    if (this.#failure === undefined && !file.full) {
      try {
        writeAll(file.descriptor, block.buf, 0, bytes, position)
      } catch (error) {
        this.#failWrite(file, error)
      }
    }
    this.blockDone(refused)
  }

  #failWrite(file: StoredFile, error: unknown): void {
    if (errorCode(error) === 'EFBIG') {
      if (!file.full) this.fullFiles++
      file.full = true
    } else this.fail(error, this.folder.pathOf(file.name))
  }

  #write(file: StoredFile, position: number, buf: Buffer, start: number, end: number): void {
    try {
      writeAll(this.#open.descriptorOf(file), buf, start, end, position)
    } catch (error) {
      this.#failWrite(file, error)
      return
    }
    this.#note(file, position, end - start)
    file.digest?.update(position, buf, start, end)
  }

  #note(file: StoredFile, position: number, length: number): void {
    if (file.ranges === null && position !== file.size)
      file.ranges = file.size > 0 ? [{ offset: 0, length: file.size }] : []
    if (file.ranges !== null) addRange(file.ranges, position, length)
    if (position + length > file.size) file.size = position + length
  }
}

/** A block that the file thread is writing. */
class BlockUnderWay implements FileJob {
  readonly #store: FileStore
  readonly file: StoredFile
  readonly block: Block
  /** Its position in the file. */
  readonly position: number
  readonly bytes: number

  constructor(store: FileStore, file: StoredFile, block: Block, position: number, bytes: number) {
    this.#store = store
    this.file = file
    this.block = block
    this.position = position
    this.bytes = bytes
  }

  onDone(): void {
    this.#store.blockDone(this)
  }

  onRefused(): void {
    this.#store.blockRefused(this)
  }
}
