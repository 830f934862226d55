// One file of the flight recorder: the packets of a finding in the order of their times, and in its comment what was found and
// how far back the file reaches.

import { writeSync } from 'node:fs'
import type { Finding, FindingHost } from '../../core/finding.ts'
import { counted } from '../../core/plain-numbers.ts'
import type { NamedAddress, Names } from '../../core/ports.ts'
import { compareTime, Timestamp } from '../../core/timestamp.ts'
import type { InterfaceDescription } from '../../savefile/interface.ts'
import { PcapngWriter } from '../../savefile/pcapng-writer.ts'
import { isoTime } from '../json/json-text.ts'
import { WholeFile } from '../writing/whole-file.ts'
import { KeptPacket, type PacketMemory } from './packet-memory.ts'

export interface RecordingFacts {
  readonly finding: Finding
  readonly memory: PacketMemory
  /** By their numbers in the run. */
  readonly interfaces: readonly InterfaceDescription[]
  readonly names: Names | undefined
  readonly belongs: (packet: KeptPacket) => boolean
}

/** Returns how many packets it has; with none there is no file. Throws system errors and OperatorError. */
export function writeRecording(path: string, { finding, memory, interfaces, names, belongs }: RecordingFacts): number {
  const packets = packetsOf(memory, belongs)
  if (packets.length === 0) return 0
  const file = new WholeFile(path)
  try {
    const chunks: Buffer[] = []
    const writer = new PcapngWriter((buf, start, end) => chunks.push(Buffer.from(buf.subarray(start, end))))
    writer.writeSection('tcpflow', commentOf(finding, packets, memory))
    const numbers: (number | undefined)[] = []
    for (const { interfaceId } of packets) numbers[interfaceId] ??= writer.writeInterface(interfaces[interfaceId]!)
    writer.writeNames(namesOf(finding, names))
    writeAll(file.descriptor, chunks)
    packets.forEach(({ interfaceId, time, originalLength, buf, start, end }, i) => {
      writer.writePacket(numbers[interfaceId]!, time, originalLength, buf, start, end)
      if (i % PACKETS_AT_ONCE === 0) writeAll(file.descriptor, chunks)
    })
    writeAll(file.descriptor, chunks)
  } catch (error) {
    file.discard()
    throw error
  }
  file.finish()
  return packets.length
}

const PACKETS_AT_ONCE = 1000

function writeAll(descriptor: number, chunks: Buffer[]): void {
  const bytes = Buffer.concat(chunks.splice(0))
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
}

/** By time; those of one time as they were captured. The bytes are the memory's own. */
function packetsOf(memory: PacketMemory, belongs: (packet: KeptPacket) => boolean): KeptPacket[] {
  const packets: KeptPacket[] = []
  memory.forEach((packet) => {
    if (!belongs(packet)) return
    const copy = new KeptPacket()
    Object.assign(copy, packet, { time: new Timestamp(packet.time.seconds, packet.time.nanos) })
    packets.push(copy)
  })
  return packets.sort((a, b) => compareTime(a.time, b.time) || orderInConnection(a, b))
}

function orderInConnection(a: KeptPacket, b: KeptPacket): number {
  return a.connection === b.connection ? a.number - b.number : 0
}

function commentOf(finding: Finding, packets: readonly KeptPacket[], memory: PacketMemory): string {
  const ends = [finding.client, finding.server].filter((host) => host !== undefined).map(hostText)
  const about = [finding.id, ...(ends.length > 0 ? [ends.join(' -> ')] : []), finding.cause].join(': ')
  const since = `kept since ${isoTime(packets[0]!.time)}`
  return `${about}\n${since}; ${whatIsMissing(packets, memory)}`
}

function whatIsMissing(packets: readonly KeptPacket[], memory: PacketMemory): string {
  const byConnection = new Map<number, number[]>()
  for (const { connection, number } of packets) {
    if (connection === 0) continue
    const numbers = byConnection.get(connection)
    if (numbers === undefined) byConnection.set(connection, [number])
    else numbers.push(number)
  }
  let missing = 0
  for (const numbers of byConnection.values()) {
    missing += numbers.reduce((greatest, number) => Math.max(greatest, number), 0) + 1 - numbers.length
  }
  if (byConnection.size === 0) {
    const forgotten = memory.forgottenTime
    return forgotten.seconds === Number.NEGATIVE_INFINITY
      ? 'nothing had to go before'
      : `packets of no connection may be missing until ${isoTime(forgotten)}`
  }
  const connections = counted(byConnection.size, 'connection')
  if (missing === 0) return `${connections}, whole from the first packet that was captured`
  return `${connections}, ${counted(missing, 'packet')} between the first and the last were no longer kept`
}

function hostText({ name, address, port }: FindingHost): string {
  return `${name || address}${port === undefined ? '' : `:${port}`}`
}

function namesOf({ client, server }: Finding, names: Names | undefined): NamedAddress[] {
  if (names === undefined) return []
  const addresses = new Set([client?.address, server?.address])
  const known: NamedAddress[] = []
  for (const entry of names.entries()) if (addresses.has(entry.address)) known.push(entry)
  return known
}
