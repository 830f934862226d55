// Flows' files that are small and complete when they are first written: the file thread makes them in one step.

import { nameWithCounter } from '../names/flow-name.ts'
import type { FileClaims } from './file-claims.ts'
import type { FileStore } from './file-store.ts'
import type { FileJob, FileThread } from './file-thread.ts'
import { StoredFile } from './stored-file.ts'

/** A file that is being made. */
export interface FileUnderWay {
  /** Below the output folder; it may get another name before the job is settled. */
  readonly name: string
  /** The file is made, and this is its final name. */
  readonly settled: boolean
}

/**
 * After so many refusals in a row no more are given away: there are files of an earlier run, and each refusal means
 * doing the work twice.
 */
const ENOUGH_REFUSALS = 64

export class SmallFiles {
  readonly #thread: FileThread
  readonly #store: FileStore
  readonly #claims: FileClaims
  /** The latest job of each name without counter. */
  readonly #namesakes = new Map<string, number>()
  #refusals = 0

  /** Only for names of which FlowNamer.plain is true. */
  constructor(thread: FileThread, store: FileStore, claims: FileClaims) {
    this.#thread = thread
    this.#store = store
    this.#claims = claims
  }

  /**
   * Gives the file thread a file that is ready to be closed, called `first` with `counter`; undefined if it does not
   * take this one.
   */
  give(file: StoredFile, first: string, counter: number): FileUnderWay | undefined {
    if (this.#refusals >= ENOUGH_REFUSALS) return undefined
    const whole = this.#store.wholeOf(file)
    if (whole === undefined) return undefined
    const making = new Making(this, file, first, counter)
    const path = this.#store.folder.pathOf(making.name)
    const job = this.#thread.make(making, path, whole, file.filled, file.timeSeconds, file.timeNanos)
    if (job < 0) return undefined
    making.job = job
    this.#namesakes.set(first, job)
    this.#store.giveUp(file)
    return making
  }

  /** Returns when no file whose name without counter is `first` is being made. */
  waitFor(first: string): void {
    const job = this.#namesakes.get(first)
    if (job === undefined) return
    this.#thread.waitFor(job)
    this.#thread.settle()
  }

  /** Called by Making. */
  made(making: Making): void {
    this.#refusals = 0
    this.#settled(making)
  }

  #settled(making: Making): void {
    making.settled = true
    if (this.#namesakes.get(making.first) === making.job) this.#namesakes.delete(making.first)
  }

  /** Called by Making: the name is taken, or the disk has no room. The file is then made like every other. */
  makeHere(making: Making, content: Buffer): void {
    const file = new StoredFile({
      createFile: () => {
        const descriptor = this.#claims.createNamed(making.first, making.counter)
        making.name = this.#claims.name
        file.name = making.name
        return descriptor
      },
    })
    file.timeSeconds = making.timeSeconds
    file.timeNanos = making.timeNanos
    this.#store.append(file, content, 0, content.length)
    this.#store.close(file)
    this.#refusals++
    this.#settled(making)
  }
}

class Making implements FileUnderWay, FileJob {
  name: string
  settled = false
  job = -1
  readonly first: string
  readonly counter: number
  readonly timeSeconds: number
  readonly timeNanos: number
  readonly #owner: SmallFiles

  constructor(owner: SmallFiles, file: StoredFile, first: string, counter: number) {
    this.#owner = owner
    this.name = nameWithCounter(first, counter)
    this.first = first
    this.counter = counter
    this.timeSeconds = file.timeSeconds
    this.timeNanos = file.timeNanos
  }

  onDone(): void {
    this.#owner.made(this)
  }

  onRefused(content: Buffer): void {
    this.#owner.makeHere(this, content)
  }
}
