// report.xml: writes an element for each flow when it ends, so that memory does not grow with their number.

import { closeSync, openSync, writeSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import type { Connection, Direction } from '../../core/connection.ts'
import type { SegmentConsumer } from '../../core/consumers.ts'
import type { OperatorError } from '../../core/errors.ts'
import type { Packet } from '../../core/packet.ts'
import type { WrittenFile } from '../../core/ports.ts'
import type { Segment } from '../../core/segment.ts'
import { errorCode, outputError } from '../files/file-errors.ts'
import { PRIVATE_FILE } from '../files/file-folder.ts'
import type { FlowListener } from '../files/flow-files.ts'
import type { FileUnderWay } from '../files/small-files.ts'
import {
  fileElementHead,
  fileElementTail,
  flowWithoutFileElement,
  type RunInformation,
  reportHead,
  reportTail,
  type WireBytes,
} from './report-xml.ts'

const GATHER_BYTES = 64 * 1024
/** At most so many flows without payload are listed, the rest are counted: a SYN flood must not fill the disk. */
const MAXIMUM_EMPTY_FLOWS = 10_000
const NO_WIRE_BYTES: WireBytes = { length: 0, captured: 0 }

export interface ReportOptions {
  readonly run: RunInformation
  /** The path of a file with that name. */
  readonly pathOf: (name: string) => string
  /** Both directions of a connection are in one file. */
  readonly merged: boolean
  /** Whether to overwrite an existing file: only if the operator named it. Otherwise the next free name is taken. */
  readonly overwrite: boolean
}

/**
 * Writes the report. It is told of files and flows as they end, and of every segment, for lengths on the wire. Once
 * made, it never throws: see `failure`.
 */
export class Report implements FlowListener, SegmentConsumer {
  /** The report's own path. */
  readonly path: string
  failure: OperatorError | undefined = undefined
  readonly #options: ReportOptions
  readonly #descriptor: number
  readonly #gathered = Buffer.allocUnsafeSlow(GATHER_BYTES)
  #filled = 0
  /**
   * Elements whose file has no final name yet, each with what comes after it; at most as many as files are being made.
   */
  readonly #waiting: { readonly file: FileUnderWay; after: string }[] = []
  #finished = false
  #files = 0
  #flows = 0
  #emptyFlows = 0
  #packets = 0
  #bytes = 0
  #missingBytes = 0
  /** By slot and direction: bytes on the wire, bytes captured. */
  #wire = new Float64Array(2048)

  /** Throws OperatorError when the report cannot be made. */
  constructor(path: string, options: ReportOptions) {
    this.#options = options
    const opened = openReport(path, options.overwrite)
    this.path = opened.path
    this.#descriptor = opened.descriptor
    this.#put(reportHead(options.run))
    this.flush()
  }

  onSegment(c: Connection, d: Direction, _segment: Segment, packet: Packet): void {
    this.addFrames(c, d, packet.originalLength, packet.end - packet.start)
  }

  /** The same for any number of segments: their frames' bytes on the wire, and of those captured. */
  addFrames(c: Connection, d: Direction, wireBytes: number, capturedBytes: number): void {
    const at = c.slot * 4 + d * 2
    if (at >= this.#wire.length) this.#growWire(at)
    this.#wire[at]! += wireBytes
    this.#wire[at + 1]! += capturedBytes
  }

  onFileWritten(file: WrittenFile, underWay?: FileUnderWay): void {
    const { connection: c, direction: d } = file
    const { merged } = this.#options
    this.#files++
    const wire = [this.#takeWire(c, 0, merged || d === 0), this.#takeWire(c, 1, merged || d === 1)]
    this.#count(c, d)
    if (merged) this.#count(c, d === 0 ? 1 : 0)
    this.#putSettled()
    if (underWay === undefined) this.#put(fileElementHead(file.path))
    else this.#waiting.push({ file: underWay, after: '' })
    this.#put(fileElementTail(file, merged, wire))
  }

  onFlowWithoutFile(c: Connection, d: Direction, bytes: number): void {
    const wire = this.#takeWire(c, d, true)
    this.#count(c, d)
    if (bytes === 0 && ++this.#emptyFlows > MAXIMUM_EMPTY_FLOWS) return
    this.#put(flowWithoutFileElement(c, d, bytes, wire))
  }

  flush(): void {
    this.#putSettled()
    this.#writeGathered()
  }

  #writeGathered(): void {
    const filled = this.#filled
    this.#filled = 0
    try {
      for (let at = 0; at < filled && this.failure === undefined; ) {
        at += writeSync(this.#descriptor, this.#gathered, at, filled - at)
      }
    } catch (error) {
      this.failure ??= outputError(error, this.path)
    }
  }

  /** Completes the document and closes it: no file is being made any more. */
  finish(): void {
    if (this.#finished) return
    this.#finished = true
    const { run } = this.#options
    const totals = {
      flows: this.#flows,
      files: this.#files,
      unlistedFlows: Math.max(0, this.#emptyFlows - MAXIMUM_EMPTY_FLOWS),
      packets: this.#packets,
      bytes: this.#bytes,
      missingBytes: this.#missingBytes,
    }
    this.#put(reportTail(totals, run.usage(), (Date.now() - run.startTime.getTime()) / 1000))
    this.flush()
    try {
      closeSync(this.#descriptor)
    } catch (error) {
      this.failure ??= outputError(error, this.path)
    }
  }

  /** Writes what was waiting for names that are known by now. */
  #putSettled(): void {
    while (this.#waiting[0]?.file.settled === true) {
      const { file, after } = this.#waiting.shift()!
      this.#write(fileElementHead(this.#options.pathOf(file.name)))
      this.#write(after)
    }
  }

  #put(text: string): void {
    const last = this.#waiting.at(-1)
    if (last === undefined) this.#write(text)
    else last.after += text
  }

  #write(text: string): void {
    if (this.failure !== undefined) return
    for (let rest = text; rest !== ''; ) {
      // three bytes of UTF-8 for a UTF-16 unit at most
      if (GATHER_BYTES - this.#filled < rest.length * 3) this.#writeGathered()
      const part = rest.length * 3 <= GATHER_BYTES ? rest : safePart(rest, GATHER_BYTES / 4)
      this.#filled += this.#gathered.write(part, this.#filled, 'utf8')
      rest = rest.slice(part.length)
    }
  }

  #count(c: Connection, d: Direction): void {
    const stream = c.streams[d]
    this.#flows++
    this.#packets += stream.packets
    this.#bytes += stream.bytes
    this.#missingBytes += stream.missingBytes
  }

  /** The flow's lengths, counted anew for the next connection in the slot. UDP's slots are negative. */
  #takeWire(c: Connection, d: Direction, wanted: boolean): WireBytes {
    const at = c.slot * 4 + d * 2
    if (!wanted || c.slot < 0 || at >= this.#wire.length) return NO_WIRE_BYTES
    const wire = { length: this.#wire[at]!, captured: this.#wire[at + 1]! }
    this.#wire[at] = 0
    this.#wire[at + 1] = 0
    return wire
  }

  #growWire(at: number): void {
    const grown = new Float64Array(Math.max(this.#wire.length * 2, at + 4))
    grown.set(this.#wire)
    this.#wire = grown
  }
}

/** The first `length` units of `text`, but never half of a surrogate pair. */
function safePart(text: string, length: number): string {
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length)
}

/** `report.xml`, or if that exists and must be kept `report.c1.xml`, `report.c2.xml` … */
function openReport(path: string, overwrite: boolean): { path: string; descriptor: number } {
  const extension = extname(path)
  const stem = join(dirname(path), basename(path, extension))
  for (let counter = 0; ; counter++) {
    const candidate = counter === 0 ? path : `${stem}.c${counter}${extension}`
    try {
      return { path: candidate, descriptor: openSync(candidate, overwrite ? 'w' : 'wx', PRIVATE_FILE) }
    } catch (error) {
      if (errorCode(error) !== 'EEXIST' || overwrite) throw outputError(error, candidate)
    }
  }
}
