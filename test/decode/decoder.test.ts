import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Packet } from '../../src/core/packet.ts'
import type { Transport } from '../../src/core/segment.ts'
import { Decoder } from '../../src/decode/decoder.ts'
import { linkTypes } from '../../src/decode/link-types.ts'
import { DECODE_FRAGMENT, DECODE_UNSUPPORTED_LINK_TYPE } from '../../src/decode/status.ts'
import { READ_END, READ_NEED_INPUT, READ_PACKET, SavefileReader } from '../../src/savefile/reader.ts'
import { assertGolden } from '../support/golden.ts'
import * as link from '../support/link-builder.ts'
import {
  ethernet,
  icmp,
  ipv4,
  ipv4Fragments,
  ipv6,
  ipv6Fragments,
  packet,
  tcp,
  udp,
} from '../support/packet-builder.ts'
import { skipped } from '../support/program.ts'
import { SHARED_CAPTURES, sharedCaptures, whyNoSharedCaptures } from '../support/shared-captures.ts'

const nothing = { onSegment() {}, onDatagram() {}, onIcmpError() {}, onArp() {} }

/** Of one TCP segment: enough to compare with. */
interface Found {
  ports: string
  wireBytes: number
}

/** Decodes a whole capture; per packet number (from 1) the TCP segments found. */
function decodeCapture(path: string): { decoder: Decoder; segments: Map<number, Found> } {
  const bytes = readFileSync(path)
  const reader = new SavefileReader(path, Buffer.alloc(1 << 20))
  const segments = new Map<number, Found>()
  let number = 0
  const decoder = new Decoder(
    {
      ...nothing,
      onSegment(segment) {
        const wireBytes = segment.payloadEnd - segment.payloadStart + segment.missingBytes
        segments.set(number, { ports: `${segment.sourcePort}>${segment.destinationPort}`, wireBytes })
      },
    },
    { unwrapTunnels: true },
  )
  let offset = 0
  const source = {
    name: path,
    totalBytes: bytes.length,
    consumedBytes: 0,
    read(into: Buffer, start: number, end: number) {
      const count = bytes.copy(into, start, offset, offset + end - start)
      offset += count
      return count
    },
    stop() {},
    async close() {},
  }
  for (;;) {
    const what = reader.next()
    if (what === READ_END) return { decoder, segments }
    if (what === READ_NEED_INPUT) reader.fill(source)
    if (what !== READ_PACKET) continue
    number++
    const status = decoder.decode(reader.packet)
    assert.notEqual(status, DECODE_UNSUPPORTED_LINK_TYPE)
    if (status === DECODE_FRAGMENT) assert.equal(segments.has(number), false)
  }
}

