// `-K`: the packets of each flow in a pcap file of their own, NAME.pcap, as they were captured.

import type { Connection, Direction } from '../../core/connection.ts'
import type { SegmentConsumer } from '../../core/consumers.ts'
import type { Packet } from '../../core/packet.ts'
import type { Segment } from '../../core/segment.ts'
import { PcapWriter } from '../../savefile/pcap-writer.ts'
import { FileClaims } from '../files/file-claims.ts'
import type { FileStore } from '../files/file-store.ts'
import { type FileOwner, StoredFile } from '../files/stored-file.ts'
import type { FlowNamer } from '../names/flow-name.ts'

class PacketFile extends StoredFile {
  readonly connection: Connection
  readonly direction: Direction
  readonly linkType: number
  /** The same flow's packets from interfaces with another link type: a pcap file can have only one. */
  next: PacketFile | null = null

  constructor(owner: FileOwner, connection: Connection, direction: Direction, linkType: number) {
    super(owner)
    this.connection = connection
    this.direction = direction
    this.linkType = linkType
  }
}

export class PacketFiles implements SegmentConsumer, FileOwner {
  readonly #store: FileStore
  readonly #claims: FileClaims
  readonly #writer: PcapWriter
  /** By slot and direction. */
  readonly #files: (PacketFile | undefined)[] = []
  #current: PacketFile | undefined = undefined

  constructor(store: FileStore, namer: FlowNamer) {
    this.#store = store
    this.#claims = new FileClaims(store.folder, namer)
    const append = (buf: Buffer, start: number, end: number) => store.append(this.#current!, buf, start, end)
    this.#writer = new PcapWriter(append, { nanoseconds: true })
  }

  onSegment(c: Connection, d: Direction, _segment: Segment, packet: Packet): void {
    const at = c.slot * 2 + d
    let file = this.#files[at]
    while (file !== undefined && file.linkType !== packet.linkType) file = file.next ?? undefined
    this.#current = file ?? this.#begin(c, d, packet)
    this.#writer.writePacket(packet.time, packet.originalLength, packet.buf, packet.start, packet.end)
  }

  #begin(c: Connection, d: Direction, packet: Packet): PacketFile {
    const at = c.slot * 2 + d
    while (this.#files.length <= at) this.#files.push(undefined)
    const file = new PacketFile(this, c, d, packet.linkType)
    file.setTime(packet.time)
    file.next = this.#files[at] ?? null
    this.#files[at] = file
    this.#current = file
    this.#writer.writeHeader(packet.linkType)
    return file
  }

  createFile(file: PacketFile): number {
    const descriptor = this.#claims.create(file.connection, file.direction, '.pcap')
    file.name = this.#claims.name
    return descriptor
  }

  closeConnection(c: Connection): void {
    this.#close(c.slot * 2)
    this.#close(c.slot * 2 + 1)
  }

  finish(): void {
    for (let at = 0; at < this.#files.length; at++) this.#close(at)
  }

  #close(at: number): void {
    for (let file = this.#files[at] ?? null; file !== null; file = file.next) this.#store.close(file)
    if (at < this.#files.length) this.#files[at] = undefined
  }
}
