// What the capture child writes: packets and statistics as pcapng, gathered into one buffer and written in one call.

import { InterfaceStatistics } from '../savefile/interface.ts'
import { PcapngWriter } from '../savefile/pcapng-writer.ts'
import { PACKET_GATHERER_MODULE_BASE64 } from './packet-gatherer-wasm.ts'

/** Room for the largest packet, and for many of the usual ones. */
const GATHER_BYTES = 512 * 1024
const PAGE_BYTES = 65536

// The parts of the memory: libpcap's packet header, the packet, the gathered output.
const HEADER_ADDRESS = 0
const HEADER_BYTES = 16
const PACKET_ADDRESS = 64

/** What packet-gatherer.wat exports. */
interface PacketGatherer {
  readonly used: { value: number }
  readonly packetsUntilCheck: { value: number }
  readonly latestMicros: { value: bigint }
  readonly stopMicros: { value: bigint }
  layOut(header: number, packet: number, packetRoom: number, gathered: number, room: number): void
  onPacket(): void
}

export interface CaptureOutputOptions {
  /** The longest packet that may come. */
  readonly snapshotBytes: number
  /** It must have written or copied all of the bytes when it returns. */
  readonly write: (buf: Buffer, start: number, end: number) => void
  /** Called from within `onPacket`, after each `packetsBetweenChecks` packets. */
  readonly check?: () => void
  readonly packetsBetweenChecks?: number
  /** Called from within `onPacket`, before a packet that is later than `stopAt` said. */
  readonly late?: () => void
}

/**
 * Writes one interface's pcapng section. libpcap's binding calls a WebAssembly function for each packet as it would call any
 * other. So no JavaScript runs for a packet, nothing is allocated, and the first packets are as fast as the last.
 */
export class CaptureOutput {
  /** Where the binding puts a packet's bytes. */
  readonly bytes: Buffer
  /** Where the binding puts the header: seconds, microseconds, captured and original length, 32 bits each. */
  readonly header: Buffer
  /** Takes the packet that lies there. */
  readonly onPacket: () => void
  /** Bytes handed to `write` so far. */
  writtenBytes = 0
  readonly #write: CaptureOutputOptions['write']
  readonly #gathered: Buffer
  readonly #gatherer: PacketGatherer
  readonly #packetsBetweenChecks: number
  readonly #writer = new PcapngWriter((buf, start, end) => this.#gather(buf, start, end))
  readonly #statistics = new InterfaceStatistics()
  readonly #received = new WideCounter()
  readonly #dropped = new WideCounter()
  readonly #interfaceDropped = new WideCounter()
  /** The moment up to which the caller says that all packets have been written. */
  #advancedMicros = 0

  constructor(options: CaptureOutputOptions) {
    const { snapshotBytes, write, check, packetsBetweenChecks = 0x7fff_ffff, late } = options
    const packetRoom = (snapshotBytes + 3) & ~3
    const gatheredAddress = PACKET_ADDRESS + packetRoom
    const pages = Math.ceil((gatheredAddress + GATHER_BYTES) / PAGE_BYTES)
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    this.#write = write
    this.#packetsBetweenChecks = packetsBetweenChecks
    this.header = Buffer.from(memory.buffer, HEADER_ADDRESS, HEADER_BYTES)
    this.bytes = Buffer.from(memory.buffer, PACKET_ADDRESS, packetRoom)
    this.#gathered = Buffer.from(memory.buffer, gatheredAddress, GATHER_BYTES)
    const host = {
      memory,
      flush: () => this.flush(),
      check: () => {
        this.#gatherer.packetsUntilCheck.value = this.#packetsBetweenChecks
        check?.()
      },
      late: () => late?.(),
    }
    const module = new WebAssembly.Module(Buffer.from(PACKET_GATHERER_MODULE_BASE64, 'base64'))
    this.#gatherer = new WebAssembly.Instance(module, { host }).exports as unknown as PacketGatherer
    this.#gatherer.layOut(HEADER_ADDRESS, PACKET_ADDRESS, packetRoom, gatheredAddress, GATHER_BYTES)
    this.#gatherer.packetsUntilCheck.value = packetsBetweenChecks
    this.onPacket = this.#gatherer.onPacket
  }

  /** `place` and `description`: see CaptureRequest; the filter is added to the description. */
  begin(name: string, filter: string, linkType: number, snapshotBytes: number, place = '', description = ''): void {
    const parts = filter === '' ? [description] : [description, `filter: ${filter}`]
    this.#writer.writeSection()
    this.#writer.writeInterface({
      linkType,
      snapshotLength: snapshotBytes,
      name,
      description: parts.filter((part) => part !== '').join(', '),
      placeName: place,
    })
  }

  /** Packets later than this, in microseconds since 1970, are `late`. */
  stopAt(micros: number): void {
    this.#gatherer.stopMicros.value = BigInt(Math.floor(micros))
  }

  /** All packets up to this moment have been written. */
  advance(micros: number): void {
    this.#advancedMicros = Math.max(this.#advancedMicros, micros)
  }

  /** Writes libpcap's counters (32 bits, they wrap). Their time is the latest that was written, so that times never go back. */
  statistics(received: number, dropped: number, interfaceDropped: number): void {
    this.advance(Number(this.#gatherer.latestMicros.value))
    const statistics = this.#statistics
    statistics.time.seconds = Math.floor(this.#advancedMicros / 1e6)
    statistics.time.nanos = (this.#advancedMicros - statistics.time.seconds * 1e6) * 1000
    statistics.received = this.#received.follow(received)
    statistics.dropped = this.#dropped.follow(dropped)
    statistics.interfaceDropped = this.#interfaceDropped.follow(interfaceDropped)
    this.#writer.writeStatistics(0, statistics)
  }

  flush(): void {
    const { used } = this.#gatherer
    const bytes = used.value
    if (bytes === 0) return
    used.value = 0
    this.writtenBytes += bytes
    this.#write(this.#gathered, 0, bytes)
  }

  /** Blocks other than packets: small and rare. */
  #gather(buf: Buffer, start: number, end: number): void {
    const { used } = this.#gatherer
    if (end - start > GATHER_BYTES - used.value) this.flush()
    used.value += buf.copy(this.#gathered, used.value, start, end)
  }
}

/** Makes an ever-growing number out of a 32-bit counter that starts again at 0 when it is full. */
class WideCounter {
  #last = 0
  #total = 0

  follow(value: number): number {
    this.#total += (value - this.#last) >>> 0
    this.#last = value
    return this.#total
  }
}
