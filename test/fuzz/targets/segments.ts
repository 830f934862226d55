// Segments in any order and of any kind, also ICMP errors and ticks, into a flow table that lives on.
// Input: records of 20 bytes, see RECORD.

import assert from 'node:assert/strict'
import { Packet } from '../../../src/core/packet.ts'
import { IcmpError, Segment, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '../../../src/core/segment.ts'
import { FlowTable } from '../../../src/flow/flow-table.ts'
import { defaultFlowTableOptions } from '../../../src/flow/options.ts'
import { CheckingConsumer } from '../checking-consumer.ts'
import type { Random } from '../random.ts'
import type { FuzzTarget } from '../target.ts'

/** Offsets in a record. `kind`: 0 ICMP error, 1 tick, 2 forget nothing but close all, else a segment. */
const RECORD = { kind: 0, who: 1, flags: 2, missing: 3, sequence: 4, acknowledgement: 8, length: 12, millis: 14 }
const RECORD_BYTES = 20
/** In `who`: sent by the server; IPv6; the other place. The rest is the client's port. */
const FROM_SERVER = 0x80
const IPV6 = 0x40
const ELSEWHERE = 0x20

const LIMITS = {
  ...defaultFlowTableOptions,
  maximumConnections: 8,
  maximumHalfOpen: 3,
  maximumRemembered: 12,
  maximumQueuedBytesPerStream: 64 * 1024,
  maximumQueuedBytes: 128 * 1024,
  maximumJumpBytes: 100_000,
}

const payload = Buffer.alloc(65_536)
for (let i = 0; i < payload.length; i++) payload[i] = (i * 31) ^ (i >> 7)

export const segments: FuzzTarget = {
  name: 'segments',
  generate,
  start() {
    const river = new SegmentRiver()
    return (input) => {
      for (let at = 0; at + RECORD_BYTES <= input.length; at += RECORD_BYTES) river.play(input, at)
    }
  },
}

/** Mostly what a TCP would say next, with leaps back and forth. */
function generate(random: Random): Buffer {
  const count = 1 + random.below(120)
  const input = Buffer.alloc(count * RECORD_BYTES)
  const next = [random.edge(), random.edge()]
  let who = random.next() & 0x67
  for (let i = 0; i < count; i++) {
    const at = i * RECORD_BYTES
    if (random.oneIn(12)) who = random.next() & 0x67
    const d = random.below(2)
    if (random.oneIn(14)) {
      interject(random, input.subarray(at, at + RECORD_BYTES), who, next)
      continue
    }
    const length = random.oneIn(2) ? 0 : random.oneIn(6) ? random.below(65_536) : random.below(3000)
    const flags = random.oneIn(5)
      ? random.pick([TCP_SYN, TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK, random.below(256)])
      : TCP_ACK | (length > 0 ? TCP_PSH : 0)
    const leap = random.oneIn(3) ? random.pick([-1, 1, -length, length, random.below(9000) - 4500, random.edge()]) : 0
    input[at + RECORD.kind] = random.oneIn(40) ? random.below(3) : 9
    input[at + RECORD.who] = who | (d === 1 ? FROM_SERVER : 0)
    input[at + RECORD.flags] = flags
    input[at + RECORD.missing] = random.oneIn(20) ? random.below(256) : 0
    input.writeUInt32BE((next[d]! + leap) >>> 0, at + RECORD.sequence)
    input.writeUInt32BE((random.oneIn(6) ? random.edge() : next[1 - d]!) >>> 0, at + RECORD.acknowledgement)
    input.writeUInt16BE(length, at + RECORD.length)
    input.writeUInt32BE(random.oneIn(30) ? random.edge() : random.below(50), at + RECORD.millis)
    if (leap === 0) next[d] = (next[d]! + length + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0)) >>> 0
  }
  return input
}

