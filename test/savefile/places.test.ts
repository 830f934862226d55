// Places (network namespaces) in savefiles: written by name, read as the run's numbers.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PlaceTable } from '../../src/core/places.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import { PcapngWriter } from '../../src/savefile/pcapng-writer.ts'
import { READ_END, READ_NEED_INPUT, READ_PACKET, SavefileReader } from '../../src/savefile/reader.ts'
import { interfaceBlock, option, packetBlock, section } from './pcapng-builder.ts'
import { memorySource } from './read-all.ts'

/** Places of a file's packets, by number, and of its interfaces, by name. */
function placesOf(file: Buffer, table?: PlaceTable): { packets: number[]; interfaces: string[] } {
  const source = memorySource(file)
  const reader = new SavefileReader('test', Buffer.alloc(65_536), table)
  const packets: number[] = []
  for (let status = reader.next(); status !== READ_END; status = reader.next()) {
    if (status === READ_NEED_INPUT) reader.fill(source)
    else if (status === READ_PACKET) packets.push(reader.packet.place)
  }
  assert.equal(reader.damage, undefined)
  return { packets, interfaces: reader.interfaces.map(({ placeName }) => placeName) }
}

const X = Buffer.from('x')
const comment = (text: string | Buffer, order = {}) => option(1, Buffer.from(text as string), order)

/** A file with a packet on each of these interfaces. */
function fileOf(...interfaces: Buffer[][]): Buffer {
  const described = interfaces.map((options) => interfaceBlock(1, { options }))
  return Buffer.concat([section(), ...described, ...interfaces.map((_, i) => packetBlock(i, BigInt(i), X))])
}

test('a comment of an interface says the place of its packets; other comments say nothing', () => {
  const interfaces = [
    [comment('place=web')],
    [],
    [comment('a remark'), comment('place=db 1/Ü')],
    [comment('place=web'), comment('place=not this one')],
    [comment('place=')],
    [comment('Place=web')],
    [comment('in place=web')],
  ]
  assert.deepEqual(placesOf(fileOf(...interfaces)), {
    packets: [1, 0, 2, 1, 0, 0, 0],
    interfaces: ['web', '', 'db 1/Ü', 'web', '', '', ''],
  })
})

test('either byte order, and a section that moves to another place has another interface', () => {
  const part = (place: string, order: { bigEndian: boolean }) => [
    section(order),
    interfaceBlock(1, { options: [comment(`place=${place}`, order)] }, order),
    packetBlock(0, 1n, X, {}, order),
  ]
  const [big, little] = [{ bigEndian: true }, { bigEndian: false }]
  const file = Buffer.concat([...part('a', big), ...part('b', little), ...part('a', little)])
  assert.deepEqual(placesOf(file), { packets: [1, 2, 1], interfaces: ['a', 'b', 'a'] })
})

test('readers that share a table agree', () => {
  const table = new PlaceTable()
  table.numberOf('the first')
  assert.deepEqual(placesOf(fileOf([comment('place=b')], [comment('place=a')]), table).packets, [2, 3])
  assert.deepEqual(placesOf(fileOf([comment('place=a')], [comment('place=b')]), table).packets, [3, 2])
})

test('hostile comments: cut at 256 characters, ill-formed text and NULs are no reason to fail', () => {
  const long = `place=${'x'.repeat(60_000)}`
  const same = `place=${'x'.repeat(256)}`
  const odd = [Buffer.from('place=\xff\xfe\x1b[31m', 'latin1'), 'place=a\0\0\0', '\0', 'place', '']
  const { packets, interfaces } = placesOf(
    fileOf([comment(long)], [comment(same)], ...odd.map((each) => [comment(each)])),
  )
  assert.deepEqual(packets, [1, 1, 2, 3, 0, 0, 0])
  assert.equal(interfaces[0], 'x'.repeat(256))
  assert.equal(interfaces[3], 'a')
})

test('more places than there is room for are the host', () => {
  const table = new PlaceTable()
  for (let i = 1; i < 65_536; i++) assert.equal(table.numberOf(`place ${i}`), i)
  assert.deepEqual(placesOf(fileOf([comment('place=one more')], [comment('place=place 7')]), table), {
    packets: [0, 7],
    interfaces: ['', 'place 7'],
  })
})

test('what the writer writes is what the reader reads', () => {
  const parts: Buffer[] = []
  const writer = new PcapngWriter((buf, start, end) => parts.push(Buffer.from(buf.subarray(start, end))))
  const names = ['web', '', 'ü/世界 '.repeat(100), '\0']
  writer.writeSection()
  for (const placeName of names) {
    writer.writeInterface({ linkType: 1, snapshotLength: 0, name: 'lo', description: 'x'.repeat(5000), placeName })
  }
  names.forEach((_, i) => void writer.writePacket(i, new Timestamp(1, 0), 1, X, 0, 1))
  assert.deepEqual(placesOf(Buffer.concat(parts)), {
    packets: [1, 0, 2, 0],
    interfaces: ['web', '', names[2]!.slice(0, 256), ''],
  })
})