/** tshark's TCP ports and payload length of every packet, innermost where there are several. */
function askTshark(path: string): Map<number, Found> {
  const fields = ['frame.number', 'tcp.srcport', 'tcp.dstport', 'tcp.len'].flatMap((field) => ['-e', field])
  const options = ['-n', '-r', path, '-T', 'fields', '-E', 'occurrence=l', ...fields, '-Y', 'tcp && !icmp']
  // Exits with an error for a file that ends in mid-packet, having said all the rest.
  let text: string
  try {
    text = execFileSync('tshark', options, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch (error) {
    text = (error as { stdout: string }).stdout
  }
  const found = new Map<number, Found>()
  for (const line of text.trim().split('\n')) {
    const [number, source, destination, length] = line.split('\t')
    if (length) found.set(Number(number), { ports: `${source}>${destination}`, wireBytes: Number(length) })
  }
  return found
}

/** A line to compare: how many segments and bytes of payload, and a digest of all of it packet by packet. */
function summary(name: string, segments: Map<number, Found>): string {
  let payloadBytes = 0
  const digest = createHash('sha256')
  for (const [number, { ports, wireBytes }] of segments) {
    payloadBytes += wireBytes
    digest.update(`${number} ${ports} ${wireBytes}\n`)
  }
  return `${name} ${segments.size} segments ${payloadBytes} bytes ${digest.digest('hex').slice(0, 16)}\n`
}

test('the shared captures decode without a cause, as tshark does', (t) => {
  if (skipped(t, whyNoSharedCaptures())) return
  // The golden file is tshark's own answer, asked for only to update it because that takes half a minute.
  const update = process.env.GOLDEN_UPDATE === '1'
  let lines = ''
  for (const name of sharedCaptures()) {
    const path = join(SHARED_CAPTURES, name)
    const { decoder, segments } = decodeCapture(path)
    assert.deepEqual(decoder.counters.undecoded(), [], name)
    lines += summary(name, update ? askTshark(path) : segments)
  }
  assertGolden('decode/shared-captures.txt', lines)
})

/** Small, quick and the same everywhere: Marsaglia's xorshift. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** Checks that what handlers get lies within the packet, or within a reassembled datagram. */
class BoundsChecker {
  current: Packet | undefined
  calls = 0
  readonly decoder: Decoder

  constructor(unwrapTunnels: boolean) {
    const check = (t: Transport, of: Packet | undefined) => {
      this.calls++
      const inPacket = t.buf === this.current?.buf
      const [low, high] = inPacket ? [this.current!.start, this.current!.end] : [0, t.buf.length]
      const fine = low <= t.payloadStart && t.payloadStart <= t.payloadEnd && t.payloadEnd <= high
      if (!fine || !(t.missingBytes >= 0) || (of !== undefined && of !== this.current)) {
        assert.fail(`payload ${t.payloadStart}..${t.payloadEnd} (${t.missingBytes} missing) of ${low}..${high}`)
      }
      for (const value of [
        t.vlanId,
        t.sourcePort,
        t.destinationPort,
        t.sourceWord0,
        t.destinationWord3,
        t.sourceMacLow,
      ]) {
        if (!Number.isInteger(value)) assert.fail(`a field is ${value}`)
      }
    }
    this.decoder = new Decoder(
      {
        onSegment: (segment, of) => check(segment, of),
        onDatagram: (datagram, of) => check(datagram, of),
        onIcmpError: (error) => {
          if (error.quotedProtocol !== 0) check(error.quoted, undefined)
        },
        onArp: (arp) => {
          if (!Number.isInteger(arp.targetAddress)) assert.fail('a field is no number')
        },
      },
      { unwrapTunnels },
    )
  }

  decode(of: Packet): number {
    this.current = of
    return this.decoder.decode(of)
  }
}

/** A frame of every kind that we know, to be mutated. */
function seedFrames(): [number, Buffer][] {
  const inner = ipv4({ options: [1, 1, 1, 1] }, tcp({ options: [1, 1, 8, 10], payload: 'some payload' }))
  const frame = ethernet({ vlan: [5] }, inner)
  const six = ipv6({}, tcp({ payload: 'some payload' }))
  const parts = [
    ...ipv4Fragments({}, udp({ payload: 'p'.repeat(90) }), 32),
    ...ipv6Fragments({}, udp({ payload: 'p'.repeat(90) }), 32),
  ]
  return [
    [1, frame],
    [1, ethernet({}, six)],
    [1, link.ieee8023(link.snap(inner))],
    [1, ethernet({}, link.pppoe(link.ppp({ address: false }, inner)))],
    [1, ethernet({}, link.mpls([3, 4], frame))],
    [1, ethernet({}, link.serviceTag(frame))],
    [1, ethernet({}, ipv4({}, udp({ dport: 4789, payload: link.vxlan(frame) })))],
    [1, ethernet({}, ipv4({}, udp({ dport: 6081, payload: link.geneve(frame, Buffer.alloc(8)) })))],
    [1, ethernet({}, ipv4({}, link.gre({ key: true, sequence: true }, link.erspan(3, frame, { subheader: true }))))],
    [1, ethernet({}, ipv4({}, icmp({ type: 3, code: 4, word: 1400 }, inner)))],
    ...parts.map((part): [number, Buffer] => [101, part]),
    [101, ipv4({}, ipv6({}, inner))],
    [113, link.linuxCooked(inner)],
    [276, link.linuxCooked2(six)],
    [0, link.bsdLoopback(30, six)],
    [9, link.ppp({}, inner)],
    [50, link.ciscoHdlc(inner)],
    [239, link.nflog(inner)],
    [
      127,
      link.radiotap(
        0x10,
        link.ieee80211({ control: 0x88, aggregate: true }, link.aggregate(link.snap(inner), link.snap(six))),
      ),
    ],
  ]
}

test('mutated frames: no throw, nothing outside the packet', () => {
  const random = randomNumbers(20260101)
  const seeds = seedFrames()
  const checkers = [new BoundsChecker(true), new BoundsChecker(false)]
  const room = Buffer.alloc(4096)
  const mutated = packet(room)
  for (let i = 0; i < 150_000; i++) {
    const [linkType, frame] = seeds[random(seeds.length)]!
    const start = random(64)
    room.fill(random(256), 0, 600)
    frame.copy(room, start)
    mutated.start = start
    mutated.end = start + (random(3) === 0 ? random(frame.length + 1) : frame.length)
    mutated.originalLength = random(8) === 0 ? random(100_000) : mutated.end - start
    mutated.linkType = random(20) === 0 ? linkTypes[random(linkTypes.length)]!.number : linkType
    mutated.time.seconds = random(50) === 0 ? random(0x7fffffff) : 1000 + (i >> 8)
    for (let flips = random(4); flips > 0; flips--) room[start + random(frame.length)] = random(256)
    checkers[i & 1]!.decode(mutated)
  }
  assert.ok(checkers[0]!.calls > 10_000 && checkers[1]!.calls > 10_000)
})

test('random bytes on every link type: no throw, nothing outside the packet', () => {
  const random = randomNumbers(7)
  const checker = new BoundsChecker(true)
  const room = Buffer.alloc(512)
  const noise = packet(room)
  for (let i = 0; i < 60_000; i++) {
    noise.start = random(100)
    noise.end = noise.start + random(200)
    noise.originalLength = random(300)
    noise.linkType = linkTypes[i % linkTypes.length]!.number
    for (let at = noise.start; at < noise.end; at++) room[at] = random(3) === 0 ? random(256) : random(16) << random(5)
    checker.decode(noise)
  }
  assert.equal(checker.decoder.counters.packets, 60_000)
})

test('a decoder that saw rubbish still decodes', () => {
  const random = randomNumbers(3)
  const checker = new BoundsChecker(true)
  for (let i = 0; i < 2000; i++)
    checker.decode(packet(Buffer.from(Array.from({ length: random(80) }, () => random(256)))))
  const before = checker.calls
  checker.decode(packet(ethernet({}, ipv4({}, tcp({ payload: 'x' })))))
  assert.equal(checker.calls, before + 1)
})