/** A reset near where its sender stands, or a SYN of another connection, after which the others talk on. */
function interject(random: Random, record: Buffer, who: number, next: readonly number[]): void {
  const d = random.below(2)
  const isReset = random.oneIn(2)
  const ahead = random.pick([0, 0, 1, -1, 100, -100, 3000, 60_000])
  record[RECORD.kind] = 9
  record[RECORD.who] = who | (d === 1 ? FROM_SERVER : 0)
  record[RECORD.flags] = isReset ? random.pick([TCP_RST, TCP_RST | TCP_ACK]) : random.pick([TCP_SYN, TCP_SYN | TCP_ACK])
  record.writeUInt32BE((isReset ? next[d]! + ahead : random.edge()) >>> 0, RECORD.sequence)
  record.writeUInt32BE((random.oneIn(4) ? random.edge() : next[1 - d]!) >>> 0, RECORD.acknowledgement)
  record.writeUInt16BE(random.oneIn(8) ? random.below(3000) : 0, RECORD.length)
  record.writeUInt32BE(random.oneIn(4) ? random.below(40_000) : random.below(50), RECORD.millis)
}

class SegmentRiver {
  readonly #consumer = new CheckingConsumer()
  readonly #table = new FlowTable(this.#consumer, LIMITS)
  readonly #segment = new Segment()
  readonly #packet = new Packet()
  readonly #error = new IcmpError()

  play(input: Buffer, at: number): void {
    const table = this.#table
    const s = this.#segment
    this.#fill(input, at)
    switch (input[at + RECORD.kind]) {
      case 0:
        table.onIcmpError(this.#errorAbout(s))
        break
      case 1:
        table.advance(s.time)
        break
      case 2:
        table.closeAll('interface-gone', s.time)
        assert.equal(this.#consumer.openCount, 0)
        assert.equal(table.queuedBytes, 0)
        break
      default:
        table.onSegment(s, this.#packet)
    }
    const { openCount, deliveredBytes } = this.#consumer
    if (table.counters.openNow !== openCount) assert.fail(`${openCount} open, counted ${table.counters.openNow}`)
    if (openCount > LIMITS.maximumConnections) assert.fail(`${openCount} connections`)
    if (table.counters.deliveredBytes !== deliveredBytes) assert.fail('delivered bytes are miscounted')
    if (deliveredBytes > table.counters.payloadBytes) assert.fail('more was delivered than was sent')
    if (table.queuedBytes > 3 * LIMITS.maximumQueuedBytes) assert.fail(`${table.queuedBytes} bytes are held back`)
  }

  #fill(input: Buffer, at: number): void {
    const s = this.#segment
    const who = input[at + RECORD.who]!
    const port = 1000 + (who & 7)
    const fromServer = (who & FROM_SERVER) !== 0
    s.family = (who & IPV6) !== 0 ? 6 : 4
    s.sourceWord0 = s.destinationWord0 = s.family === 6 ? 0x20010db8 : 0
    s.sourceWord3 = fromServer ? 2 : 1
    s.destinationWord3 = fromServer ? 1 : 2
    s.sourcePort = fromServer ? 80 : port
    s.destinationPort = fromServer ? port : 80
    s.place = (who & ELSEWHERE) !== 0 ? 1 : 0
    s.flags = input[at + RECORD.flags]!
    s.missingBytes = input[at + RECORD.missing]!
    s.sequence = input.readInt32BE(at + RECORD.sequence)
    s.acknowledgement = input.readInt32BE(at + RECORD.acknowledgement)
    s.buf = payload
    s.payloadEnd = payload.length
    s.payloadStart = payload.length - input.readUInt16BE(at + RECORD.length)
    const millis = input.readUInt32BE(at + RECORD.millis)
    // time may stand still, leap ahead by weeks, and go back
    const nanos = s.time.nanos + (millis % 1000) * 1e6
    s.time.nanos = nanos % 1e9
    s.time.seconds = (s.time.seconds + Math.floor(millis / 1000) + Math.floor(nanos / 1e9)) % 0x1_0000_0000
    this.#packet.time.set(s.time)
  }

  #errorAbout(s: Segment): IcmpError {
    const error = this.#error
    const { quoted } = error
    error.quotedProtocol = 6
    error.type = s.flags & 15
    error.code = s.missingBytes & 15
    error.time.set(s.time)
    error.place = quoted.place = s.place
    error.family = quoted.family = s.family
    quoted.sourceWord0 = s.sourceWord0
    quoted.sourceWord3 = s.sourceWord3
    quoted.destinationWord0 = s.destinationWord0
    quoted.destinationWord3 = s.destinationWord3
    quoted.sourcePort = s.sourcePort
    quoted.destinationPort = s.destinationPort
    quoted.sequence = s.sequence
    return error
  }
}
