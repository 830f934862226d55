import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Packet } from '../../src/core/packet.ts'
import { Segment } from '../../src/core/segment.ts'
import { DecodeCounters } from '../../src/decode/counters.ts'
import { ETHERTYPE_IPV4 } from '../../src/decode/ether-types.ts'
import { FragmentTable } from '../../src/decode/fragments.ts'
import { Frame } from '../../src/decode/frame.ts'
import { parseIpv4 } from '../../src/decode/ipv4.ts'
import { LINKTYPE_ETHERNET, parseEthernet } from '../../src/decode/links/ethernet.ts'
import { readPlainSegment } from '../../src/decode/plain-segment.ts'
import { DECODE_OK, NEXT } from '../../src/decode/status.ts'
import { parseTcp } from '../../src/decode/tcp.ts'
import { mutate, putEdge } from '../fuzz/mutate.ts'
import { Random } from '../fuzz/random.ts'
import { ethernet, ipv4, ipv6, packet, tcp, udp } from '../support/packet-builder.ts'

/** What the layers make of a packet, one after the other; undefined where that is no segment. */
function layers(p: Packet): Segment | undefined {
  const frame = new Frame(new DecodeCounters())
  const segment = new Segment()
  frame.begin(p)
  if (parseEthernet(frame) !== NEXT || frame.etherType !== ETHERTYPE_IPV4) return undefined
  if (parseIpv4(frame, new FragmentTable()) !== NEXT || frame.ipProtocol !== 6) return undefined
  return parseTcp(frame, segment) === DECODE_OK ? segment : undefined
}

/** Somebody else's, from the packet before. */
function usedSegment(): Segment {
  const segment = new Segment()
  segment.family = 6
  for (const end of ['source', 'destination'] as const) {
    for (const word of [0, 1, 2, 3] as const) segment[`${end}Word${word}`] = -1
  }
  segment.vlanId = 5
  segment.missingBytes = 7
  return segment
}

const payload = 'GET / HTTP/1.1\r\n\r\n'
const seeds = [
  ethernet({}, ipv4({}, tcp({ payload }))),
  ethernet({}, ipv4({}, tcp({ flags: 'S', options: [2, 4, 5, 0xb4] }))),
  ethernet({}, ipv4({ src: '10.0.0.1', dst: '255.254.253.252', id: 0xfffe }, tcp({ seq: 0xfffffffe, payload }))),
  // padded to the least that Ethernet sends
  Buffer.concat([ethernet({}, ipv4({}, tcp({}))), Buffer.alloc(6)]),
  ethernet({ vlan: [5] }, ipv4({}, tcp({ payload }))),
  ethernet({}, ipv6({}, tcp({ payload }))),
  ethernet({}, ipv4({}, udp({ payload }))),
]

function inPacket(frame: Buffer, originalLength: number): Packet {
  const p = packet(frame, { margin: 16 })
  p.linkType = LINKTYPE_ETHERNET
  p.originalLength = Math.max(frame.length, originalLength)
  return p
}

test('what is read in one go is what the layers read, for every packet that it takes', () => {
  const random = new Random(1)
  const counts = { taken: 0, left: 0, segmentsLeft: 0 }
  for (let round = 0; round < 30_000; round++) {
    const seed = random.pick(seeds)
    let frame: Buffer = Buffer.from(seed)
    // bytes of the headers more often than others
    if (random.oneIn(3)) putEdge(random, frame, 12 + random.below(Math.min(42, frame.length - 12)))
    else if (!random.oneIn(4)) frame = mutate(random, frame)
    const p = inPacket(frame, random.oneIn(4) ? seed.length + random.below(100) : 0)
    const expected = layers(p)
    const to = usedSegment()
    if (readPlainSegment(p, to)) {
      counts.taken++
      assert.deepEqual(to, expected, frame.toString('hex'))
    } else {
      counts.left++
      if (expected !== undefined) counts.segmentsLeft++
      assert.deepEqual(to, usedSegment(), 'left as it was')
    }
  }
  assert.ok(counts.taken > 5000 && counts.left > 5000 && counts.segmentsLeft > 100, JSON.stringify(counts))
})

test('ordinary packets are taken, also one that is padded; tags, IPv6, UDP and fragments are left', () => {
  const taken = seeds.map((frame) => readPlainSegment(inPacket(frame, 0), new Segment()))
  assert.deepEqual(taken, [true, true, true, true, false, false, false])
  for (const fragment of [0x2000, 0x0001]) {
    const frame = Buffer.from(seeds[0]!)
    frame.writeUInt16BE(fragment, 14 + 6)
    assert.equal(readPlainSegment(inPacket(frame, 0), new Segment()), false)
  }
})
