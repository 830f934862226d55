// `-I`: NAME.findx beside a flow's file says when each part of it arrived, one `offset|seconds.microseconds|length` a
// line, sorted by offset.

import { readFileSync, writeFileSync } from 'node:fs'
import type { Timestamp } from '../../core/timestamp.ts'
import type { FileStore } from './file-store.ts'
import { type FileOwner, StoredFile } from './stored-file.ts'

const MAXIMUM_LATE_LINES = 4096
/** An index longer than this is not sorted again: late lines stay at its end. */
const MAXIMUM_SORTED_BYTES = 64 * 1024 * 1024

export class FlowIndex implements FileOwner {
  readonly #store: FileStore
  readonly #flowFile: StoredFile
  readonly file: StoredFile
  readonly #late: string[] = []

  constructor(store: FileStore, flowFile: StoredFile) {
    this.#store = store
    this.#flowFile = flowFile
    this.file = new StoredFile(this)
  }

  /** `length` bytes that arrived at `t` are put at the end of the flow's file, at `offset`. */
  add(offset: number, t: Timestamp, length: number): void {
    this.#append(indexLine(offset, t, length))
  }

  /** Bytes that came late and go into a hole. */
  addLate(offset: number, t: Timestamp, length: number): void {
    if (this.#late.length < MAXIMUM_LATE_LINES) this.#late.push(indexLine(offset, t, length))
  }

  createFile(file: StoredFile): number {
    this.#store.create(this.#flowFile)
    const { folder } = this.#store
    for (let taken = 0; ; taken++) {
      file.name = `${this.#flowFile.name}${taken === 0 ? '' : `.${taken}`}.findx`
      const descriptor = folder.create(file.name)
      if (descriptor >= 0) return descriptor
    }
  }

  close(): void {
    const sortable = this.file.position < MAXIMUM_SORTED_BYTES
    for (const line of this.#late) this.#append(line)
    this.#store.close(this.file)
    if (this.#late.length === 0 || !sortable || this.#store.failure !== undefined || this.file.name === '') return
    const path = this.#store.folder.pathOf(this.file.name)
    try {
      const lines = readFileSync(path, 'latin1').split('\n').slice(0, -1)
      lines.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      writeFileSync(path, `${lines.join('\n')}\n`, { flag: 'r+' })
    } catch (error) {
      this.#store.fail(error, path)
    }
  }

  #append(line: string): void {
    const length = LINE.write(line, 'latin1')
    this.#store.append(this.file, LINE, 0, length)
  }
}

const LINE = Buffer.alloc(128)

function indexLine(offset: number, t: Timestamp, length: number): string {
  const micros = String(Math.floor(t.nanos / 1000)).padStart(6, '0')
  return `${offset}|${t.seconds}.${micros}|${length}\n`
}
