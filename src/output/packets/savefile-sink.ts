// `-w`: saves every packet that was captured as pcapng, with its interface, nanoseconds and the kernel's drop counters;
// to a file, to standard output, or to a series of files that is rotated by size or age.

import type { PacketConsumer, Sink } from '../../core/consumers.ts'
import { OperatorError } from '../../core/errors.ts'
import type { Packet } from '../../core/packet.ts'
import type { NamedAddress, Names } from '../../core/ports.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import type { SavePlan } from '../../plan.ts'
import type { InterfaceDescription, InterfaceStatistics } from '../../savefile/interface.ts'
import { PcapngWriter } from '../../savefile/pcapng-writer.ts'
import type { FilesInUse } from '../writing/files-in-use.ts'
import { OutputStream } from '../writing/output-stream.ts'
import { WholeFile } from '../writing/whole-file.ts'
import { cannotWrite, checkFolder } from './cannot-write.ts'
import { NewestFiles, numberedName } from './file-series.ts'
import { cutBrokenBlock } from './savefile-repair.ts'

/** The size of a packet's block without the packet, padding included. */
const MAXIMUM_BLOCK_OVERHEAD_BYTES = 35

/**
 * Without rotation the file is called as the plan says and an earlier one is written over, as by tcpdump. With rotation the names are
 * dumpcap's, `base_00001_20261121033100.pcapng`, and the time in them, like a file's age, is the packets': a replay is
 * cut at the same places. Each file begins with a section of its own and the interfaces that it uses, and is no larger
 * than asked for unless one packet is, or names are many. Names of hosts stand in each file behind its first interface, and
 * again when there are new ones: those are looked for when the input pauses, and once a second of capture time. A file is
 * called NAME.partial until it is whole (see WholeFile).
 *
 * Nothing throws after the constructor: when the disk is full or the reader gone, packets are dropped, `blocked` is true
 * and `drain` or `finish` rejects with an OperatorError; the file then ends with its last whole packet.
 */
export class SavefileSink implements PacketConsumer, Sink {
  readonly #plan: SavePlan
  readonly #rotates: boolean
  readonly #stdout: number
  readonly #writer: PcapngWriter
  /** Interfaces as the run numbers them, and their numbers in the file being written; -1 not in it yet. */
  readonly #descriptions: InterfaceDescription[]
  readonly #numbers: number[]
  #stream: OutputStream | undefined
  #file: WholeFile | undefined
  readonly #inUse: FilesInUse | undefined
  /** Rotated files, oldest first, when only some are kept. */
  readonly #files: NewestFiles
  #fileCount: number
  #startedSeconds: number
  /**
   * The writer's count where the current file began; the packets in it; how many of its bytes are known to be whole
   * blocks.
   */
  #fileStart: number
  #filePackets: number
  #wholeBytes: number
  readonly #names: Names | undefined
  /** The names in the current file, by address; their version then; and when they were last looked at. */
  #writtenNames: Map<string, string>
  #namesVersion: number
  #namesSeconds: number
  #failure: OperatorError | undefined
  #failureTold: boolean

