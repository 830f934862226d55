// Damaged capture files through reader, decoder and flow table into a consumer that checks the contract.
// Input: the file as it is.

import assert from 'node:assert/strict'
import { OperatorError } from '../../../src/core/errors.ts'
import { PlaceTable } from '../../../src/core/places.ts'
import type { ByteSource } from '../../../src/core/ports.ts'
import { Decoder } from '../../../src/decode/decoder.ts'
import { FlowTable } from '../../../src/flow/flow-table.ts'
import { defaultFlowTableOptions } from '../../../src/flow/options.ts'
import { READ_END, READ_NEED_INPUT, READ_PACKET, SavefileReader } from '../../../src/savefile/reader.ts'
import { SavefileNames } from '../../../src/savefile/savefile-names.ts'
import { CheckingConsumer } from '../checking-consumer.ts'
import { mutateSavefile } from '../mutate-savefile.ts'
import { seedSavefiles } from '../seed-savefiles.ts'
import { type FuzzTarget, stepBound } from '../target.ts'

const WORKING_BUFFER_BYTES = 65_536
/** Small, so that limits are reached. */
const LIMITS = {
  ...defaultFlowTableOptions,
  maximumConnections: 64,
  maximumHalfOpen: 16,
  maximumRemembered: 64,
  maximumQueuedBytesPerStream: 64 * 1024,
  maximumQueuedBytes: 256 * 1024,
}

let seeds: readonly Buffer[] | undefined

export const savefiles: FuzzTarget = {
  name: 'savefiles',
  generate(random) {
    seeds ??= seedSavefiles()
    return mutateSavefile(random, random.pick(seeds), random.pick(seeds))
  },
  start() {
    const buffer = Buffer.alloc(WORKING_BUFFER_BYTES)
    return (input) => replay(input, buffer)
  },
}

function replay(file: Buffer, buffer: Buffer): void {
  const consumer = new CheckingConsumer()
  const table = new FlowTable(consumer, LIMITS)
  const decoder = new Decoder(
    {
      onSegment: (segment, packet) => table.onSegment(segment, packet),
      onDatagram() {},
      onIcmpError: (error) => table.onIcmpError(error),
      onArp() {},
    },
    { unwrapTunnels: true },
  )
  const places = new PlaceTable()
  const names = new SavefileNames()
  const reader = new SavefileReader('input', buffer, places, names)
  const source = new PieceSource(file)
  let steps = 0
  for (let status = next(reader); status !== READ_END; status = next(reader)) {
    if (++steps > stepBound(file.length)) assert.fail(`more than ${steps} steps for ${file.length} bytes`)
    if (status === READ_NEED_INPUT) {
      reader.fill(source)
      continue
    }
    const clock = status === READ_PACKET ? reader.packet : reader.statistics
    if (!(clock.time.nanos >= 0 && clock.time.nanos < 1e9 && Number.isInteger(clock.time.seconds))) {
      assert.fail(`time ${clock.time.seconds} s ${clock.time.nanos} ns`)
    }
    if (status === READ_PACKET) onPacket(reader, places, decoder)
    else table.advance(reader.statistics.time)
    // one segment that fills several holes of the queue takes a page for each
    if (table.queuedBytes > 3 * LIMITS.maximumQueuedBytes) assert.fail(`${table.queuedBytes} bytes are held back`)
  }
  for (const { name } of names.entries()) assert.ok(name.length > 0 && name.length <= 255)
  assert.equal(table.counters.openNow, consumer.openCount)
  table.closeAll('capture-ended', reader.packet.time)
  assert.equal(consumer.openCount, 0)
  assert.equal(table.queuedBytes, 0)
  assert.equal(table.counters.deliveredBytes, consumer.deliveredBytes)
}

function onPacket(reader: SavefileReader, places: PlaceTable, decoder: Decoder): void {
  const { packet } = reader
  if (!(packet.start >= 0 && packet.start <= packet.end && packet.end <= packet.buf.length)) {
    assert.fail(`packet ${packet.start}..${packet.end} of ${packet.buf.length}`)
  }
  if (!(packet.originalLength >= 0)) assert.fail(`original length ${packet.originalLength}`)
  const origin = reader.interfaces[packet.interfaceId]
  assert.ok(origin !== undefined, 'a packet of no interface')
  const { place, placeName } = origin
  if (place !== packet.place || placeName !== places.nameOf(place) || placeName.length > 256) {
    assert.fail(`a packet of place ${packet.place} on an interface of place ${place}, ${placeName}`)
  }
  decoder.decode(packet)
}

/** READ_END also where the first bytes are those of no capture; that may be said later than then by no means. */
function next(reader: SavefileReader): number {
  try {
    return reader.next()
  } catch (error) {
    if (error instanceof OperatorError && reader.packetCount === 0 && reader.interfaces.length === 0) return READ_END
    throw error
  }
}

/** Gives the file in pieces of all sizes, the same ones for the same file. */
class PieceSource implements ByteSource {
  readonly name = 'input'
  readonly totalBytes: number
  consumedBytes = 0
  readonly #file: Buffer
  readonly #pieceBytes: number

  constructor(file: Buffer) {
    this.#file = file
    this.totalBytes = file.length
    this.#pieceBytes = 1 << ((file.length + file[file.length >> 1]!) % 18)
  }

  read(into: Buffer, start: number, end: number): number {
    const pieceEnd = this.consumedBytes + Math.min(end - start, this.#pieceBytes)
    const copied = this.#file.copy(into, start, this.consumedBytes, Math.min(this.#file.length, pieceEnd))
    this.consumedBytes += copied
    return copied
  }

  stop(): void {}

  async close(): Promise<void> {}
}
