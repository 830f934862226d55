// A file that gets its name only when it is complete, so that nobody who picks up files finds half of one. Until then,
// and after the program was killed, it is called NAME.partial.

import {
  accessSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { OperatorError } from '../../core/errors.ts'
import { errorCode } from '../files/file-errors.ts'
import { NEW_FILE, PRIVATE_FILE } from '../files/file-folder.ts'
import { placeOf } from './files-in-use.ts'

const MAXIMUM_PARTIAL_FILES = 1000

export class WholeFile {
  readonly descriptor: number
  /** Where the bytes are written now; undefined: straight to the final path. */
  readonly partialPath: string | undefined
  readonly #path: string
  readonly #place: string
  /** Inode of the file to be overwritten; undefined if there is none. */
  readonly #earlier: number | undefined

  /**
   * Opens for writing and reading. Written directly: anything but a regular file (/dev/stdout, a FIFO, /dev/null), a
   * file that is a mount point (as containers get single files), and a file in a folder that we may not write into.
   * Throws a system error.
   */
  constructor(path: string) {
    this.#path = path
    const status = statSync(path, { throwIfNoEntry: false })
    const place = status === undefined || status.isFile() ? placeOf(path) : undefined
    this.#place = place ?? path
    this.#earlier = status?.ino
    // a file that may not be written is not replaced either
    if (status !== undefined && place !== undefined) accessSync(place, constants.W_OK)
    const partial = place === undefined || isMountPoint(place) ? undefined : openPartial(place)
    this.partialPath = partial?.path
    this.descriptor = partial?.descriptor ?? openDirectly(path, status?.isFIFO() === true)
  }

  /** Closes it and gives it its name. Throws OperatorError if somebody else has made a file of that name meanwhile. */
  finish(): void {
    if (this.partialPath === undefined) {
      closeSync(this.descriptor)
      return
    }
    const now = lstatSync(this.#place, { throwIfNoEntry: false })
    if (now !== undefined && now.ino !== this.#earlier) {
      closeSync(this.descriptor)
      throw new OperatorError(
        `${this.#path} was made by somebody else meanwhile: the packets are in ${this.partialPath}`,
      )
    }
    try {
      closeSync(this.descriptor)
      renameSync(this.partialPath, this.#place)
    } catch (error) {
      throw new OperatorError(
        `${this.#path} cannot be given its name (${errorCode(error)}): the packets are in ${this.partialPath}`,
      )
    }
  }

  /** Closes it as if it had never been begun. */
  discard(): void {
    closeSync(this.descriptor)
    if (this.partialPath === undefined) return
    try {
      unlinkSync(this.partialPath)
    } catch {
      // somebody else was faster
    }
  }
}

/** undefined where it is the folder, not the file, that stands in the way. System errors. */
function openPartial(place: string): { path: string; descriptor: number } | undefined {
  // what an earlier run has left is the only copy of it
  for (let number = 1; number <= MAXIMUM_PARTIAL_FILES; number++) {
    const path = `${place}${number === 1 ? '' : `.${number}`}.partial`
    try {
      return { path, descriptor: openSync(path, NEW_FILE, PRIVATE_FILE) }
    } catch (error) {
      if (['EACCES', 'EPERM', 'ENAMETOOLONG'].includes(errorCode(error))) return undefined
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }
  throw new OperatorError(`there are too many files called ${place}.….partial`, 'look at them, and remove them')
}

function openDirectly(path: string, isFifo: boolean): number {
  // if we could read it too, we would not wait for its reader, and what is written before the reader comes would be
  // lost
  if (isFifo) return openSync(path, 'w')
  try {
    // readable too, to find the block that a full disk has cut
    return openSync(path, 'w+', PRIVATE_FILE)
  } catch (error) {
    // a pipe or device may be writable only
    if (errorCode(error) !== 'EACCES') throw error
    return openSync(path, 'w', PRIVATE_FILE)
  }
}

/** A mount point cannot be renamed over (proc(5), mountinfo: the fifth field, odd characters in octal). */
function isMountPoint(place: string): boolean {
  try {
    const points = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
    return points.some(
      (point) => point.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))) === place,
    )
  } catch {
    return false
  }
}
