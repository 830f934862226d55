import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Packet } from '../../src/core/packet.ts'
import { DecodeCounters } from '../../src/decode/counters.ts'
import { FragmentTable } from '../../src/decode/fragments.ts'
import { Frame } from '../../src/decode/frame.ts'
import { DECODE_FRAGMENT, DECODE_MALFORMED, DECODE_OK, NEXT } from '../../src/decode/status.ts'
import {
  ethernet,
  extensionHeader,
  fragmentHeader,
  ipv4,
  ipv4Fragments,
  ipv6,
  ipv6Fragments,
  packet,
  tcp,
  udp,
} from '../support/packet-builder.ts'
import { Recorder } from './decode-frame.ts'

const payload = Buffer.from(Array.from({ length: 1000 }, (_, i) => 32 + (i % 95))).toString()
const datagram = udp({ payload })
const fragments4 = ipv4Fragments({ id: 7 }, datagram, 104)
const fragments6 = ipv6Fragments({ id: 0x70000001 }, datagram, 104)

/** One IPv4 fragment of raw bytes, UDP by protocol. */
function piece(offset: number, bytes: string | Buffer, more: boolean, id = 1): Buffer {
  return ipv4({ id, protocol: 17, fragmentOffset: offset, moreFragments: more }, Buffer.from(bytes))
}

function feed(recorder: Recorder, frames: readonly Buffer[], time = 1000): number[] {
  return frames.map((frame, i) => recorder.decode(ethernet({}, frame), { time: time + i / 10_000 }))
}

for (const [name, fragments, id] of [
  ['IPv4', fragments4, 7],
  ['IPv6', fragments6, 0x70000001],
] as const) {
  test(`${name} fragments in order, backwards and twice give the datagram once`, () => {
    for (const order of [fragments, fragments.toReversed(), fragments.flatMap((f) => [f, f])]) {
      const recorder = new Recorder()
      const statuses = feed(recorder, order)
      assert.equal(statuses.filter((status) => status === DECODE_OK).length, 1)
      assert.equal(statuses.filter((status) => status === DECODE_FRAGMENT).length, order.length - 1)
      assert.deepEqual(
        recorder.seen.map((seen) => [seen.payload, seen.ipId, seen.missing]),
        [[payload, id, 0]],
      )
      assert.equal(recorder.decoder.counters.fragments, order.length)
      assert.equal(recorder.decoder.counters.reassembledDatagrams, 1)
      assert.equal(recorder.decoder.counters.duplicateFragments, order.length - fragments.length)
      assert.equal(recorder.decoder.counters.overlappingFragments, 0)
      assert.deepEqual(recorder.undecoded, [])
    }
  })
}

test('interleaved datagrams are told apart by addresses, identification, protocol and place', () => {
  const recorder = new Recorder()
  const make = (text: string, options: { src?: string; id?: number }) =>
    ipv4Fragments(options, udp({ payload: text.repeat(20) }), 16)
  const all = [make('a', {}), make('b', { src: '10.9.9.9' }), make('c', { id: 2 })]
  const asTcp = ipv4Fragments({ id: 1 }, tcp({ payload: 'd'.repeat(20) }), 16)
  for (let i = 0; i < 3; i++) {
    for (const parts of [...all, asTcp]) if (parts[i]) recorder.decode(parts[i]!, { linkType: 228 })
    if (all[0]![i]) recorder.decode(all[0]![i]!, { linkType: 228, place: 1 })
  }
  const payloads = recorder.seen.map((seen) => `${seen.place}${seen.payload[0]}${seen.payload.length}`)
  assert.deepEqual(payloads.toSorted(), ['0a20', '0b20', '0c20', '0d20', '1a20'])
})

