// Reads a savefile of any of the formats, with one working buffer.

import { Packet } from '../core/packet.ts'
import { PlaceTable } from '../core/places.ts'
import type { ByteSource } from '../core/ports.ts'
import { InputWindow } from './input-window.ts'
import { type InterfaceDescription, InterfaceStatistics } from './interface.ts'
import { notACapture } from './not-a-capture.ts'
import { identifyPcap, PcapFormat } from './pcap-format.ts'
import { SECTION_HEADER_BLOCK } from './pcapng-blocks.ts'
import { PcapngFormat } from './pcapng-format.ts'
import { READ_END, READ_NEED_INPUT, type SavefileFormat } from './savefile-format.ts'
import type { SavefileNames } from './savefile-names.ts'

export type { InterfaceDescription, InterfaceStatistics } from './interface.ts'
export { READ_END, READ_NEED_INPUT, READ_PACKET, READ_STATISTICS } from './savefile-format.ts'

/**
 * Takes packets and statistics out of a pcap or pcapng byte stream. Ask `next()` until it says READ_NEED_INPUT, then
 * `fill()` once, and so on until READ_END.
 */
export class SavefileReader {
  /** The latest packet; it and the bytes it points into are lent until the following `next()`. */
  readonly packet = new Packet()
  /** The latest interface statistics, lent likewise. */
  readonly statistics = new InterfaceStatistics()
  readonly #name: string
  readonly #window: InputWindow
  readonly #places: PlaceTable
  readonly #names: SavefileNames | undefined
  readonly #interfaces: InterfaceDescription[] = []
  #format: SavefileFormat | undefined = undefined
  #headerDamage: string | undefined = undefined

  /**
   * `name` is for messages. `buffer` (64 KiB or more) is the working memory; only larger packets use more than it.
   * `places` numbers the places where interfaces were captured: readers of one run share a table. `names` is taught the
   * names of hosts that the savefile brings along; without it they are passed over.
   */
  constructor(name: string, buffer: Buffer, places: PlaceTable = new PlaceTable(), names?: SavefileNames) {
    this.#name = name
    this.#window = new InputWindow(buffer)
    this.#places = places
    this.#names = names
  }

  /** Grows as interfaces are met, before their first packet. */
  get interfaces(): readonly InterfaceDescription[] {
    return this.#interfaces
  }

  /**
   * After READ_END: why the file ended early (`truncated in packet 812 at byte 123456`); undefined when it did not.
   * Bytes are counted in the savefile itself, that is after decompression.
   */
  get damage(): string | undefined {
    return this.#format === undefined ? this.#headerDamage : this.#format.damage
  }

  get packetCount(): number {
    return this.#window.packetCount
  }

  /** Offset in the (decompressed) savefile of what is read next. */
  get offset(): number {
    return this.#window.offset
  }

  /** Returns a READ_ code. Throws OperatorError if the first bytes are not those of a capture; never later. */
  next(): number {
    const format = this.#format
    return format === undefined ? this.#begin() : format.next()
  }

  /**
   * Reads from the source once, after READ_NEED_INPUT. Resolves to the number of bytes; 0 is the end of input, and
   * `next()` then returns READ_END. Errors of the source are passed on; what came before them has been handed over.
   */
  fill(source: ByteSource): number | Promise<number> {
    return this.#window.fill(source)
  }

  /** For a source that delivers (ByteSource.deliver): where its bytes land. */
  get landing(): Buffer {
    return this.#window.landing
  }

  /** Call it instead of `fill`, after READ_NEED_INPUT and before bytes come to `landing`. */
  clearLanding(): void {
    this.#window.clearLanding()
  }

  /** So many bytes are in `landing` now; 0 is the end of input. */
  landed(bytes: number): void {
    this.#window.landed(bytes)
  }

  #begin(): number {
    const w = this.#window
    if (this.#headerDamage !== undefined) return READ_END
    if (w.end - w.start < 4) {
      if (w.ended) throw notACapture(this.#name, w.buf, w.start, w.end)
      w.need = 4
      return READ_NEED_INPUT
    }
    if (w.buf.readUInt32LE(w.start) === SECTION_HEADER_BLOCK) {
      this.#format = new PcapngFormat(w, this.packet, this.statistics, this.#interfaces, this.#places, this.#names)
      return this.#format.next()
    }
    const header = identifyPcap(w.buf, w.start)
    if (header === undefined) throw notACapture(this.#name, w.buf, w.start, w.end)
    if (w.end - w.start < header.variant.fileHeaderBytes) {
      if (w.ended) {
        this.#headerDamage = `truncated in the file header at byte ${w.end - w.start}`
        return READ_END
      }
      w.need = header.variant.fileHeaderBytes
      return READ_NEED_INPUT
    }
    this.#format = new PcapFormat(header, w, this.packet, this.#interfaces)
    return this.#format.next()
  }
}
