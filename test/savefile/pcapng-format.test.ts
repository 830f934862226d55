import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  block,
  interfaceBlock,
  type Order,
  oldPacketBlock,
  option,
  packetBlock,
  section,
  simplePacketBlock,
  statisticsBlock,
  u32,
  u64,
} from './pcapng-builder.ts'
import { readAll } from './read-all.ts'

const SECOND = 1_000_000n

/** Everything that a section may hold, in one byte order. */
function fullSection(order: Order): Buffer {
  const name = option(2, Buffer.from('eth0'), order)
  const about = option(3, Buffer.from('the näme'), order)
  const nanoseconds = option(9, Buffer.from([9]), order)
  const end = option(0, Buffer.alloc(0), order)
  return Buffer.concat([
    section(order, Buffer.concat([option(4, Buffer.from('somebody'), order), end])),
    interfaceBlock(1, { snapshotLength: 100, options: [name, about, end] }, order),
    block(0x0bad0bad, Buffer.alloc(100, 0xff), order), // nobody knows it
    interfaceBlock(113, { options: [nanoseconds] }, order),
    packetBlock(0, 5n * SECOND + 7n, Buffer.from('abc'), { originalLength: 9 }, order),
    packetBlock(
      1,
      1_700_000_000_123_456_789n,
      Buffer.from('cooked'),
      { options: option(1, Buffer.from('hi'), order) },
      order,
    ),
    simplePacketBlock(Buffer.alloc(100, 's'), 1500, order),
    oldPacketBlock(1, 6_000_000_001n, Buffer.from('old'), order),
    statisticsBlock(0, 8n * SECOND, [option(4, u64(77n, order), order), option(5, u64(3n, order), order), end], order),
  ])
}

const fullPackets = [
  { seconds: 5, nanos: 7000, linkType: 1, interfaceId: 0, originalLength: 9, bytes: 'abc' },
  { seconds: 1_700_000_000, nanos: 123_456_789, linkType: 113, interfaceId: 1, originalLength: 6, bytes: 'cooked' },
  {
    seconds: 1_700_000_000,
    nanos: 123_456_789,
    linkType: 1,
    interfaceId: 0,
    originalLength: 1500,
    bytes: 's'.repeat(100),
  },
  { seconds: 6, nanos: 1, linkType: 113, interfaceId: 1, originalLength: 3, bytes: 'old' },
]
const fullStatistics = [{ interfaceId: 0, seconds: 8, nanos: 0, received: 77, dropped: 3, interfaceDropped: -1 }]