test('any cut, any order, any copies: the same datagram, as a property', () => {
  const scenario = fc.record({
    bytes: fc.uint8Array({ minLength: 30, maxLength: 600 }),
    cuts: fc.array(fc.integer({ min: 1, max: 70 }), { maxLength: 12 }),
    copies: fc.array(fc.nat(), { maxLength: 8 }),
    keys: fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
    version6: fc.boolean(),
  })
  const property = fc.property(scenario, ({ bytes, cuts, copies, keys, version6 }) => {
    const whole = udp({ payload: Buffer.from(bytes) })
    const edges = [...new Set([0, ...cuts.map((cut) => cut * 8).filter((cut) => cut < whole.length), whole.length])]
    edges.sort((a, b) => a - b)
    const parts = edges.slice(1).map((end, i) => {
      const offset = edges[i]!
      const more = end < whole.length
      const part = Buffer.from(whole.subarray(offset, end))
      if (version6) return ipv6({}, fragmentHeader({ offset, more, nextHeader: 17 }, part))
      return ipv4({ protocol: 17, fragmentOffset: offset, moreFragments: more }, part)
    })
    const sent = [...parts, ...copies.map((copy) => parts[copy % parts.length]!)]
    const shuffled = sent.map((part, i) => ({ part, key: keys[i]! })).sort((a, b) => a.key - b.key)
    const recorder = new Recorder()
    for (const { part } of shuffled) recorder.decode(part, { linkType: 101 })
    if (parts.length === 1) {
      assert.equal(recorder.seen.length, sent.length)
    } else {
      assert.equal(recorder.seen.length, 1)
      assert.equal(recorder.decoder.counters.overlappingFragments, 0)
    }
    for (const seen of recorder.seen) assert.equal(seen.payload, Buffer.from(bytes).toString('latin1'))
  })
  fc.assert(property, { seed: 4711, numRuns: 300 })
})

test('overlapping fragments: first copy wins, as a property against a plain model', () => {
  const fragment = fc.record({ unit: fc.nat(20), units: fc.integer({ min: 1, max: 8 }), fill: fc.nat(255) })
  const property = fc.property(fc.array(fragment, { minLength: 1, maxLength: 20 }), (list) => {
    const total = 200
    const model = new Array<number>(total).fill(-1)
    const recorder = new Recorder()
    const send = (offset: number, bytes: Buffer, more: boolean) => {
      if (model.includes(-1)) {
        for (const [i, byte] of bytes.entries()) if (model[offset + i]! < 0) model[offset + i] = byte
      }
      recorder.decode(piece(offset, bytes, more), { linkType: 228 })
    }
    send(0, Buffer.concat([udp({ length: 0, payload: '' }), Buffer.alloc(8, 1)]), true)
    for (const { unit, units, fill } of list)
      send(unit * 8, Buffer.alloc(units * 8, fill).subarray(0, total - 8 - unit * 8), true)
    send(192, Buffer.alloc(8, 2), false)
    for (let offset = 16; offset < 192; offset += 16) send(offset, Buffer.alloc(16, 3), true)
    assert.deepEqual([...Buffer.from(recorder.seen[0]?.payload ?? '', 'latin1')], model.slice(8))
  })
  fc.assert(property, { seed: 99, numRuns: 200 })
})

test('overlaps are counted, copies are not overlaps', () => {
  const recorder = new Recorder()
  const whole = udp({ length: 0, payload: 'A'.repeat(40) })
  const frames = [
    piece(0, whole.subarray(0, 16), true),
    piece(8, 'B'.repeat(16), true), // half of it new
    piece(8, 'C'.repeat(8), true), // nothing new, but different
    piece(16, 'B'.repeat(8), true), // nothing new, and the same
    piece(24, 'D'.repeat(24), false),
  ]
  for (const frame of frames) recorder.decode(frame, { linkType: 228 })
  assert.equal(recorder.seen[0]?.payload, 'A'.repeat(8) + 'B'.repeat(8) + 'D'.repeat(24))
  assert.equal(recorder.decoder.counters.overlappingFragments, 2)
  assert.equal(recorder.decoder.counters.duplicateFragments, 1)
})

