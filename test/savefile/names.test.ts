// Name Resolution Blocks: what is written is read, by us and by tshark; what others and strangers wrote.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { type AddressFamily, Endpoint, formatAddress } from '../../src/core/endpoint.ts'
import type { NamedAddress } from '../../src/core/ports.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import { PcapngWriter } from '../../src/savefile/pcapng-writer.ts'
import { READ_END, READ_NEED_INPUT, SavefileReader } from '../../src/savefile/reader.ts'
import { SavefileNames } from '../../src/savefile/savefile-names.ts'
import { ethernet, ipv4, ipv6, tcp } from '../support/packet-builder.ts'
import { block, interfaceBlock, option, packetBlock, section } from './pcapng-builder.ts'
import { memorySource } from './read-all.ts'

function read(file: Buffer, names = new SavefileNames()): { names: SavefileNames; packets: number; damage?: string } {
  const source = memorySource(file)
  const reader = new SavefileReader('test', Buffer.alloc(65_536), undefined, names)
  for (let status = reader.next(); status !== READ_END; status = reader.next()) {
    if (status === READ_NEED_INPUT) reader.fill(source)
  }
  return { names, packets: reader.packetCount, ...(reader.damage === undefined ? {} : { damage: reader.damage }) }
}

/** A pcapng file of our own with these names, and whatever else `more` writes. */
function written(entries: readonly NamedAddress[], more: (writer: PcapngWriter) => void = () => {}): Buffer {
  const parts: Buffer[] = []
  const writer = new PcapngWriter((buf, start, end) => parts.push(Buffer.from(buf.subarray(start, end))))
  writer.writeSection()
  writer.writeInterface({ linkType: 1, snapshotLength: 0, name: 'eth0', description: '' })
  writer.writeNames(entries)
  more(writer)
  const file = Buffer.concat(parts)
  assert.equal(writer.bytesWritten, file.length)
  return file
}

const four = (address: string, name: string): NamedAddress => ({ family: 4, address, name })
const six = (address: string, name: string): NamedAddress => ({ family: 6, address, name })
const byAddress = (entries: Iterable<NamedAddress>) =>
  Object.fromEntries([...entries].map(({ address, name }) => [address, name]))

describe('our own', () => {
  test('names are read as they were written, whatever the address', () => {
    const words = fc.tuple(fc.integer(), fc.integer(), fc.constantFrom(0, 1, 0xffff, -1), fc.integer())
    const address = fc.tuple(fc.constantFrom<AddressFamily>(4, 6), words).map(([family, w]) => {
      return { family, address: formatAddress(family, w[0], w[1], w[2], w[3]) }
    })
    const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).filter((text) => !text.includes('\0'))
    const entries = fc.array(
      fc.tuple(address, name).map(([where, text]) => ({ ...where, name: text })),
      { maxLength: 200 },
    )
    fc.assert(
      fc.property(entries, (list) => {
        const { names, damage } = read(written(list))
        assert.equal(damage, undefined)
        assert.deepEqual(byAddress(names.entries()), byAddress(list))
      }),
      { seed: 31, numRuns: 100 },
    )
  })

  test('forms of addresses that Endpoint does not write are understood, others left out', () => {
    const entries = [
      six('2001:DB8:0:0::1', 'upper'),
      six('::', 'any'),
      six('::ffff:192.0.2.7', 'mapped'),
      six('1:2:3:4:5:6:7:8', 'full'),
      six('1::', 'short'),
      ...['', 'fe80::1%eth0', '1::2::3', '10.0.0.1', 'x'].map((text) => six(text, 'bad')),
      ...['', '10.0.0.256', '10.0.0', '1.2.3.4.5', '::1', '-1.0.0.0'].map((text) => four(text, 'bad')),
      four('10.0.0.1', ''),
      four('10.0.0.2', '\0bad'),
    ]
    assert.deepEqual(byAddress(read(written(entries)).names.entries()), {
      '2001:db8::1': 'upper',
      '::': 'any',
      '::ffff:c000:207': 'mapped',
      '1:2:3:4:5:6:7:8': 'full',
      '1::': 'short',
    })
    assert.equal(written(entries.slice(5)).length, written([]).length)
  })

  test('a name is cut at 255 bytes, between characters', () => {
    const entries = [four('10.0.0.1', 'x'.repeat(10_000)), four('10.0.0.2', '世'.repeat(100)), four('10.0.0.3', 'a\0b')]
    assert.deepEqual(byAddress(read(written(entries)).names.entries()), {
      '10.0.0.1': 'x'.repeat(255),
      '10.0.0.2': '世'.repeat(85),
      '10.0.0.3': 'a',
    })
  })

  test('other names stand behind the first, as many as there is room for; the first is the one that is read', () => {
    const aliases = ['www', '', 'x'.repeat(300), 'shop']
    const file = written([{ ...four('10.0.0.1', 'web'), aliases }, four('10.0.0.2', 'db')])
    assert.ok(file.includes(Buffer.from([10, 0, 0, 1, ...Buffer.from('web\0www\0shop\0')])))
    assert.deepEqual(byAddress(read(file).names.entries()), { '10.0.0.1': 'web', '10.0.0.2': 'db' })
  })

  test('what is known of containers is kept with their names, and read back', () => {
    const container = 'c0ffee'.repeat(11).slice(0, 64)
    const entries: NamedAddress[] = [
      four('10.0.0.9', 'plain'),
      { ...four('10.0.0.1', 'web'), container, image: 'registry.example.org/shop/web:1.2', network: 'front' },
      { ...six('fd00::1', 'web'), container, image: 'nginx', network: undefined },
      { ...four('10.0.0.254', 'gateway of front'), network: 'front' },
      { ...four('10.0.0.2', 'odd'), container, image: 'two words', network: 'front' },
      { ...four('10.0.0.3', 'long'), container, image: 'x'.repeat(300), network: 'front' },
      { ...four('not an address', 'x'), container },
      four('10.0.0.8', 'last'),
    ]
    const { names, damage } = read(written(entries))
    assert.equal(damage, undefined)
    const nothing = { container: undefined, image: undefined, network: undefined }
    assert.deepEqual(
      Object.fromEntries([...names.entries()].map(({ family: _, address, ...host }) => [address, host])),
      {
        '10.0.0.9': { name: 'plain', ...nothing },
        '10.0.0.1': { name: 'web', container, image: 'registry.example.org/shop/web:1.2', network: 'front' },
        '10.0.0.254': { name: 'gateway of front', ...nothing, network: 'front' },
        // what would not be understood is left out, never the name
        '10.0.0.2': { name: 'odd', ...nothing },
        '10.0.0.3': { name: 'long', ...nothing },
        '10.0.0.8': { name: 'last', ...nothing },
        'fd00::1': { name: 'web', container, image: 'nginx', network: undefined },
      },
    )
    const before = names.version
    read(written([{ ...four('10.0.0.1', 'web'), container, image: 'other', network: 'front' }]), names)
    assert.ok(names.version > before, 'another image is a change')
  })

  test('thousands of names make blocks of no more than a page', () => {
    const entries = Array.from({ length: 5000 }, (_, i) => four(`10.0.${i >> 8}.${i & 255}`, `host-${i}`))
    const sizes: number[] = []
    const writer = new PcapngWriter((_buf, start, end) => void sizes.push(end - start))
    writer.writeNames(entries)
    assert.ok(Math.max(...sizes) <= 4096)
    assert.equal([...read(written(entries)).names.entries()].length, 5000)
  })
})

