// Random and damaged frames of every link type into decoders that live on, one with and one without tunnels unwrapped.
// Input: records of link type, length and original length (16 bits each, big-endian; original length 0: as captured)
// and so many bytes.

import assert from 'node:assert/strict'
import { Packet } from '../../../src/core/packet.ts'
import type { Transport } from '../../../src/core/segment.ts'
import { Decoder } from '../../../src/decode/decoder.ts'
import { linkTypes } from '../../../src/decode/link-types.ts'
import { mutate } from '../mutate.ts'
import type { Random } from '../random.ts'
import { seedFrames } from '../seed-frames.ts'
import type { FuzzTarget } from '../target.ts'

/** Bytes around the packet that are none of its own. */
const MARGIN = 32

const seeds = seedFrames()

export const frames: FuzzTarget = {
  name: 'frames',
  generate(random) {
    const records: Buffer[] = []
    for (let count = 1 + random.below(8); count > 0; count--) records.push(generateRecord(random))
    return Buffer.concat(records)
  },
  start() {
    const decoders = [new CheckedDecoder(true), new CheckedDecoder(false)]
    return (input) => {
      for (let at = 0; at + 6 <= input.length; ) {
        const end = Math.min(input.length, at + 6 + input.readUInt16BE(at + 2))
        for (const decoder of decoders) {
          decoder.decode(input.readUInt16BE(at), input.subarray(at + 6, end), input.readUInt16BE(at + 4))
        }
        at = end
      }
    }
  },
}

function generateRecord(random: Random): Buffer {
  const [seedLinkType, seed] = random.pick(seeds)
  const isNoise = random.oneIn(4)
  const noise = () => {
    const bytes = random.bytes(random.below(200))
    // small numbers are lengths and types more often than large ones
    for (let i = 0; i < bytes.length; i++) if (random.oneIn(2)) bytes[i]! &= 7
    return bytes
  }
  const bytes = isNoise ? noise() : random.oneIn(20) ? seed : mutate(random, seed)
  const linkType = isNoise || random.oneIn(20) ? random.pick(linkTypes).number : seedLinkType
  const head = Buffer.alloc(6)
  head.writeUInt16BE(linkType)
  head.writeUInt16BE(bytes.length, 2)
  head.writeUInt16BE(random.oneIn(8) ? random.below(65536) : 0, 4)
  return Buffer.concat([head, bytes])
}

/** Asserts that what handlers get lies within the packet, or within a reassembled datagram, and that numbers are numbers. */
class CheckedDecoder {
  readonly #decoder: Decoder
  readonly #packet = new Packet()
  readonly #room = Buffer.alloc(65_536 + 2 * MARGIN, 0xa5)
  #calls = 0

  constructor(unwrapTunnels: boolean) {
    this.#packet.time.seconds = 1_700_000_000
    this.#decoder = new Decoder(
      {
        onSegment: (segment, packet) => {
          this.#check(segment)
          assertIntegers(segment.sequence, segment.acknowledgement, segment.flags, segment.window)
          if (packet !== this.#packet) assert.fail('another packet')
        },
        onDatagram: (datagram, packet) => {
          this.#check(datagram)
          if (packet !== this.#packet) assert.fail('another packet')
        },
        onIcmpError: (error) => {
          this.#calls++
          assertIntegers(error.type, error.code, error.nextHopMtu, error.reporterWord0, error.reporterWord3)
          if (error.quotedProtocol !== 0) assertIntegers(error.quoted.sourcePort, error.quoted.sequence)
        },
        onArp: (arp) => {
          this.#calls++
          assertIntegers(arp.operation, arp.senderMacHigh, arp.senderAddress, arp.targetMacLow, arp.targetAddress)
        },
      },
      { unwrapTunnels },
    )
  }

  decode(linkType: number, bytes: Buffer, originalLength: number): void {
    const packet = this.#packet
    bytes.copy(this.#room, MARGIN)
    packet.buf = this.#room
    packet.start = MARGIN
    packet.end = MARGIN + bytes.length
    packet.originalLength = originalLength === 0 ? bytes.length : originalLength
    packet.linkType = linkType
    packet.time.nanos = (packet.time.nanos + 1_000_003) % 1_000_000_000
    if (packet.time.nanos < 1_000_003) packet.time.seconds++
    this.#calls = 0
    const status = this.#decoder.decode(packet)
    assertIntegers(status)
    // an aggregate of 802.11 frames holds at most one frame for each 14 bytes
    if (this.#calls > 1 + bytes.length / 14) assert.fail(`${this.#calls} results of one packet`)
  }

  #check(t: Transport): void {
    this.#calls++
    const [low, high] = t.buf === this.#packet.buf ? [this.#packet.start, this.#packet.end] : [0, t.buf.length]
    const inside = low <= t.payloadStart && t.payloadStart <= t.payloadEnd && t.payloadEnd <= high
    if (!inside || !(t.missingBytes >= 0 && t.missingBytes <= 65_535)) {
      assert.fail(`payload ${t.payloadStart}..${t.payloadEnd} (${t.missingBytes} missing) of ${low}..${high}`)
    }
    assertIntegers(t.vlanId, t.sourcePort, t.destinationPort, t.ipId, t.hopLimit, t.sourceMacHigh, t.destinationMacLow)
    assertIntegers(t.sourceWord0, t.sourceWord3, t.destinationWord1, t.destinationWord2, t.destinationWord3)
  }
}

function assertIntegers(...values: number[]): void {
  for (const value of values) if (!Number.isInteger(value)) assert.fail(`a field is ${value}`)
}
