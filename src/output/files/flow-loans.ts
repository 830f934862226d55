// How a flow's file gets bytes that nobody gives to the sink.

import type { Connection, Direction } from '../../core/connection.ts'
import type { Report } from '../report/report.ts'
import type { FileStore } from './file-store.ts'
import type { FlowFiles } from './flow-files.ts'
import type { StoredFile } from './stored-file.ts'

/** For who puts flows' bytes into their files' blocks himself, instead of giving them to the sink. */
export class FlowLoans {
  readonly store: FileStore
  readonly #files: FlowFiles
  readonly #report: Report | undefined

  constructor(files: FlowFiles, store: FileStore, report: Report | undefined) {
    this.#files = files
    this.store = store
    this.#report = report
  }

  /** undefined: give its next bytes to the sink, then there is one. */
  fileOf(c: Connection, d: Direction): StoredFile | undefined {
    return this.#files.fileOf(c, d)
  }

  /** Segments of these frames, each captured whole, have passed the sink by. */
  addFrames(c: Connection, d: Direction, frameBytes: number): void {
    this.#report?.addFrames(c, d, frameBytes, frameBytes)
  }
}