describe('pcapng', () => {
  for (const bigEndian of [false, true]) {
    test(`all blocks, ${bigEndian ? 'big' : 'little'}-endian`, () => {
      const whole = readAll(fullSection({ bigEndian }))
      assert.equal(whole.damage, undefined)
      assert.deepEqual(whole.packets, fullPackets)
      assert.deepEqual(whole.statistics, fullStatistics)
      assert.deepEqual(whole.interfaces, [
        { linkType: 1, snapshotLength: 100, name: 'eth0', description: 'the näme', place: 0, placeName: '' },
        { linkType: 113, snapshotLength: 0, name: '', description: '', place: 0, placeName: '' },
      ])
    })
  }

  test('sections of either byte order; an interface that comes again keeps its number, others get new ones', () => {
    const other = Buffer.concat([section(), interfaceBlock(228), packetBlock(0, SECOND, Buffer.from('raw'))])
    const whole = readAll(Buffer.concat([fullSection({}), fullSection({ bigEndian: true }), other, other]))
    assert.equal(whole.damage, undefined)
    assert.deepEqual(whole.packets.slice(0, 8), [...fullPackets, ...fullPackets])
    assert.deepEqual(
      whole.packets.slice(8).map((p) => [p.interfaceId, p.linkType]),
      [
        [2, 228],
        [2, 228],
      ],
    )
    assert.equal(whole.interfaces.length, 3)
  })

  test('two interfaces of a section that look the same are two', () => {
    const file = Buffer.concat([section(), interfaceBlock(1), interfaceBlock(1), packetBlock(1, 0n, Buffer.from('x'))])
    const whole = readAll(file)
    assert.equal(whole.interfaces.length, 2)
    assert.equal(whole.packets[0]?.interfaceId, 1)
  })

  test('drops of the system and of the interface, as our own writer has them', () => {
    const options = [option(7, u64(5_000_000_000n)), option(5, u64(2n)), option(4, u64(9n))]
    const [statistics] = readAll(
      Buffer.concat([section(), interfaceBlock(1), statisticsBlock(0, 0n, options)]),
    ).statistics
    assert.deepEqual([statistics?.received, statistics?.dropped, statistics?.interfaceDropped], [9, 5_000_000_000, 2])
  })

  test('if_tsoffset, also a negative one', () => {
    for (const offset of [1_600_000_000n, -3n]) {
      const options = [option(14, u64(offset))]
      const file = Buffer.concat([
        section(),
        interfaceBlock(1, { options }),
        packetBlock(0, 10n * SECOND, Buffer.from('x')),
      ])
      assert.equal(readAll(file).packets[0]?.seconds, 10 + Number(offset))
    }
  })

  test('a huge block that nobody knows is passed over without being kept', () => {
    const huge = block(0x0bad0bad, Buffer.alloc(20_000_000))
    const file = Buffer.concat([section(), interfaceBlock(1), huge, packetBlock(0, 0n, Buffer.from('behind'))])
    const whole = readAll(file, { bufferBytes: 4096, chunkSize: () => 70_000 })
    assert.equal(whole.packets[0]?.bytes, 'behind')
    assert.equal(whole.damage, undefined)
    assert.match(readAll(file.subarray(0, 10_000_000)).damage ?? '', /^truncated in a block before byte 10000000$/)
  })

  test('cut off at every byte: all whole packets, then where it breaks off', () => {
    const file = fullSection({})
    const blockEnds: number[] = []
    for (let at = 0; at < file.length; at += file.readUInt32LE(at + 4)) blockEnds.push(at + file.readUInt32LE(at + 4))
    for (let length = 4; length < file.length; length++) {
      const { packets, damage } = readAll(file.subarray(0, length))
      assert.deepEqual(packets, fullPackets.slice(0, packets.length))
      if (blockEnds.includes(length)) assert.equal(damage, undefined)
      else assert.match(damage ?? '', /^truncated in (a block|packet [1-4]) (at|before) byte \d+$/, `at ${length}`)
    }
    const second = blockEnds[4]! + 30
    const message = `truncated in packet 2 at byte ${blockEnds[4]}`
    assert.equal(readAll(file.subarray(0, second)).damage, message)
  })

  test('however the input is split, everything is the same', () => {
    const file = Buffer.concat([fullSection({}), fullSection({ bigEndian: true })])
    fc.assert(
      fc.property(fc.array(fc.nat(90), { minLength: 1 }), fc.integer({ min: 200, max: 300 }), (sizes, bufferBytes) => {
        let turn = 0
        const whole = readAll(file, { bufferBytes, chunkSize: () => sizes[turn++ % sizes.length]! })
        assert.deepEqual(whole.packets, [...fullPackets, ...fullPackets])
        assert.deepEqual(whole.statistics, [...fullStatistics, ...fullStatistics])
      }),
      { seed: 12, numRuns: 100 },
    )
  })

  describe('damage', () => {
    const start = Buffer.concat([section(), interfaceBlock(1), packetBlock(0, 0n, Buffer.from('good'))])
    const after = start.length
    const wrongEnd = packetBlock(0, 0n, Buffer.from('bad!'))
    wrongEnd[wrongEnd.length - 4]! ^= 4
    const tooMuch = packetBlock(0, 0n, Buffer.from('bad!'))
    tooMuch.writeUInt32LE(5, 20)
    const version2 = section()
    version2.writeUInt16LE(2, 12)
    const noMagic = section()
    noMagic[8] = 0
    const cases: [string, Buffer, RegExp][] = [
      ['another length at the end', wrongEnd, /^packet 2 at byte \d+ gives another length at its end$/],
      [
        'more captured bytes than the block has',
        tooMuch,
        /^packet 2 at byte \d+ claims 5 bytes, more than its block has$/,
      ],
      [
        'an interface that is not there',
        packetBlock(3, 0n, Buffer.from('x')),
        /^packet 2 at byte \d+ is of interface 3, but 1 are/,
      ],
      [
        'a length below the least',
        Buffer.concat([u32(6), u32(8), u32(0)]),
        /^packet 2 at byte \d+ has the impossible length 8$/,
      ],
      [
        'an odd length',
        Buffer.concat([u32(9), u32(13), u32(0)]),
        /^the block at byte \d+ has the impossible length 13$/,
      ],
      [
        '4 GiB of packet',
        Buffer.concat([u32(6), u32(0xfffffffc), u32(0)]),
        /^packet 2 at byte \d+ claims 4294967260 bytes$/,
      ],
      [
        'an unknown version',
        version2,
        /^the block at byte \d+ begins a section of pcapng version 2, which is unknown$/,
      ],
      ['no byte order', noMagic, /^the block at byte \d+ begins a section without a byte-order magic$/],
      ['a packet block without room', block(6, Buffer.alloc(16)), /^packet 2 at byte \d+ is too short for a packet$/],
      ['an interface without room', block(1, Buffer.alloc(4)), /^the block at byte \d+ is too short for an interface$/],
    ]
    for (const [name, bytes, expected] of cases) {
      test(name, () => {
        const { packets, damage } = readAll(Buffer.concat([start, bytes]))
        assert.deepEqual(
          packets.map((p) => p.bytes),
          ['good'],
        )
        assert.match(damage ?? '', expected)
        assert.ok(damage?.includes(`at byte ${after}`), damage)
      })
    }

    test('packets after the damage do not come', () => {
      assert.equal(readAll(Buffer.concat([start, wrongEnd, start])).packets.length, 1)
    })

    test('interfaces without end', () => {
      const many = new Array<Buffer>(70_000).fill(interfaceBlock(1))
      assert.match(readAll(Buffer.concat([section(), ...many])).damage ?? '', /65536 are there already$/)
    })
  })
})
