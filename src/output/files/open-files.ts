// The files that are open at the same time. Their number is bounded: the one used longest ago is closed, and opened
// again where it was left.

import { closeSync } from 'node:fs'
import { errorCode } from './file-errors.ts'
import type { OutputFolder } from './file-folder.ts'
import { setFileTimes } from './file-times.ts'
import { RecencyList } from './recency-list.ts'
import type { StoredFile } from './stored-file.ts'

export class OpenFiles {
  count = 0
  readonly #folder: OutputFolder
  readonly #onFailed: (file: StoredFile, error: unknown) => void
  #maximumOpen: number
  readonly #byUse = new RecencyList<StoredFile>()

  /**
   * If the system allows fewer than `maximumOpen`, fewer are kept open. `onFailed` is told of a file that could not be
   * closed.
   */
  constructor(folder: OutputFolder, maximumOpen: number, onFailed: (file: StoredFile, error: unknown) => void) {
    this.#folder = folder
    this.#maximumOpen = maximumOpen
    this.#onFailed = onFailed
  }

  get maximum(): number {
    return this.#maximumOpen
  }

  closeAll(): void {
    while (this.#byUse.oldest !== null) this.close(this.#byUse.oldest)
  }

  /** The last bytes of the file that were with the file thread have been written. */
  nothingUnderWay(file: StoredFile): void {
    if (file.closing) this.#closeNow(file)
  }

  /** The file's descriptor, opened if needed. The file is the most recently used now. */
  descriptorOf(file: StoredFile): number {
    if (file.descriptor >= 0) {
      if (file.closing) {
        file.closing = false
        this.#byUse.add(file)
      } else this.#byUse.touch(file)
      return file.descriptor
    }
    this.#closeDownTo(this.#maximumOpen - 1)
    for (;;) {
      try {
        file.descriptor = file.name === '' ? file.owner.createFile(file) : this.#folder.reopen(file.name)
        break
      } catch (error) {
        const open = this.count
        if (!isTooManyOpen(error) || open === 0) throw error
        this.#maximumOpen = Math.max(1, open >> 1)
        this.#closeDownTo(this.#maximumOpen - 1)
        if (this.count === open) throw error
      }
    }
    // Making one file may have opened another (an index together with its flow's file).
    this.#closeDownTo(this.#maximumOpen - 1)
    this.count++
    this.#byUse.add(file)
    return file.descriptor
  }

  #closeDownTo(open: number): void {
    // skips what is being written
    for (let skipped = 0; this.count > open && this.#byUse.oldest !== null && skipped <= this.count; ) {
      const file = this.#byUse.oldest
      if (file.underWay === 0) this.close(file)
      else {
        skipped++
        this.#byUse.touch(file)
      }
    }
  }

  /** Closes the file now, or as soon as nothing of it is being written. */
  close(file: StoredFile): void {
    if (file.closing) return
    this.#byUse.remove(file)
    if (file.underWay === 0) this.#closeNow(file)
    else file.closing = true
  }

  /** Sets the file's times, which every write has changed, and closes it. */
  #closeNow(file: StoredFile): void {
    const descriptor = file.descriptor
    file.descriptor = -1
    file.closing = false
    this.count--
    setFileTimes(descriptor, file.timeSeconds, file.timeNanos)
    try {
      closeSync(descriptor)
    } catch (error) {
      this.#onFailed(file, error)
    }
  }
}

function isTooManyOpen(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'EMFILE' || code === 'ENFILE'
}
