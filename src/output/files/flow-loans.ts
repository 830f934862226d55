// How bytes get into a flow's file without being given to the sink.

import type { Connection, Direction } from '../../core/connection.ts'
import type { Report } from '../report/report.ts'
import type { FileStore } from './file-store.ts'
import type { FlowFiles } from './flow-files.ts'
import type { StoredFile } from './stored-file.ts'

/** For code that puts the bytes of flows into their files' blocks itself, instead of giving them to the sink. */
export class FlowLoans {
  readonly store: FileStore
  readonly #files: FlowFiles
  readonly #report: Report | undefined

  constructor(files: FlowFiles, store: FileStore, report: Report | undefined) {
    this.#files = files
    this.store = store
    this.#report = report
  }

  /** undefined: give the flow's next bytes to the sink; after that there is a block. */
  fileOf(c: Connection, d: Direction): StoredFile | undefined {
    return this.#files.fileOf(c, d)
  }

  /** So many segments of these frames, each captured whole, were not given to the sink. */
  addFrames(c: Connection, d: Direction, frameBytes: number): void {
    this.#report?.addFrames(c, d, frameBytes, frameBytes)
  }
}
