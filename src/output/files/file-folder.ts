// The output folder: makes new files in it, and the folders between, and never leaves it.

import { accessSync, constants, lstatSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { OperatorError } from '../../core/errors.ts'
import { errorCode, outputError } from './file-errors.ts'

/** How our own files are made: nothing of that name may exist, not even a link. */
export const NEW_FILE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
/**
 * Flows, reports and names of files may contain passwords, so they are as private as `-w`. A folder that existed before
 * keeps its mode.
 */
export const PRIVATE_FILE = 0o600
const PRIVATE_FOLDER = 0o700
const REOPEN = constants.O_RDWR | constants.O_NOFOLLOW
/** How many folders are remembered that we made or know to be real ones. */
const MAXIMUM_KNOWN_FOLDERS = 10_000

export class OutputFolder {
  /** As the operator wrote it. */
  readonly path: string
  /** The prefix that makes a path of a name. */
  readonly #prefix: string
  readonly #known = new Set<string>()

  /** Makes the folder and its parents if they do not exist. Throws OperatorError if it cannot be written into. */
  constructor(path: string) {
    this.path = path
    this.#prefix = join(path, 'x').slice(0, -1)
    try {
      makeWithParents(path)
      accessSync(path, constants.W_OK | constants.X_OK)
    } catch (error) {
      // EEXIST: there is a file of that name
      if (errorCode(error) === 'EEXIST')
        throw new OperatorError(`${path} is a file and not a folder`, 'choose another -o')
      throw outputError(error, path)
    }
  }

  /** The path by which a name is opened and reported; in `.` it is the name itself. */
  pathOf(name: string): string {
    return this.#prefix + name
  }

  /**
   * Makes a new empty file and returns its descriptor, or -1 when something of that name is there already: a file, a
   * folder, a symbolic link. Throws a system error (EMFILE, ENOSPC …) or OperatorError.
   */
  create(name: string): number {
    const slash = name.lastIndexOf('/')
    if (slash > 0) this.#makeFolder(name.slice(0, slash))
    try {
      return openSync(this.pathOf(name), NEW_FILE, PRIVATE_FILE)
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return -1
      if (errorCode(error) !== 'ENOENT') throw error
    }
    // Somebody has removed a folder that we made, or the output folder itself.
    this.#known.clear()
    makeWithParents(this.path)
    if (slash > 0) this.#makeFolder(name.slice(0, slash))
    return openSync(this.pathOf(name), NEW_FILE, PRIVATE_FILE)
  }

  /**
   * Opens a file that was made before. If it is gone it is made again, with a hole in place of its earlier bytes.
   * Throws system errors.
   */
  reopen(name: string): number {
    try {
      return openSync(this.pathOf(name), REOPEN)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
    const descriptor = this.create(name)
    if (descriptor < 0) throw new OperatorError(`${this.pathOf(name)} was replaced by somebody while we wrote it`)
    return descriptor
  }

  #makeFolder(folder: string): void {
    if (this.#known.has(folder)) return
    for (let end = folder.indexOf('/'); ; end = folder.indexOf('/', end + 1)) {
      this.#makeOne(end < 0 ? folder : folder.slice(0, end))
      if (end < 0) break
    }
    if (this.#known.size >= MAXIMUM_KNOWN_FOLDERS) this.#known.clear()
    this.#known.add(folder)
  }

  #makeOne(folder: string): void {
    const path = this.pathOf(folder)
    try {
      mkdirSync(path, PRIVATE_FOLDER)
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
      // A link could lead anywhere, so only a real folder in this place is accepted.
      if (!lstatSync(path).isDirectory()) {
        throw new OperatorError(
          `${path} is not a folder, but flows are to be written into it`,
          'remove it, or choose another -o or -T',
        )
      }
    }
  }
}

/** Like mkdirSync with `recursive`, which in Node 20 never returns for /proc/nothing/here. Throws system errors. */
function makeWithParents(path: string): void {
  try {
    mkdirSync(path, PRIVATE_FOLDER)
  } catch (error) {
    if (errorCode(error) === 'EEXIST' && isFolder(path)) return
    const parent = dirname(path)
    if (errorCode(error) !== 'ENOENT' || parent === path || isFolder(parent)) throw error
    makeWithParents(parent)
    mkdirSync(path, PRIVATE_FOLDER)
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