test('teardrop, ping of death, tiny and contradicting fragments do no harm', () => {
  const attacks: [string, Buffer[]][] = [
    ['teardrop', [piece(0, Buffer.alloc(40), true), piece(24, Buffer.alloc(4), false)]],
    ['ping of death', [piece(65528, Buffer.alloc(1000), false)]],
    ['highest offset', [piece(65528, Buffer.alloc(8), true)]],
    ['odd length in the middle', [piece(0, Buffer.alloc(13), true)]],
    ['nothing in it', [piece(8, Buffer.alloc(0), true), piece(16, Buffer.alloc(0), false)]],
    [
      'two ends',
      [piece(64, Buffer.alloc(8), false), piece(128, Buffer.alloc(8), false), piece(32, Buffer.alloc(8), false)],
    ],
    ['past its end', [piece(64, Buffer.alloc(8), false), piece(72, Buffer.alloc(8), true)]],
    [
      'IPv6 past what a length can say',
      [ipv6({}, fragmentHeader({ offset: 65528, nextHeader: 17 }, Buffer.alloc(80)))],
    ],
  ]
  for (const [name, frames] of attacks) {
    const recorder = new Recorder()
    const statuses = frames.map((frame) => recorder.decode(frame, { linkType: 101 }))
    assert.equal(recorder.seen.length, 0, name)
    assert.ok(statuses.at(-1) === DECODE_MALFORMED, name)
  }
})

test('a datagram of the greatest length', () => {
  const recorder = new Recorder()
  const whole = udp({ length: 0, payload: Buffer.alloc(65535 - 20 - 8, 0x5a) })
  for (const frame of ipv4Fragments({}, whole, 1480)) recorder.decode(frame, { linkType: 228 })
  assert.equal(recorder.seen[0]?.payload.length, 65507)
})

test('a TCP header cut across fragments is read', () => {
  const recorder = new Recorder()
  for (const frame of ipv4Fragments({}, tcp({ seq: 5, payload: 'hello' }), 8)) recorder.decode(frame, { linkType: 228 })
  assert.deepEqual([recorder.seen[0]?.payload, recorder.seen[0]?.seq], ['hello', 5])
})

test('extension headers before and after the fragment header', () => {
  const recorder = new Recorder()
  const whole = extensionHeader(60, [], tcp({ payload: 'hello' }))
  const parts = [0, 16, 32].map((offset) => {
    const part = Buffer.from(whole.subarray(offset, offset + 16))
    return ipv6({}, extensionHeader(0, [], fragmentHeader({ offset, more: offset < 32, nextHeader: 60 }, part)))
  })
  for (const part of parts) recorder.decode(part, { linkType: 229 })
  assert.equal(recorder.seen[0]?.payload, 'hello')
})

test('fragments cut short by the snapshot length: what was captured in a row, the rest missing', () => {
  const cut = (keep: (index: number) => number) => {
    const recorder = new Recorder()
    fragments4.forEach((frame, i) => {
      recorder.decode(frame.subarray(0, 20 + keep(i)), { linkType: 228, originalLength: frame.length })
    })
    return recorder.seen[0]!
  }
  const all = cut(() => 60)
  assert.deepEqual([all.payload, all.missing], [payload.slice(0, 52), 948])
  const third = cut((i) => (i === 2 ? 10 : 104))
  assert.deepEqual([third.payload, third.missing], [payload.slice(0, 210), 790])
})

test('padding of a last fragment is not payload', () => {
  const recorder = new Recorder()
  const whole = udp({ payload: 'x'.repeat(20) })
  for (const part of ipv4Fragments({}, whole, 16)) recorder.decode(ethernet({ padTo: 64 }, part))
  assert.deepEqual([recorder.seen[0]?.payload, recorder.seen[0]?.missing], ['x'.repeat(20), 0])
})

test('copies within milliseconds of the last fragment are copies; later ones begin anew', () => {
  const recorder = new Recorder()
  for (const frame of fragments4) recorder.decode(frame, { linkType: 228, time: 1000 })
  for (const frame of fragments4) recorder.decode(frame, { linkType: 228, time: 1000.001 })
  assert.equal(recorder.seen.length, 1)
  assert.equal(recorder.decoder.counters.duplicateFragments, fragments4.length)
  for (const frame of fragments4) recorder.decode(frame, { linkType: 228, time: 1001 })
  assert.equal(recorder.seen.length, 2)
})

