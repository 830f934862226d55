import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { pcapFile } from '../support/pcap-builder.ts'
import { readAll } from './read-all.ts'

const frames = [
  { frame: Buffer.from('first'), time: 1_700_000_000.25 },
  { frame: Buffer.alloc(0), time: 1_700_000_000.5 },
  { frame: Buffer.alloc(300, 'x'), time: 4_294_967_295.75, originalLength: 1500 },
]

/** A file of one of the variants, with the record headers that it has. */
function variantFile(magic: number, bigEndian: boolean, extraHeader: number, extraRecord: number): Buffer {
  const plain = pcapFile(frames, { bigEndian })
  const parts = [plain.subarray(0, 24), Buffer.alloc(extraHeader, 0xee)]
  for (let at = 24; at < plain.length; ) {
    const length = bigEndian ? plain.readUInt32BE(at + 8) : plain.readUInt32LE(at + 8)
    const body = plain.subarray(at + 16, at + 16 + length)
    parts.push(plain.subarray(at, at + 16), Buffer.alloc(extraRecord, 0xee), body)
    at += 16 + length
  }
  const file = Buffer.concat(parts)
  if (bigEndian) file.writeUInt32BE(magic, 0)
  else file.writeUInt32LE(magic, 0)
  return file
}

describe('pcap', () => {
  const expected = [
    { seconds: 1_700_000_000, nanos: 250_000_000, originalLength: 5, bytes: 'first' },
    { seconds: 1_700_000_000, nanos: 500_000_000, originalLength: 0, bytes: '' },
    { seconds: 4_294_967_295, nanos: 750_000_000, originalLength: 1500, bytes: 'x'.repeat(300) },
  ].map((packet) => ({ ...packet, linkType: 1, interfaceId: 0 }))

  for (const bigEndian of [false, true]) {
    for (const nanoseconds of [false, true]) {
      test(`${bigEndian ? 'big' : 'little'}-endian, ${nanoseconds ? 'nano' : 'micro'}seconds`, () => {
        const { packets, damage, interfaces } = readAll(pcapFile(frames, { bigEndian, nanoseconds }))
        assert.deepEqual(packets, expected)
        assert.equal(damage, undefined)
        const description = { linkType: 1, snapshotLength: 262144, name: '', description: '', place: 0, placeName: '' }
        assert.deepEqual(interfaces, [description])
      })
    }
    for (const [name, magic, extraHeader, extraRecord] of [
      ['modified (24-byte record headers)', 0xa1b2cd34, 0, 8],
      ['IXIA software lcap', 0x1c0001ab, 4, 0],
    ] as const) {
      test(`${name}, ${bigEndian ? 'big' : 'little'}-endian`, () => {
        const whole = readAll(variantFile(magic, bigEndian, extraHeader, extraRecord))
        assert.deepEqual(whole.packets, expected)
        assert.equal(whole.damage, undefined)
      })
    }
  }

  test('the hardware lcap of IXIA counts nanoseconds', () => {
    const { packets } = readAll(variantFile(0x1c0001ac, false, 4, 0))
    assert.deepEqual([packets[0]?.seconds, packets[0]?.nanos], [1_700_000_000, 250_000])
  })

  test('the bits about a frame check sequence are no part of the link type', () => {
    const file = pcapFile(frames)
    file.writeUInt32LE(0x50000001 | 0x04000000, 20)
    assert.equal(readAll(file).packets[0]?.linkType, 1)
  })

  test('a fraction of more than a second is carried over', () => {
    const file = pcapFile(frames)
    file.writeUInt32LE(3_500_000, 28)
    const [packet] = readAll(file).packets
    assert.deepEqual([packet?.seconds, packet?.nanos], [1_700_000_003, 500_000_000])
    file.writeUInt32LE(0xffffffff, 28)
    const [absurd] = readAll(file).packets
    assert.deepEqual([absurd?.seconds, absurd?.nanos], [1_700_004_294, 967_295_000])
  })

  test('an original length below the captured one is raised to it', () => {
    const file = pcapFile(frames)
    file.writeUInt32LE(2, 36)
    assert.equal(readAll(file).packets[0]?.originalLength, 5)
  })

  test('cut off at every byte: all whole packets, then where it breaks off', () => {
    const file = pcapFile(frames)
    const starts = [24, 24 + 21, 24 + 21 + 16]
    const ends = [24 + 21, 24 + 21 + 16, file.length]
    for (let length = 24; length <= file.length; length++) {
      const { packets, damage } = readAll(file.subarray(0, length))
      const whole = ends.filter((end) => end <= length).length
      assert.deepEqual(packets, expected.slice(0, whole))
      const clean = length === 24 || ends.includes(length)
      assert.equal(damage, clean ? undefined : `truncated in packet ${whole + 1} at byte ${starts[whole]}`)
    }
    for (let length = 4; length < 24; length++) {
      assert.equal(readAll(file.subarray(0, length)).damage, `truncated in the file header at byte ${length}`)
    }
  })

  test('a length that no packet has is damage, not memory', () => {
    for (const claim of [0xffffffff, 0x80000000, 16 * 1024 * 1024 + 1]) {
      const file = pcapFile(frames)
      file.writeUInt32LE(claim, 24 + 21 + 8)
      const { packets, damage } = readAll(file)
      assert.equal(packets.length, 1)
      assert.equal(damage, `packet 2 at byte 45 claims ${claim} bytes`)
    }
  })

  test('packets larger than the working buffer, between small ones', () => {
    const large = Buffer.alloc(5_000_000)
    for (let i = 0; i < large.length; i += 4) large.writeUInt32LE(i, i)
    const mixed = [
      large,
      Buffer.from('small'),
      large.subarray(0, 70_000),
      Buffer.alloc(65_536, 'y'),
      Buffer.from('end'),
    ]
    const file = pcapFile(
      mixed.map((frame) => ({ frame, time: 1 })),
      { snapshotLength: 1 << 24 },
    )
    for (const chunk of [1 << 24, 4096, 65_537]) {
      const { packets, damage } = readAll(file, { chunkSize: () => chunk })
      assert.equal(damage, undefined)
      assert.deepEqual(
        packets.map((p) => p.bytes.length),
        mixed.map((frame) => frame.length),
      )
      assert.ok(packets.every((p, i) => p.bytes === mixed[i]?.toString('latin1')))
    }
  })

  test('however the input is split, the packets are the same', () => {
    const file = pcapFile(frames)
    assert.deepEqual(readAll(file, { chunkSize: () => 1 }).packets, expected)
    fc.assert(
      fc.property(fc.array(fc.nat(60), { minLength: 1 }), fc.integer({ min: 400, max: 600 }), (sizes, bufferBytes) => {
        let turn = 0
        const whole = readAll(file, { bufferBytes, chunkSize: () => sizes[turn++ % sizes.length]! })
        assert.deepEqual(whole.packets, expected)
      }),
      { seed: 11, numRuns: 100 },
    )
  })
})
