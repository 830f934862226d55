// `--keep-around`: for weeks nothing is saved but what led to a finding. The latest packets are kept in memory; when a finding
// touches a connection, what is kept of it and what follows for five seconds becomes a file.

import type { Connection, Direction } from '../../core/connection.ts'
import type {
  ClockConsumer,
  ConnectionConsumer,
  DatagramConsumer,
  FindingConsumer,
  NetworkEventConsumer,
  SegmentConsumer,
} from '../../core/consumers.ts'
import type { Finding, FindingHost, FindingSeverity } from '../../core/finding.ts'
import { isAtLeast } from '../../core/finding.ts'
import type { Packet } from '../../core/packet.ts'
import { parseEndpoint } from '../../core/parse-endpoint.ts'
import type { Messages, Names } from '../../core/ports.ts'
import type { Arp, Datagram, IcmpError, Segment } from '../../core/segment.ts'
import { elapsedMicros, Timestamp } from '../../core/timestamp.ts'
import type { InterfaceDescription } from '../../savefile/interface.ts'
import { checkFolder } from '../packets/cannot-write.ts'
import { NewestFiles, numberedName } from '../packets/file-series.ts'
import { hostHash, type KeptPacket, PacketMemory } from './packet-memory.ts'
import { writeRecording } from './recording-file.ts'

/** Of each open connection, these many at its beginning and as many of the latest are kept longest. */
const PROTECTED_PACKETS = 8
/** What follows a finding and belongs to it. */
const FOLLOWING_MICROS = 5_000_000
/** A finding that goes on and on is recorded again after so long. */
const AGAIN_MICROS = 60_000_000
const MAXIMUM_CONNECTIONS = 20
const MAXIMUM_ACTIVE = 64

export interface FlightRecorderOptions {
  /** Each file's name is made from it: `base_00001_20261121033100_refused.pcapng`. */
  readonly path: string
  readonly memoryBytes: number
  /** The newest so many files are kept. */
  readonly keep: number
  /** Which findings: by severity, or by id. */
  readonly severity: FindingSeverity | undefined
  readonly ids: ReadonlySet<string>
  readonly names: Names | undefined
  readonly messages: Messages
}

/** A finding whose packets are being gathered. */
interface Recording {
  readonly finding: Finding
  readonly connections: Set<number>
  /** Hashes of the addresses of both ends, for packets that belong to no connection. */
  readonly hosts: ReadonlySet<number>
  readonly since: Timestamp
}

