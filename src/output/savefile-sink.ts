// `-w`: every packet that was captured, saved as pcapng with its interface, nanoseconds and the kernel's drop counters;
// to a file, to standard output, or to a row of files that begin anew at a size or an age.

import { closeSync, openSync, unlinkSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import type { PacketConsumer, Sink } from '../core/consumers.ts'
import { OperatorError } from '../core/errors.ts'
import type { Packet } from '../core/packet.ts'
import { Timestamp } from '../core/timestamp.ts'
import type { SavePlan } from '../plan.ts'
import type { InterfaceDescription, InterfaceStatistics } from '../savefile/interface.ts'
import { PcapngWriter } from '../savefile/pcapng-writer.ts'
import { OutputStream } from './output-stream.ts'

/** Captures hold passwords: readable by their owner alone, as tcpdump run by root under a strict umask would leave them. */
const FILE_MODE = 0o600

export class SavefileSink implements PacketConsumer, Sink {
  readonly #plan: SavePlan
  readonly #stdout: number
  readonly #writer: PcapngWriter
  /** Interfaces as the run numbers them, and their numbers in the file being written; -1 not in it yet. */
  readonly #descriptions: InterfaceDescription[] = []
  readonly #numbers: number[] = []
  #stream: OutputStream
  #descriptor = -1
  /** Rotated files, oldest first, when only some are kept. */
  readonly #files: string[] = []
  #fileNumber = 0
  #startedAt = 0
  #sectionBytes = 0
  /** Streams of earlier files, still being written out. */
  #finishing: Promise<void> = Promise.resolve()
  readonly #lastTime = new Timestamp()

  /** Opens the first file, so that a bad path is found before anything is captured. Throws OperatorError. */
  constructor(plan: SavePlan, stdout: number) {
    this.#plan = plan
    this.#stdout = stdout
    this.#stream = this.#open(undefined)
    this.#writer = new PcapngWriter((buf, start, end) => this.#stream.write(buf, start, end))
    this.#begin()
  }

  /** The interface `id` of later packets and statistics; called before the first of them. */
  onInterface(id: number, description: InterfaceDescription): void {
    this.#descriptions[id] = description
    this.#numbers[id] = -1
  }

  onPacket(packet: Packet): void {
    this.#rotateAt(packet.time)
    const number = this.#numberOf(packet.interfaceId)
    this.#writer.writePacket(number, packet.time, packet.originalLength, packet.buf, packet.start, packet.end)
  }

  onStatistics(statistics: InterfaceStatistics): void {
    this.#writer.writeStatistics(this.#numberOf(statistics.interfaceId), statistics)
  }

  get blocked(): boolean {
    return this.#stream.blocked
  }

  drain(): Promise<void> {
    return this.#stream.drain()
  }

  flush(): void {
    this.#stream.flush()
  }

  async finish(): Promise<void> {
    await this.#finishing
    await this.#stream.finish()
    if (this.#descriptor >= 0) closeSync(this.#descriptor)
    this.#descriptor = -1
  }

  abandon(): void {
    this.#stream.abandon()
  }

  #numberOf(id: number): number {
    const known = this.#numbers[id]!
    if (known >= 0) return known
    const number = this.#writer.writeInterface(this.#descriptions[id]!)
    this.#numbers[id] = number
    return number
  }

  #begin(): void {
    this.#writer.writeSection()
    this.#numbers.fill(-1)
    this.#sectionBytes = this.#writer.bytesWritten
  }

  /** A new file by the packet's time, so that a replay is cut at the same places. */
  #rotateAt(time: Timestamp): void {
    const { rotateBytes, rotateSeconds } = this.#plan
    this.#lastTime.set(time)
    if (this.#startedAt === 0) this.#startedAt = time.seconds
    if (rotateBytes === 0 && rotateSeconds === 0) return
    const fileBytes = this.#writer.bytesWritten - this.#sectionBytes
    const full = rotateBytes > 0 && fileBytes >= rotateBytes
    const old = rotateSeconds > 0 && time.seconds - this.#startedAt >= rotateSeconds
    if (!full && !old) return
    this.#startedAt = time.seconds
    const before = this.#stream
    const descriptor = this.#descriptor
    // Files are written synchronously, so this is done at once; a failure comes out at finish.
    this.#finishing = this.#finishing.then(() => before.finish()).finally(() => closeSync(descriptor))
    this.#finishing.catch(() => {})
    this.#stream = this.#open(time)
    this.#begin()
  }

  #open(time: Timestamp | undefined): OutputStream {
    const { path } = this.#plan
    if (path === '-') return new OutputStream(this.#stdout, { name: 'standard output' })
    const rotates = this.#plan.rotateBytes > 0 || this.#plan.rotateSeconds > 0
    const name = rotates ? rotatedName(path, ++this.#fileNumber, time) : path
    try {
      this.#descriptor = openSync(name, 'w', FILE_MODE)
    } catch (error) {
      throw new OperatorError(
        `cannot write ${name}: ${(error as Error).message}`,
        `is ${dirname(name)} a folder that you may write to?`,
      )
    }
    if (rotates) this.#forget(name)
    return new OutputStream(this.#descriptor, { name })
  }

  /** Removes the oldest of this run's files when there are more than are to be kept. */
  #forget(newest: string): void {
    if (this.#plan.keep === 0) return
    this.#files.push(newest)
    while (this.#files.length > this.#plan.keep) {
      try {
        unlinkSync(this.#files.shift()!)
      } catch {
        // somebody else has moved or removed it
      }
    }
  }
}

/** As dumpcap names them: `base_00001_20261121033100.pcapng`; the time is the first packet's, or now for the first file. */
function rotatedName(path: string, number: number, time: Timestamp | undefined): string {
  const extension = extname(path)
  const base = path.slice(0, path.length - extension.length)
  const moment = time === undefined ? new Date() : new Date(time.seconds * 1000)
  const stamp = moment.toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return join(`${base}_${String(number).padStart(5, '0')}_${stamp}${extension}`)
}
