// Writes each flow's bytes into its file: in order, with gaps as the operator wants them, and late bytes put into their
// holes.

import type { CloseReason, Connection, Direction, GapCause } from '../../core/connection.ts'
import type { StreamConsumer } from '../../core/consumers.ts'
import type { WrittenFile } from '../../core/ports.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import type { FilesPlan } from '../../plan.ts'
import type { FlowNamer } from '../names/flow-name.ts'
import { FileClaims } from './file-claims.ts'
import { FileDigest } from './file-digest.ts'
import { printableInto } from './file-printable.ts'
import type { FileStore } from './file-store.ts'
import { FlowIndex } from './index-file.ts'
import { MergeHoles } from './merge-holes.ts'
import { type FileUnderWay, SmallFiles } from './small-files.ts'
import { type FileOwner, StoredFile } from './stored-file.ts'
import type { WrittenRange } from './written-ranges.ts'

/** Is told of each flow at its end. */
export interface FlowListener {
  /** `underWay`: the file is being made, and its path may still change. */
  onFileWritten(file: WrittenFile, underWay?: FileUnderWay): void
  /** A flow without a file: none was wanted, or it had no bytes. `bytes`: payload that was delivered. */
  onFlowWithoutFile(connection: Connection, direction: Direction, bytes: number): void
}

/**
 * How many files are remembered whose connections left the table and may speak again. Beyond this the oldest are
 * forgotten, and get a new file then.
 */
const MAXIMUM_RESUMABLE = 32_768
const STRIP_BYTES = 64 * 1024

class FlowFile extends StoredFile {
  readonly connection: Connection
  readonly direction: Direction
  /** Position in the file minus offset in the stream, if holes are kept and each direction has its own file. */
  shift = 0
  index: FlowIndex | null = null
  holes: MergeHoles | null = null

  constructor(owner: FileOwner, connection: Connection, direction: Direction) {
    super(owner)
    this.mayLag = true
    this.connection = connection
    this.direction = direction
  }
}

interface Resumable {
  readonly name: string
  readonly position: number
  readonly size: number
  readonly ranges: WrittenRange[] | null
  readonly timeSeconds: number
  readonly timeNanos: number
  readonly indexName: string
  readonly indexPosition: number
}

export class FlowFiles implements StreamConsumer, FileOwner {
  readonly #store: FileStore
  readonly #claims: FileClaims
  readonly #namer: FlowNamer
  readonly #plan: FilesPlan
  readonly #listeners: readonly FlowListener[]
  /** By slot and direction; with --merge both directions have the same file. */
  readonly #files: (FlowFile | undefined)[] = []
  readonly #resumable = new Map<string, Resumable>()
  readonly #stripped: Buffer
  /** undefined: we make every file ourselves. */
  readonly #small: SmallFiles | undefined

  constructor(plan: FilesPlan, store: FileStore, namer: FlowNamer, listeners: readonly FlowListener[]) {
    this.#plan = plan
    this.#namer = namer
    this.#store = store
    this.#claims = new FileClaims(store.folder, namer)
    this.#listeners = listeners
    this.#stripped = Buffer.alloc(plan.strip ? STRIP_BYTES : 0)
    // with --merge and -I, several of a connection's files are made at once
    const alone = !plan.merge && !plan.index && namer.plain
    this.#small = alone && store.thread !== undefined ? new SmallFiles(store.thread, store, this.#claims) : undefined
  }

  onOpen(_c: Connection, _t: Timestamp): void {
    // A file exists only from its first byte on.
  }

  onData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const room = this.#plan.maximumBytes - offset
    if (room <= 0) return
    const kept = end - start > room ? start + room : end
    const file = this.#files[indexOf(c, d)] ?? this.#begin(c, d, offset)
    if (file.index !== null) file.index.add(file.position, t, kept - start)
    if (this.#plan.strip) this.#appendStripped(file, buf, start, kept)
    else this.#store.append(file, buf, start, kept)
  }

  onGap(c: Connection, d: Direction, offset: number, missing: number, _cause: GapCause, _t: Timestamp): void {
    const { gaps, maximumBytes } = this.#plan
    if (gaps === 'skip' || offset >= maximumBytes) return
    const file = this.#files[indexOf(c, d)] ?? this.#begin(c, d, offset)
    if (gaps === 'hole') {
      file.holes?.add(d, offset, missing, file.position)
      this.#store.skip(file, missing)
    } else {
      const mark = Buffer.from(`[${missing} bytes missing]`, 'latin1')
      this.#store.append(file, mark, 0, mark.length)
    }
  }