test('an identification used again after the timeout does not mix two datagrams', () => {
  const recorder = new Recorder()
  recorder.decode(fragments4[0]!, { linkType: 228, time: 1000 })
  for (const frame of fragments4.slice(1)) recorder.decode(frame, { linkType: 228, time: 1031 })
  assert.equal(recorder.seen.length, 0)
  assert.equal(recorder.decoder.counters.incompleteDatagrams, 1)
  recorder.decode(fragments4[0]!, { linkType: 228, time: 1032 })
  assert.equal(recorder.seen[0]?.payload, payload)
})

test('one absurd timestamp does not expire what is waiting', () => {
  const recorder = new Recorder()
  for (const frame of fragments4.slice(0, 5)) recorder.decode(frame, { linkType: 228, time: 1000 })
  recorder.decode(piece(0, Buffer.alloc(8), true, 99), { linkType: 228, time: 4_000_000_000 })
  for (const frame of fragments4.slice(5)) recorder.decode(frame, { linkType: 228, time: 1001 })
  assert.equal(recorder.seen[0]?.payload, payload)
})

test('a fragment of which hardly anything was captured, around one that is there', () => {
  const recorder = new Recorder()
  const whole = udp({ payload: Buffer.alloc(40_000, 0x41) })
  const whatFollows = Buffer.from(whole.subarray(20_000, 20_008))
  recorder.decode(piece(20_000, whatFollows, true), { linkType: 228, margin: 0 })
  const large = piece(8, Buffer.from(whole.subarray(8)), false)
  recorder.decode(large.subarray(0, 30), { linkType: 228, originalLength: large.length, margin: 0 })
  recorder.decode(piece(0, Buffer.from(whole.subarray(0, 8)), true), { linkType: 228, margin: 0 })
  assert.deepEqual(
    recorder.seen.map((seen) => [seen.payload, seen.missing]),
    [['A'.repeat(10), 39_990]],
  )
})

/** Adds a fragment of its own datagram to the table. */
function addAlone(table: FragmentTable, frame: Frame, of: Packet, id: number, offset: number): number {
  frame.begin(of)
  return table.add(frame, id, 17, offset, true)
}

test('bounded in datagrams, in bytes, and by capture time', () => {
  const counters = new DecodeCounters()
  const frame = new Frame(counters)
  const table = new FragmentTable({ maximumDatagrams: 50, maximumBytes: 300_000, timeoutSeconds: 30 })
  const one = packet(Buffer.alloc(8), { time: 1000 })
  for (let id = 0; id < 5000; id++) {
    assert.equal(addAlone(table, frame, one, id, 0), DECODE_FRAGMENT)
    assert.ok(table.heldDatagrams <= 50)
  }
  assert.equal(counters.incompleteDatagrams, 4950)
  for (let id = 5000; id < 6000; id++) {
    addAlone(table, frame, one, id, 64_000)
    assert.ok(table.heldBytes <= 300_000)
  }
  for (const [i, seconds] of [1010, 1020, 1031].entries()) {
    one.time.seconds = seconds
    addAlone(table, frame, one, 9000 + i, 0)
  }
  assert.equal(table.heldDatagrams, 3)
})

test('a fragment takes its own bytes, wherever in its datagram it lies', () => {
  const frame = new Frame(new DecodeCounters())
  const table = new FragmentTable()
  const tiny = packet(Buffer.alloc(8), { time: 1000 })
  const OVERHEAD = 256
  for (let id = 0; id < 1000; id++) addAlone(table, frame, tiny, id, 65_440)
  assert.equal(table.heldBytes, 1000 * (8 + OVERHEAD))
  for (let id = 0; id < 1000; id++) addAlone(table, frame, tiny, id, 0)
  assert.equal(table.heldBytes, 2000 * (8 + OVERHEAD))
  for (let id = 0; id < 1000; id++) addAlone(table, frame, tiny, id, 0)
  assert.equal(table.heldBytes, 2000 * (8 + OVERHEAD), 'copies take nothing')
  // Whose end only is known, and of which every second piece is there.
  for (let offset = 16; offset < 65_440; offset += 16) addAlone(table, frame, tiny, 7, offset)
  assert.equal(table.heldBytes, (2000 + 4089) * (8 + OVERHEAD))
})