test('the version grows with what changes, and with nothing else; a later name replaces the earlier one', () => {
  const names = new SavefileNames()
  const endpoint = new Endpoint(4, 0, 0, 0, 0x0a000001, 80)
  read(written([four('10.0.0.1', 'web')]), names)
  const first = names.version
  assert.ok(first > 0)
  read(written([four('10.0.0.1', 'web')]), names)
  assert.equal(names.version, first)
  assert.deepEqual(names.hostOf(7, endpoint), {
    name: 'web',
    container: undefined,
    image: undefined,
    network: undefined,
  })
  read(written([four('10.0.0.1', 'db')]), names)
  assert.ok(names.version > first)
  assert.equal(names.hostOf(0, endpoint)?.name, 'db')
  assert.equal(names.hostOf(0, new Endpoint(4, 0, 0, 0, 0x0a000002, 80)), undefined)
  assert.equal(names.hostOf(0, new Endpoint(6, 0, 0, 0, 0x0a000001, 80)), undefined)
})

test('no more than 65,536 addresses are kept, and those can still change', () => {
  const names = new SavefileNames()
  for (let i = 0; i < 70_000; i++) names.learn(i % 2 === 0 ? 4 : 6, 0, 0, 0, i, `host ${i}`)
  assert.equal([...names.entries()].length, 65_536)
  names.learn(4, 0, 0, 0, 0, 'another')
  assert.equal(names.hostOf(0, new Endpoint(4, 0, 0, 0, 0, 1))?.name, 'another')
})

