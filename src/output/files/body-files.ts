// `-e http`, `-a`: writes each HTTP body to a file of its own, FLOW-HTTPBODY-001.html.

import type { BodyConsumer } from '../../core/body-consumer.ts'
import type { Connection, Direction } from '../../core/connection.ts'
import type { Sink } from '../../core/consumers.ts'
import { OperatorError } from '../../core/errors.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import { FileStore } from './file-store.ts'
import { mediaTypeExtension } from './media-types.ts'
import { type FileOwner, StoredFile } from './stored-file.ts'

const MAXIMUM_TRIES = 1_000_000

class BodyFile extends StoredFile {
  /** The beginning of the file's name, `FLOW-HTTPBODY-`, and its end. */
  readonly prefix: string
  readonly extension: string
  readonly flow: BodyFlow

  constructor(owner: FileOwner, prefix: string, extension: string, flow: BodyFlow) {
    super(owner)
    this.prefix = prefix
    this.extension = extension
    this.flow = flow
  }
}

/** A direction of a connection that has had a body. */
interface BodyFlow {
  readonly connectionId: number
  bodies: number
  file: BodyFile | undefined
}

/**
 * Writes bodies as they come, in the output folder, and never over an existing file. A gap within a body that was sent
 * without compression becomes a hole of that size in its file; bytes that come before the body ends fill it. A
 * compressed body ends at its gap. Files get the time of the body's first byte. `blocked` and `drain` report errors of
 * the disk.
 */
export class BodyFiles implements BodyConsumer, Sink, FileOwner {
  /** Files written, and how many of them are incomplete: cut short, damaged, or with a hole. */
  files = 0
  incompleteFiles = 0
  readonly #store: FileStore
  readonly #nameOf: (c: Connection, d: Direction) => string
  /**
   * By slot and direction; kept until the slot belongs to another connection.
   * 84t| only a hole, or the disk is full
   */
  readonly #flows: (BodyFlow | undefined)[]

  /**
   * Makes the folder; throws OperatorError where it cannot be written into. `nameOf` gives the flow's name below it.
   * `maximumOpenFiles` 0: a default.
   */
  constructor(outputFolder: string, maximumOpenFiles: number, nameOf: (c: Connection, d: Direction) => string) {
    this.#store = new FileStore(outputFolder, maximumOpenFiles)
    this.#nameOf = nameOf
    this.#flows = []
  }

  onBodyStart(c: Connection, d: Direction, contentType: string, t: Timestamp): void {
    const flow = this.#flowOf(c, d)
    flow.bodies++
    const file = new BodyFile(this, `${this.#nameOf(c, d)}-HTTPBODY-`, mediaTypeExtension(contentType), flow)
    file.setTime(t)
    flow.file = file
  }

  onBodyData(c: Connection, d: Direction, buf: Buffer, start: number, end: number, _t: Timestamp): void {
    this.#store.append(this.#flows[c.slot * 2 + d]!.file!, buf, start, end)
  }

  onBodyGap(c: Connection, d: Direction, missing: number, _t: Timestamp): void {
    this.#store.skip(this.#flows[c.slot * 2 + d]!.file!, missing)
  }

  onBodyLateData(c: Connection, d: Direction, position: number, buf: Buffer, start: number, end: number): void {
    this.#store.writeAt(this.#flows[c.slot * 2 + d]!.file!, position, buf, start, end)
  }

  onBodyEnd(c: Connection, d: Direction, whole: boolean, _t: Timestamp): void {
    const flow = this.#flows[c.slot * 2 + d]!
    const file = flow.file!
    flow.file = undefined
    this.#store.close(file)
    if (file.name === '') return // nothing but a hole, or the disk is full
    this.files++
    if (!whole) this.incompleteFiles++
  }

  #flowOf(c: Connection, d: Direction): BodyFlow {
    const at = c.slot * 2 + d
    while (this.#flows.length <= at) this.#flows.push(undefined)
    let flow = this.#flows[at]
    if (flow === undefined || flow.connectionId !== c.id) {
      flow = { connectionId: c.id, bodies: 0, file: undefined }
      this.#flows[at] = flow
    }
    return flow
  }

  /** For the store: the body's number is its place in the flow, or the next one that no file has. */
  createFile(file: BodyFile): number {
    for (let tries = 0; tries < MAXIMUM_TRIES; tries++) {
      const name = `${file.prefix}${String(file.flow.bodies).padStart(3, '0')}${file.extension}`
      const descriptor = this.#store.folder.create(name)
      if (descriptor >= 0) {
        file.name = name
        return descriptor
      }
      file.flow.bodies++
    }
    throw new OperatorError(
      `there are too many files called ${this.#store.folder.pathOf(file.prefix)}…`,
      'choose an empty folder with -o',
    )
  }

  get blocked(): boolean {
    return this.#store.blocked
  }

  drain(): Promise<void> {
    return this.#store.drain()
  }

  flush(): void {
    this.#store.flush()
  }

  finish(): Promise<void> {
    return this.#store.finish()
  }
}