test('identifications and addresses that were chosen to have one hash do not', () => {
  const frame = new Frame(new DecodeCounters())
  const table = new FragmentTable({ maximumDatagrams: 2000, maximumBytes: 1 << 24, timeoutSeconds: 30 })
  const tiny = packet(Buffer.alloc(8), { time: 1000 })
  for (let id = 0; id < 1000; id++) {
    // What multiplying by a constant makes of the identification, the address takes away.
    frame.sourceWord3 = Math.imul(id ^ (17 << 24), 0x9e3779b1)
    addAlone(table, frame, tiny, id, 0)
  }
  frame.family = 6
  for (let i = 0; i < 500; i++) {
    // Words that would only be combined with each other.
    frame.sourceWord1 = Math.imul(i, 0x01000193)
    frame.sourceWord3 = Math.imul(i, 0x01000193)
    addAlone(table, frame, tiny, 1, 0)
  }
  assert.equal(table.heldDatagrams, 1500)
  assert.ok(table.longestChain <= 3, `${table.longestChain}`)
})

test('a datagram in pieces of which some were cut short: never a byte that was not captured', () => {
  const property = fc.property(fc.array(fc.nat(16), { minLength: 8, maxLength: 8 }), fc.nat(100), (kept, turn) => {
    const recorder = new Recorder()
    const whole = udp({ payload: 'x'.repeat(8 * 16 - 8) })
    const parts = ipv4Fragments({}, whole, 16).map((part, i) => ({
      part,
      keep: 20 + Math.max(kept[i]!, i === 0 ? 8 : 0),
    }))
    const order = [...parts.slice(turn % 8), ...parts.slice(0, turn % 8)]
    for (const { part, keep } of order) {
      recorder.decode(part.subarray(0, keep), { linkType: 228, originalLength: part.length })
    }
    const cut = parts.findIndex(({ keep }) => keep < 36)
    const captured = cut < 0 ? 128 : cut * 16 + parts[cut]!.keep - 20
    assert.deepEqual(
      recorder.seen.map((seen) => [seen.payload, seen.missing]),
      [['x'.repeat(captured - 8), 128 - captured]],
    )
  })
  fc.assert(property, { seed: 815, numRuns: 200 })
})

test('datagrams that become whole leave nothing but a bounded memory of them', () => {
  const counters = new DecodeCounters()
  const frame = new Frame(counters)
  const table = new FragmentTable()
  const one = packet(Buffer.alloc(16), { time: 1000 })
  for (let id = 0; id < 3000; id++) {
    frame.begin(one)
    assert.equal(table.add(frame, id, 17, 16, false), DECODE_FRAGMENT)
    frame.begin(one)
    assert.equal(table.add(frame, id, 17, 0, true), NEXT)
    assert.equal(table.heldBytes, 0)
  }
  assert.ok(table.heldDatagrams <= 256)
  assert.equal(counters.reassembledDatagrams, 3000)
})

test('many small ranges of one datagram', () => {
  const recorder = new Recorder()
  const whole = udp({ length: 0, payload: Buffer.alloc(60_000, 0x41) })
  const parts: Buffer[] = []
  for (let offset = 0; offset < whole.length; offset += 8) {
    parts.push(piece(offset, Buffer.from(whole.subarray(offset, offset + 8)), offset + 8 < whole.length))
  }
  const even = parts.filter((_, i) => i % 2 === 0)
  const odd = parts.filter((_, i) => i % 2 === 1)
  for (const part of [...even, ...odd]) recorder.decode(part, { linkType: 228 })
  assert.equal(recorder.seen[0]?.payload.length, 60_000)
})