  onLateData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const file = this.#files[indexOf(c, d)]
    if (file === undefined || this.#plan.gaps !== 'hole') return
    const length = Math.min(end - start, this.#plan.maximumBytes - offset)
    if (length <= 0) return
    if (file.holes === null) this.#fill(file, offset + file.shift, buf, start, start + length, t)
    else file.holes.within(d, offset, length, (from, to, at) => this.#fill(file, at, buf, start + from, start + to, t))
  }

  onClose(c: Connection, why: CloseReason, _t: Timestamp): void {
    const written = this.#end(c, 0, why)
    if (!(written && this.#plan.merge)) this.#end(c, 1, why)
  }

  /** Closes all files that are still open. */
  finish(): void {
    for (let at = 0; at < this.#files.length; at++) {
      const file = this.#files[at]
      if (file !== undefined) this.onClose(file.connection, 'capture-ended', file.connection.lastPacketTime)
    }
  }

  /** Called by the store. */
  createFile(file: FlowFile): number {
    const descriptor = this.#claims.create(file.connection, file.direction, '')
    file.name = this.#claims.name
    return descriptor
  }

  #begin(c: Connection, d: Direction, offset: number): FlowFile {
    const { merge, index, md5 } = this.#plan
    const file = new FlowFile(this, c, merge ? 0 : d)
    const first = merge ? c.openTime : c.streams[d].firstPacketTime
    file.setTime(first.seconds === 0 ? c.openTime : first)
    if (md5) file.digest = new FileDigest()
    if (index) file.index = new FlowIndex(this.#store, file)
    if (merge) file.holes = new MergeHoles()
    if (c.resumed) this.#resume(file)
    // the connections of one 4-tuple get their counters in order
    if (c.occurrence > 0) this.#small?.waitFor(this.#namer.name(c, d, 0))
    file.shift = file.position - offset
    const at = indexOf(c, d)
    while (this.#files.length <= (at | 1)) this.#files.push(undefined)
    this.#files[at] = file
    if (merge) this.#files[at ^ 1] = file
    return file
  }

  #appendStripped(file: FlowFile, buf: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at += STRIP_BYTES) {
      const length = Math.min(STRIP_BYTES, end - at)
      printableInto(this.#stripped, buf, at, at + length)
      this.#store.append(file, this.#stripped, 0, length)
    }
  }

  #fill(file: FlowFile, position: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    // Before the beginning: the hole was in the part of the file that was forgotten (see MAXIMUM_RESUMABLE).
    const from = position < 0 ? start - position : start
    if (from >= end) return
    const at = Math.max(0, position)
    file.index?.addLate(at, t, end - from)
    if (!this.#plan.strip) this.#store.writeAt(file, at, buf, from, end)
    else {
      const printable = Buffer.alloc(end - from)
      printableInto(printable, buf, from, end)
      this.#store.writeAt(file, at, printable, 0, printable.length)
    }
  }

  /** True when the flow has a file. */
  #end(c: Connection, d: Direction, why: CloseReason): boolean {
    const at = indexOf(c, d)
    const file = this.#files[at]
    if (file !== undefined) {
      this.#files[at] = undefined
      if (this.#plan.merge) this.#files[at ^ 1] = undefined
      // what may go on later keeps its name, so it must have one
      const mayGoOn = why === 'evicted' || why === 'timeout'
      const underWay = mayGoOn || file.name !== '' ? undefined : this.#giveAway(file)
      const md5 = underWay === undefined ? this.#store.close(file) : undefined
      file.index?.close()
      if (file.name !== '') {
        if (mayGoOn) this.#remember(file)
        this.#tell(file, md5, underWay)
        return true
      }
    }
    if (c.streams[d].packets === 0) return false
    for (const listener of this.#listeners) listener.onFlowWithoutFile(c, d, c.streams[d].bytes)
    return false
  }

  /** A small file that is complete now is made by the file thread, if there is one. */
  #giveAway(file: FlowFile): FileUnderWay | undefined {
    const { connection: c, direction: d } = file
    // elsewhere, and with UDP, others may have the same ends: they get their counters in the order in which they come
    if (this.#small === undefined || c.place !== 0 || c.slot < 0) return undefined
    this.#store.settle()
    const underWay = this.#small.give(file, this.#namer.name(c, d, 0), this.#namer.firstCounter(c))
    if (underWay !== undefined) file.name = underWay.name
    return underWay
  }

  #tell(file: FlowFile, md5: string | undefined, underWay: FileUnderWay | undefined): void {
    if (this.#listeners.length === 0) return
    const written = {
      path: this.#store.folder.pathOf(file.name),
      connection: file.connection,
      direction: file.direction,
      sizeBytes: file.size,
      ranges: file.ranges ?? [{ offset: 0, length: file.size }],
      md5,
      sha256: undefined,
    }
    for (const listener of this.#listeners) listener.onFileWritten(written, underWay)
  }

  #remember(file: FlowFile): void {
    if (this.#resumable.size >= MAXIMUM_RESUMABLE) {
      for (const oldest of this.#resumable.keys()) {
        this.#resumable.delete(oldest)
        break
      }
    }
    const { name, position, size, ranges, timeSeconds, timeNanos } = file
    const indexName = file.index?.file.name ?? ''
    const indexPosition = file.index?.file.position ?? 0
    const resumable = { name, position, size, ranges, timeSeconds, timeNanos, indexName, indexPosition }
    this.#resumable.set(resumeKey(file), resumable)
  }

  /** The file of the connection's earlier part, if it is known. */
  #resume(file: FlowFile): void {
    const key = resumeKey(file)
    const earlier = this.#resumable.get(key)
    if (earlier === undefined) return
    this.#resumable.delete(key)
    file.name = earlier.name
    file.position = earlier.position
    file.size = earlier.size
    file.ranges = earlier.ranges
    file.timeSeconds = earlier.timeSeconds
    file.timeNanos = earlier.timeNanos
    file.digest?.startUnknown()
    if (file.index === null) return
    file.index.file.name = earlier.indexName
    file.index.file.position = earlier.indexPosition
  }
}

/** Not the flow's name: that may hold the time of its first packet, which the second part does not know. */
function resumeKey(file: FlowFile): string {
  const { place, endpoints, occurrence } = file.connection
  const d = file.direction
  return `${place} ${endpoints[d]} ${endpoints[d === 0 ? 1 : 0]} ${occurrence}`
}

/** UDP connections have negative slots, see udp-files.ts. */
function indexOf(c: Connection, d: Direction): number {
  return (c.slot < 0 ? ~c.slot : c.slot) * 2 + d
}
