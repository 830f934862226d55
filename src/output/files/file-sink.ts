// Writes everything below the output folder: a file for each flow, its index, its packets, and the report about them.

import { join, resolve } from 'node:path'
import type { Arena } from '../../core/arena.ts'
import type { CloseReason, Connection, Direction, GapCause } from '../../core/connection.ts'
import type { DatagramConsumer, SegmentConsumer, Sink, StreamConsumer } from '../../core/consumers.ts'
import type { Packet } from '../../core/packet.ts'
import type { FileWritten, Names, WrittenFile } from '../../core/ports.ts'
import type { Datagram, Segment } from '../../core/segment.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import type { FilesPlan } from '../../plan.ts'
import { compileNameTemplate } from '../names/flow-name.ts'
import { PacketFiles } from '../packets/packet-files.ts'
import { Report } from '../report/report.ts'
import type { RunInformation } from '../report/report-xml.ts'
import { FileStore } from './file-store.ts'
import { FlowFiles, type FlowListener } from './flow-files.ts'
import { UdpConnections } from './udp-files.ts'

/**
 * Writes files as a FilesPlan says. It wants every stream event, datagrams with --udp, and segments if `wantsSegments`.
 * It does not throw when writing fails: then `blocked` is true, `drain` rejects with the OperatorError, and what was
 * written stays.
 */
export class FileSink implements StreamConsumer, DatagramConsumer, SegmentConsumer, Sink {
  /** True when onSegment has something to do: the report's lengths, or -K. */
  readonly wantsSegments: boolean
  readonly #store: FileStore
  readonly #streams: StreamConsumer & { finish(): void }
  readonly #udpStreams: StreamConsumer & { finish(): void }
  readonly #udp: UdpConnections
  readonly #packets: PacketFiles | undefined
  readonly #report: Report | undefined
  #finished = false

  /**
   * Makes the output folder and begins the report. Throws OperatorError when that cannot be done, UsageError for a bad
   * template. `listener` hears of every file that is complete. See FileStore for `arena`. `names` are for templates that ask.
   */
  constructor(plan: FilesPlan, run: RunInformation, listener?: FileWritten, arena?: Arena, names?: Names) {
    const namer = compileNameTemplate(plan.nameTemplate, names)
    const store = new FileStore(plan.outputFolder, plan.maximumOpenFiles, arena)
    this.#store = store
    this.#report = plan.reportPath === undefined ? undefined : makeReport(plan, plan.reportPath, run, store)
    const listeners: FlowListener[] = []
    if (this.#report !== undefined) listeners.push(this.#report)
    if (listener !== undefined) listeners.push(new FilesOnly(listener))
    const makeStreams = () =>
      plan.flowFiles ? new FlowFiles(plan, store, namer, listeners) : new FlowsWithoutFiles(listeners)
    this.#streams = makeStreams()
    this.#udpStreams = makeStreams()
    this.#udp = new UdpConnections(this.#udpStreams)
    this.#packets = plan.packetsPerFlow ? new PacketFiles(store, namer) : undefined
    this.wantsSegments = this.#packets !== undefined || this.#report !== undefined
  }

  /** Where the report is being written; undefined without one. */
  get reportPath(): string | undefined {
    return this.#report?.path
  }

  /** Files that grew to the largest size that their file system knows and lost the rest. */
  get fullFiles(): number {
    return this.#store.fullFiles
  }

  /** What the file thread has done. */
  get threadJobsDone(): number {
    return this.#store.thread?.jobsDone ?? 0
  }

  /** There will be enough work for a file thread: it starts now, and not only when the work is there. */
  expectMuch(): void {
    this.#store.thread?.expectMuch()
  }

  onOpen(c: Connection, t: Timestamp): void {
    this.#streams.onOpen(c, t)
  }

  onData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#streams.onData(c, d, offset, buf, start, end, t)
  }

  onGap(c: Connection, d: Direction, offset: number, missing: number, cause: GapCause, t: Timestamp): void {
    this.#streams.onGap(c, d, offset, missing, cause, t)
  }

  onLateData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    this.#streams.onLateData(c, d, offset, buf, start, end, t)
  }

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    this.#streams.onClose(c, why, t)
    this.#packets?.closeConnection(c)
  }

  onSegment(c: Connection, d: Direction, segment: Segment, packet: Packet): void {
    this.#report?.onSegment(c, d, segment, packet)
    this.#packets?.onSegment(c, d, segment, packet)
  }

  onDatagram(datagram: Datagram, packet: Packet): void {
    this.#udp.onDatagram(datagram, packet)
  }

  get blocked(): boolean {
    return this.#store.blocked || this.#report?.failure !== undefined
  }

  async drain(): Promise<void> {
    this.#noteReportFailure()
    return this.#store.drain()
  }

  flush(): void {
    this.#store.flush()
    this.#report?.flush()
  }

  async finish(): Promise<void> {
    if (this.#finished) return
    this.#finished = true
    this.#streams.finish()
    this.#udp.finish()
    this.#udpStreams.finish()
    this.#packets?.finish()
    // names that the report is waiting for
    await this.#store.allSettled()
    this.#report?.finish()
    this.#noteReportFailure()
    await this.#store.finish()
  }

  #noteReportFailure(): void {
    const report = this.#report
    if (report?.failure !== undefined) this.#store.fail(report.failure, report.path)
  }
}

function makeReport(plan: FilesPlan, path: string, run: RunInformation, { folder }: FileStore): Report {
  // In the output folder the report of an earlier run stays; a path that the operator gave is overwritten.
  const overwrite = resolve(path) !== resolve(join(plan.outputFolder, 'report.xml'))
  return new Report(path, { run, merged: plan.merge, overwrite, pathOf: (name) => folder.pathOf(name) })
}

/** -FX: only the report. */
class FlowsWithoutFiles implements StreamConsumer {
  readonly #listeners: readonly FlowListener[]

  constructor(listeners: readonly FlowListener[]) {
    this.#listeners = listeners
  }

  onOpen(): void {}
  onData(): void {}
  onGap(): void {}
  onLateData(): void {}
  finish(): void {}

  onClose(c: Connection): void {
    for (const listener of this.#listeners) {
      if (c.streams[0].packets > 0) listener.onFlowWithoutFile(c, 0, c.streams[0].bytes)
      if (c.streams[1].packets > 0) listener.onFlowWithoutFile(c, 1, c.streams[1].bytes)
    }
  }
}

class FilesOnly implements FlowListener {
  readonly #listener: FileWritten

  constructor(listener: FileWritten) {
    this.#listener = listener
  }

  onFileWritten(file: WrittenFile): void {
    this.#listener.onFileWritten(file)
  }

  onFlowWithoutFile(): void {}
}