describe("somebody else's", () => {
  const order = { bigEndian: true }
  const value = (address: number[], ...names: string[]) =>
    Buffer.concat([Buffer.from(address), Buffer.from(names.map((name) => `${name}\0`).join(''))])
  /** Records look like options. */
  const file = (records: Buffer[], how = {}) =>
    Buffer.concat([
      section(how),
      interfaceBlock(1, {}, how),
      block(4, Buffer.concat(records), how),
      packetBlock(0, 1n, Buffer.from('x'), {}, how),
    ])
  const loopback6 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]

  for (const how of [order, {}]) {
    test(`${'bigEndian' in how ? 'big' : 'little'}-endian, several names, unknown records, options behind`, () => {
      const { names, packets, damage } = read(
        file(
          [
            option(3, Buffer.from('\x01\x02\x03\x04\x05\x06mac\0'), how),
            option(1, value([192, 0, 2, 1], 'first', 'second'), how),
            option(2, value(loopback6, 'localhost'), how),
            option(1, Buffer.from([192, 0, 2, 2, 0x6e, 0x6f]), how), // no NUL
            option(0, Buffer.alloc(0), how),
            option(2, Buffer.from('the DNS server\0\0')),
          ],
          how,
        ),
      )
      assert.deepEqual(byAddress(names.entries()), { '192.0.2.1': 'first', '192.0.2.2': 'no', '::1': 'localhost' })
      assert.equal(packets, 1)
      assert.equal(damage, undefined)
    })
  }

  test('records that are too short, empty or longer than their block are no damage', () => {
    const odd = [
      [Buffer.alloc(0)],
      [option(1, Buffer.alloc(0))],
      [option(1, Buffer.from([1, 2, 3]))],
      [option(1, Buffer.from([1, 2, 3, 4]))],
      [option(2, Buffer.from([1, 2, 3, 4, 0x61, 0]))],
      [option(1, value([1, 2, 3, 4], '', 'hidden'))],
      [Buffer.from([1, 0, 0xff, 0xff, 1, 2, 3, 4, 0x61, 0, 0, 0])],
    ]
    for (const records of odd) {
      const { names, packets, damage } = read(file(records))
      assert.deepEqual([[...names.entries()], packets, damage], [[], 1, undefined])
    }
  })

  test('a block of many megabytes is passed over, and without names every block is', () => {
    const many = Buffer.concat(
      Array.from({ length: 300_000 }, (_, i) => option(1, value([10, i >> 16, i >> 8, i], 'x'))),
    )
    const large = file([many])
    assert.ok(many.length < 4 * 1024 * 1024)
    assert.equal([...read(large).names.entries()].length, 65_536)
    assert.deepEqual([...read(file([many, many])).names.entries()], [])
    assert.equal(read(file([many, many])).packets, 1)
    const source = memorySource(large)
    const reader = new SavefileReader('test', Buffer.alloc(65_536))
    while (reader.next() === READ_NEED_INPUT) reader.fill(source)
    assert.equal(reader.packetCount, 1)
  })
})

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-names-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

function tshark(t: TestContext, args: readonly string[]): string | undefined {
  const { error, status, stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8' })
  if (error !== undefined) {
    console.error(`SKIPPED: ${t.name}: there is no tshark here`)
    t.skip('no tshark')
    return undefined
  }
  assert.equal(status, 0, stderr)
  return stdout
}

const segments = [
  ethernet({}, ipv4({ src: '172.17.0.3', dst: '172.17.0.2' }, tcp({ sport: 40_000, dport: 80, flags: 'S' }))),
  ethernet({}, ipv6({ src: 'fd00::3', dst: 'fd00::2' }, tcp({ sport: 40_000, dport: 80, flags: 'S' }))),
]

test('tshark shows our names', (t) => {
  const path = join(temporaryFolder(t), 'ours.pcapng')
  const web = { ...four('172.17.0.2', 'web'), container: 'c'.repeat(64), image: 'nginx', network: 'front' }
  const entries = [web, six('fd00::2', 'web-six'), four('172.17.0.3', 'shop-client-1')]
  const file = written(entries, (writer) => {
    for (const bytes of segments) writer.writePacket(0, new Timestamp(1, 0), bytes.length, bytes, 0, bytes.length)
  })
  writeFileSync(path, file)
  const fields = ['ip.src_host', 'ip.dst_host', 'ipv6.src_host', 'ipv6.dst_host'].flatMap((field) => ['-e', field])
  const shown = tshark(t, ['-r', path, '-N', 'n', '-T', 'fields', ...fields])
  if (shown === undefined) return
  assert.deepEqual(shown.trimEnd().split('\n'), ['shop-client-1\tweb\t\t', '\t\tfd00::3\tweb-six'])
})

test("tshark's names are ours too", (t) => {
  const folder = temporaryFolder(t)
  const path = (name: string) => join(folder, name)
  writeFileSync(path('hosts'), '172.17.0.2 web.example\nfd00::2 six.example\n')
  const file = written([], (writer) => {
    for (const bytes of segments) writer.writePacket(0, new Timestamp(1, 0), bytes.length, bytes, 0, bytes.length)
  })
  writeFileSync(path('plain.pcapng'), file)
  const args = ['-r', path('plain.pcapng'), '-H', path('hosts'), '-N', 'n', '-W', 'n', '-P', '-w', path('named.pcapng')]
  if (tshark(t, args) === undefined) return
  const names = byAddress(read(readFileSync(path('named.pcapng'))).names.entries())
  assert.equal(names['172.17.0.2'], 'web.example')
  assert.equal(names['fd00::2'], 'six.example')
})