  /**
   * Opens the file, or checks that files can be made in the folder. Never overwrites one of those `inUse`. Throws
   * OperatorError.
   */
  constructor(plan: SavePlan, stdout: number, names?: Names, inUse?: FilesInUse) {
    this.#plan = plan
    this.#rotates = plan.path !== '-' && (plan.rotateBytes > 0 || plan.rotateSeconds > 0)
    this.#stdout = stdout
    this.#descriptions = []
    this.#numbers = []
    this.#stream = undefined
    this.#file = undefined
    this.#inUse = inUse
    this.#files = new NewestFiles(plan.keep)
    this.#fileCount = 0
    this.#startedSeconds = 0
    this.#fileStart = 0
    this.#filePackets = 0
    this.#wholeBytes = 0
    this.#names = names
    this.#writtenNames = new Map()
    this.#namesVersion = -1
    this.#namesSeconds = Number.NaN
    this.#failure = undefined
    this.#failureTold = false
    this.#writer = new PcapngWriter((buf, start, end) => this.#stream!.write(buf, start, end))
    if (this.#rotates) checkFolder(plan.path)
    else this.#begin(plan.path)
  }

  /** Announces the interface `id` of later packets and statistics; called before the first of them. */
  onInterface(id: number, description: InterfaceDescription): void {
    this.#descriptions[id] = description
    this.#numbers[id] = -1
    // a reader of a pipe should learn of it before anything is captured
    if (this.#stream !== undefined) this.#numberOf(id)
  }

  onPacket(packet: Packet): void {
    const length = packet.end - packet.start
    if (!this.#ready(packet.time, length + MAXIMUM_BLOCK_OVERHEAD_BYTES)) return
    const number = this.#numberOf(packet.interfaceId)
    if (packet.time.seconds !== this.#namesSeconds && this.#names !== undefined) {
      this.#namesSeconds = packet.time.seconds
      this.#writeNewNames(this.#names)
    }
    const stream = this.#stream!
    // the stream writes whole blocks, so that the file always ends with one
    const gathers = length + MAXIMUM_BLOCK_OVERHEAD_BYTES <= stream.buffer.length
    if (gathers) stream.reserve(length + MAXIMUM_BLOCK_OVERHEAD_BYTES)
    if (!stream.blocked) this.#wholeBytes = stream.writtenBytes
    this.#writer.writePacket(number, packet.time, packet.originalLength, packet.buf, packet.start, packet.end)
    if (!gathers) stream.flush()
    this.#filePackets++
  }

  onStatistics(statistics: InterfaceStatistics): void {
    if (this.#stream === undefined && !this.#ready(statistics.time, 0)) return
    this.#writer.writeStatistics(this.#numberOf(statistics.interfaceId), statistics)
  }

  get blocked(): boolean {
    return (this.#failure !== undefined && !this.#failureTold) || this.#stream?.blocked === true
  }

  async drain(): Promise<void> {
    this.#tellFailure()
    await this.#stream?.drain()
  }

  flush(): void {
    if (this.#names !== undefined && this.#stream !== undefined) this.#writeNewNames(this.#names)
    this.#stream?.flush()
  }

  async finish(): Promise<void> {
    try {
      this.flush()
      await this.#stream?.finish()
    } finally {
      this.#close()
    }
    this.#tellFailure()
  }

  discard(): void {
    this.#file?.discard()
    this.#file = undefined
    this.#stream = undefined
  }

  abandon(): void {
    this.#stream?.abandon()
  }

  /** Names that are known but not in the current file yet. */
  #writeNewNames(names: Names): void {
    if (names.version === this.#namesVersion) return
    this.#namesVersion = names.version
    const now = new Map<string, string>()
    const fresh: NamedAddress[] = []
    for (const entry of names.entries()) {
      if (now.has(entry.address)) continue
      const { name, container, image, network } = entry
      const known = [name, container, image, network].join('\0')
      now.set(entry.address, known)
      if (this.#writtenNames.get(entry.address) !== known) fresh.push(entry)
    }
    this.#writtenNames = now
    this.#writer.writeNames(fresh)
  }

  #tellFailure(): void {
    if (this.#failure === undefined || this.#failureTold) return
    this.#failureTold = true
    throw this.#failure
  }

  #numberOf(id: number): number {
    const known = this.#numbers[id]!
    if (known >= 0) return known
    const number = this.#writer.writeInterface(this.#descriptions[id]!)
    this.#numbers[id] = number
    return number
  }

  /** False if there is no file that can take a block of that size and time. */
  #ready(time: Timestamp, bytes: number): boolean {
    if (!this.#rotates) return true
    if (this.#failure !== undefined) return false
    if (this.#stream !== undefined) {
      if (!this.#isFull(time, bytes)) return true
      this.#stream.flush()
      // not written: drain says why, and nothing more is accepted
      if (this.#stream.blocked) return true
      this.#close()
      if (this.#failure !== undefined) return false
    }
    this.#startedSeconds = time.seconds
    try {
      this.#begin(numberedName(this.#plan.path, ++this.#fileCount, time.seconds))
    } catch (error) {
      this.#failure = error as OperatorError
    }
    return this.#failure === undefined
  }

  #isFull(time: Timestamp, bytes: number): boolean {
    if (this.#filePackets === 0) return false
    const { rotateBytes, rotateSeconds } = this.#plan
    if (rotateBytes > 0 && this.#writer.bytesWritten - this.#fileStart + bytes > rotateBytes) return true
    // after a clock was set back the age is counted anew
    if (time.seconds < this.#startedSeconds - rotateSeconds) this.#startedSeconds = time.seconds
    return rotateSeconds > 0 && time.seconds - this.#startedSeconds >= rotateSeconds
  }

  /** Opens a file and begins its section. Throws OperatorError. */
  #begin(path: string): void {
    if (path === '-') this.#stream = new OutputStream(this.#stdout, { name: 'standard output' })
    else {
      this.#file = openFile(path, this.#inUse)
      this.#stream = new OutputStream(this.#file.descriptor, { name: path })
      if (this.#rotates) this.#files.add(path)
    }
    this.#fileStart = this.#writer.bytesWritten
    this.#filePackets = 0
    this.#wholeBytes = 0
    this.#numbers.fill(-1)
    this.#writtenNames = new Map()
    this.#namesVersion = -1
    this.#namesSeconds = Number.NaN
    this.#writer.writeSection()
  }

  #close(): void {
    const file = this.#file
    this.#file = undefined
    this.#stream = undefined
    if (file === undefined) return
    cutBrokenBlock(file.descriptor, this.#wholeBytes)
    try {
      file.finish()
    } catch (error) {
      this.#failure = error as OperatorError
    }
  }
}

function openFile(path: string, inUse: FilesInUse | undefined): WholeFile {
  const used = inUse?.nameOf(path)
  if (used !== undefined) throw new OperatorError(`-w would write over ${path}, which is read`, 'give -w another name')
  try {
    return new WholeFile(path)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw cannotWrite(path, error)
  }
}