export class FlightRecorder
  implements SegmentConsumer, DatagramConsumer, NetworkEventConsumer, ConnectionConsumer, ClockConsumer, FindingConsumer
{
  readonly #options: FlightRecorderOptions
  readonly #memory: PacketMemory
  readonly #interfaces: InterfaceDescription[] = []
  /** By Connection.slot: which connection has it now (0 none), and how many packets it has had. */
  #connections = new Float64Array(1024)
  #packets = new Float64Array(1024)
  readonly #active: Recording[] = []
  readonly #files: NewestFiles
  #fileCount = 0
  readonly #saved = new Map<Finding, string>()
  readonly #latest = new Map<Finding, Timestamp>()
  readonly #now = new Timestamp()
  #failed = false

  /** Throws OperatorError where no files can be made. */
  constructor(options: FlightRecorderOptions) {
    checkFolder(options.path)
    this.#options = options
    this.#files = new NewestFiles(options.keep)
    this.#memory = new PacketMemory(options.memoryBytes, (packet) => this.#isProtected(packet))
  }

  /** The newest file with a finding's packets; '' if there is none. */
  savedAs(finding: Finding): string {
    return this.#saved.get(finding) ?? ''
  }

  // What is captured.

  onInterface(id: number, description: InterfaceDescription): void {
    this.#interfaces[id] = description
  }

  onStatistics(): void {}

  discard(): void {}

  onPacket(packet: Packet): void {
    this.#now.set(packet.time)
    this.#memory.put(packet)
  }

  onSegment(c: Connection, _d: Direction, _segment: Segment, _packet: Packet): void {
    const { slot } = c
    if (slot >= this.#connections.length) this.#grow(slot)
    if (this.#connections[slot] !== c.id) {
      this.#connections[slot] = c.id
      this.#packets[slot] = 0
    }
    this.#memory.attribute(c.id, slot, this.#packets[slot]!++)
  }

  onDatagram({
    sourceWord0,
    sourceWord1,
    sourceWord2,
    sourceWord3,
    destinationWord0,
    destinationWord1,
    destinationWord2,
    destinationWord3,
  }: Datagram): void {
    this.#memory.attributeHosts(
      hostHash(sourceWord0, sourceWord1, sourceWord2, sourceWord3),
      hostHash(destinationWord0, destinationWord1, destinationWord2, destinationWord3),
    )
  }

  /** About the ends of the packet that it quotes. */
  onIcmpError({ quotedProtocol, quoted }: IcmpError): void {
    if (quotedProtocol === 0) return
    this.#memory.attributeHosts(
      hostHash(quoted.sourceWord0, quoted.sourceWord1, quoted.sourceWord2, quoted.sourceWord3),
      hostHash(quoted.destinationWord0, quoted.destinationWord1, quoted.destinationWord2, quoted.destinationWord3),
    )
  }

  onArp({ senderAddress, targetAddress }: Arp): void {
    this.#memory.attributeHosts(hostHash(0, 0, 0, senderAddress), hostHash(0, 0, 0, targetAddress))
  }

  onOpen(): void {}

  onClose(c: Connection): void {
    if (this.#connections[c.slot] === c.id) this.#connections[c.slot] = 0
  }

  onClock(t: Timestamp): void {
    this.#now.set(t)
    if (this.#active.length === 0) return
    for (const recording of [...this.#active]) {
      const micros = elapsedMicros(recording.since, t)
      // below zero: the clock was set back
      if (micros >= FOLLOWING_MICROS || micros < 0) this.#save(recording)
    }
  }

  /** The capture has ended: everything that is still being gathered becomes a file. */
  end(): void {
    for (const recording of [...this.#active]) this.#save(recording)
  }

  // What is found.

  onFinding(finding: Finding): void {
    if (finding.state === 'open') this.#begin(finding, finding.connections)
  }

  onCase(finding: Finding, connection: number | undefined): void {
    this.#begin(finding, connection === undefined ? [] : [connection])
  }

  #begin(finding: Finding, connections: readonly number[]): void {
    if (!this.#isWanted(finding)) return
    const active = this.#active.find((recording) => recording.finding === finding)
    if (active !== undefined) {
      for (const id of connections) if (active.connections.size < MAXIMUM_CONNECTIONS) active.connections.add(id)
      return
    }
    const latest = this.#latest.get(finding)
    const sinceLatest = latest === undefined ? AGAIN_MICROS : elapsedMicros(latest, this.#now)
    if ((sinceLatest >= 0 && sinceLatest < AGAIN_MICROS) || this.#active.length >= MAXIMUM_ACTIVE) return
    const since = new Timestamp()
    since.set(this.#now)
    this.#latest.set(finding, since)
    const hosts = new Set([...hashOf(finding.client), ...hashOf(finding.server)])
    this.#active.push({ finding, connections: new Set(connections.slice(0, MAXIMUM_CONNECTIONS)), hosts, since })
  }

  #isWanted({ id, severity }: Finding): boolean {
    const { ids, severity: least } = this.#options
    return ids.has(id) || (least !== undefined && isAtLeast(severity, least))
  }

  #isProtected(packet: KeptPacket): boolean {
    const { connection, slot, number } = packet
    if (connection !== 0 && this.#connections[slot] === connection) {
      if (number < PROTECTED_PACKETS || number >= this.#packets[slot]! - PROTECTED_PACKETS) return true
    }
    for (const recording of this.#active) if (belongsTo(recording, packet)) return true
    return false
  }

  #save(recording: Recording): void {
    this.#active.splice(this.#active.indexOf(recording), 1)
    const { finding } = recording
    // it was no case after all
    if (finding.state === 'withdrawn') return
    const path = numberedName(this.#options.path, this.#fileCount + 1, recording.since.seconds, finding.id)
    try {
      const packets = writeRecording(path, {
        finding,
        memory: this.#memory,
        interfaces: this.#interfaces,
        names: this.#options.names,
        belongs: (packet) => belongsTo(recording, packet),
      })
      if (packets === 0) return
    } catch (error) {
      this.#fail(path, error)
      return
    }
    this.#fileCount++
    this.#saved.set(finding, path)
    for (const gone of this.#files.add(path)) {
      for (const [each, savedAs] of this.#saved) if (savedAs === gone) this.#saved.delete(each)
    }
  }

  /** A disk that is full now need not be in a week. */
  #fail(path: string, error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOSPC' ? 'no space left on the disk' : message
    this.#options.messages.error(
      `cannot save ${path}: ${why}`,
      'the run goes on; more failures of this kind are not told',
    )
  }

  #grow(slot: number): void {
    const length = Math.max(slot + 1, this.#connections.length * 2)
    const connections = new Float64Array(length)
    connections.set(this.#connections)
    const packets = new Float64Array(length)
    packets.set(this.#packets)
    this.#connections = connections
    this.#packets = packets
  }
}

/** Packets of its connections; of those that belong to none, what is about its hosts only. */
function belongsTo({ connections, hosts }: Recording, packet: KeptPacket): boolean {
  if (packet.connection !== 0) return connections.has(packet.connection)
  const { firstHost, secondHost } = packet
  if (firstHost === 0 || hosts.size === 0) return false
  return hosts.has(firstHost) && hosts.has(secondHost)
}

function hashOf(host: FindingHost | undefined): number[] {
  const end = host === undefined ? undefined : parseEndpoint(host.address, 0)
  return end === undefined ? [] : [hostHash(end.word0, end.word1, end.word2, end.word3)]
}
