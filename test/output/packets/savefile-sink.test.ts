import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { OperatorError } from '../../../src/core/errors.ts'
import { Packet } from '../../../src/core/packet.ts'
import { SavefileSink } from '../../../src/output/packets/savefile-sink.ts'
import { type InterfaceDescription, InterfaceStatistics } from '../../../src/savefile/interface.ts'
import { READ_END, READ_NEED_INPUT, READ_PACKET, SavefileReader } from '../../../src/savefile/reader.ts'
import { SavefileNames } from '../../../src/savefile/savefile-names.ts'
import { FakeNames } from '../../support/fake-names.ts'

process.env.TZ = 'UTC'

const eth0: InterfaceDescription = {
  linkType: 1,
  snapshotLength: 262144,
  name: 'eth0',
  description: 'uplink',
  place: 0,
  placeName: '',
}
const any: InterfaceDescription = {
  linkType: 276,
  snapshotLength: 96,
  name: 'any',
  description: '',
  place: 0,
  placeName: '',
}
const NOON = Date.UTC(2026, 10, 21, 12) / 1000

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-save-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function packet(seconds: number, bytes: string | Buffer, interfaceId = 0): Packet {
  const p = new Packet()
  p.time.seconds = seconds
  p.time.nanos = 123_456_789
  p.interfaceId = interfaceId
  p.buf = Buffer.concat([Buffer.from('##'), Buffer.from(bytes), Buffer.from('##')])
  p.start = 2
  p.end = p.buf.length - 2
  p.originalLength = p.end - p.start + 7
  return p
}

function plan(path: string, changes: Partial<ConstructorParameters<typeof SavefileSink>[0]> = {}) {
  return { path, rotateBytes: 0, rotateSeconds: 0, keep: 0, ...changes }
}

/** What a file holds: `eth0 1795262400.123456789 text/original length`, `statistics of eth0: 5/1/0`. */
async function read(path: string): Promise<string[]> {
  return (await readWithNames(path, () => undefined)).lines
}

/** The same; and what `note` says of the names known at each packet. */
async function readWithNames<Note>(path: string, note: (names: SavefileNames) => Note) {
  const bytes = readFileSync(path)
  let offset = 0
  const source = {
    name: path,
    totalBytes: bytes.length,
    consumedBytes: 0,
    read(into: Buffer, start: number, end: number): number {
      const count = bytes.copy(into, start, offset, Math.min(bytes.length, offset + end - start))
      offset += count
      return count
    },
    stop() {},
    close: () => Promise.resolve(),
  }
  const names = new SavefileNames()
  const reader = new SavefileReader(path, Buffer.alloc(65536), undefined, names)
  const lines: string[] = []
  const notes: Note[] = []
  for (let status = reader.next(); status !== READ_END; status = reader.next()) {
    if (status === READ_NEED_INPUT) await reader.fill(source)
    else if (status === READ_PACKET) {
      notes.push(note(names))
      const { time, interfaceId, buf, start, end, originalLength } = reader.packet
      const { name, linkType } = reader.interfaces[interfaceId]!
      lines.push(
        `${name}/${linkType} ${time.seconds}.${time.nanos} ${buf.toString('latin1', start, end).slice(0, 20)}/${originalLength}`,
      )
    } else {
      const { interfaceId, received, dropped, interfaceDropped } = reader.statistics
      lines.push(`statistics of ${reader.interfaces[interfaceId]!.name}: ${received}/${dropped}/${interfaceDropped}`)
    }
  }
  assert.equal(reader.damage, undefined)
  return { lines, notes, last: note(names), interfaces: reader.interfaces }
}

const allOf = (names: SavefileNames): string =>
  [...names.entries()].map(({ address, name }) => `${address}=${name}`).join(' ')

function statistics(interfaceId: number): InterfaceStatistics {
  const s = new InterfaceStatistics()
  s.interfaceId = interfaceId
  s.time.seconds = NOON + 1
  s.received = 5
  s.dropped = 1
  return s
}

describe('-w', () => {
  test('one file: interfaces, nanoseconds, original lengths, statistics; readable by its owner alone', async (t) => {
    const path = join(folderOf(t), 'trace.pcapng')
    const sink = new SavefileSink(plan(path), -1)
    sink.onInterface(0, eth0)
    sink.onPacket(packet(NOON, 'hello'))
    sink.onInterface(1, any)
    sink.onPacket(packet(NOON + 1, '', 1))
    sink.onStatistics(statistics(0))
    sink.flush()
    const expected = [
      `eth0/1 ${NOON}.123456789 hello/12`,
      `any/276 ${NOON + 1}.123456789 /7`,
      'statistics of eth0: 5/1/-1',
    ]
    assert.deepEqual(await read(`${path}.partial`), expected)
    assert.equal(sink.blocked, false)
    await sink.finish()
    assert.deepEqual(await read(path), expected)
    assert.equal(statSync(path).mode & 0o777, 0o600)
  })

  test('an earlier file of that name is written over; without packets there are still section and interface', async (t) => {
    const path = join(folderOf(t), 'trace.pcapng')
    writeFileSync(path, 'x'.repeat(1000))
    const sink = new SavefileSink(plan(path), -1)
    sink.onInterface(0, eth0)
    await sink.finish()
    assert.deepEqual(await read(path), [])
    assert.ok(readFileSync(path).includes('eth0'))
  })

  test('`-` goes to standard output, which stays open', async (t) => {
    const path = join(folderOf(t), 'stdout')
    const stdout = openSync(path, 'w')
    const sink = new SavefileSink(plan('-', { rotateBytes: 100 }), stdout)
    sink.onInterface(0, eth0)
    for (let i = 0; i < 5; i++) sink.onPacket(packet(NOON, 'x'.repeat(100)))
    await sink.finish()
    closeSync(stdout)
    assert.equal((await read(path)).length, 5)
  })

  test('packets larger than all that is gathered', async (t) => {
    const path = join(folderOf(t), 'trace.pcapng')
    const sink = new SavefileSink(plan(path), -1)
    sink.onInterface(0, { ...eth0, snapshotLength: 0 })
    for (const size of [10, 400_000, 262_144 - 35, 262_144, 11]) sink.onPacket(packet(NOON, Buffer.alloc(size, 'y')))
    await sink.finish()
    assert.equal((await read(path)).length, 5)
  })

  test('tshark reads it', async (t) => {
    const path = join(folderOf(t), 'trace.pcapng')
    const sink = new SavefileSink(plan(path), -1)
    sink.onInterface(0, eth0)
    sink.onInterface(1, any)
    sink.onPacket(packet(NOON, Buffer.alloc(60)))
    sink.onPacket(packet(NOON, Buffer.alloc(60), 1))
    sink.onStatistics(statistics(1))
    await sink.finish()
    const fields = ['-T', 'fields', '-e', 'frame.interface_name', '-e', 'frame.time_epoch', '-e', 'frame.len']
    const tshark = spawnSync('tshark', ['-r', path, ...fields], { encoding: 'utf8' })
    if (tshark.error !== undefined) {
      console.error('SKIPPED: tshark is not installed')
      t.skip('tshark is not installed')
      return
    }
    assert.equal(tshark.status, 0, tshark.stderr)
    assert.equal(tshark.stdout, `eth0\t${NOON}.123456789\t67\nany\t${NOON}.123456789\t67\n`)
  })
})

describe('-w with rotation', () => {
  test('by size: no file is larger, each stands by itself', async (t) => {
    const folder = folderOf(t)
    const sink = new SavefileSink(plan(join(folder, 'base.pcapng'), { rotateBytes: 1000 }), -1)
    assert.deepEqual(readdirSync(folder), [])
    sink.onInterface(0, eth0)
    sink.onInterface(1, any)
    for (let i = 0; i < 9; i++) sink.onPacket(packet(NOON + i, `${i}`.repeat(200), i === 8 ? 1 : 0))
    sink.onPacket(packet(NOON + 9, 'z'.repeat(3000)))
    await sink.finish()
    const names = readdirSync(folder).sort()
    assert.deepEqual(names, [
      'base_00001_20261121120000.pcapng',
      'base_00002_20261121120003.pcapng',
      'base_00003_20261121120006.pcapng',
      'base_00004_20261121120009.pcapng',
    ])
    const all: string[] = []
    for (const name of names) all.push(...(await read(join(folder, name))))
    assert.deepEqual(
      all.map((line) => line.replace(/ .* /, ' ').replace(/(.)\1+\//, '$1 ')),
      [...[0, 1, 2, 3, 4, 5, 6, 7].map((i) => `eth0/1 ${i} 207`), 'any/276 8 207', 'eth0/1 z 3007'],
    )
    for (const name of names.slice(0, 3)) assert.ok(statSync(join(folder, name)).size <= 1000)
  })

  test('by age of the packets, with clocks set forth and back', async (t) => {
    const folder = folderOf(t)
    const sink = new SavefileSink(plan(join(folder, 'base'), { rotateSeconds: 60 }), -1)
    sink.onInterface(0, eth0)
    for (const at of [0, 59, 60, 119, 1e17, 121, 180, 182]) sink.onPacket(packet(NOON + at, 'x'))
    await sink.finish()
    assert.deepEqual(readdirSync(folder).sort(), [
      'base_00001_20261121120000',
      'base_00002_20261121120100',
      'base_00003_00000000000000',
      'base_00004_20261121120302',
    ])
  })

  test('only the newest are kept', async (t) => {
    const folder = folderOf(t)
    const sink = new SavefileSink(plan(join(folder, 'k.pcapng'), { rotateBytes: 300, keep: 2 }), -1)
    sink.onInterface(0, eth0)
    for (let i = 0; i < 40; i++) sink.onPacket(packet(NOON + i, 'x'.repeat(200)))
    await sink.finish()
    assert.deepEqual(readdirSync(folder).sort(), ['k_00039_20261121120038.pcapng', 'k_00040_20261121120039.pcapng'])
  })
})

describe('-w where it cannot write', () => {
  test('no such folder, a folder: said before anything is captured', (t) => {
    const folder = folderOf(t)
    for (const changes of [{}, { rotateBytes: 1000 }]) {
      assert.throws(
        () => new SavefileSink(plan(join(folder, 'missing', 'x.pcapng'), changes), -1),
        (error) => error instanceof OperatorError && /there is no folder .*missing/.test(error.message),
      )
    }
    mkdirSync(join(folder, 'dir'))
    assert.throws(
      () => new SavefileSink(plan(join(folder, 'dir')), -1),
      (error) => error instanceof OperatorError && /it is a folder/.test(error.message),
    )
  })

  test('a disk that is full from the start', async () => {
    const sink = new SavefileSink(plan('/dev/full'), -1)
    sink.onInterface(0, eth0)
    for (let i = 0; i < 10; i++) sink.onPacket(packet(NOON, Buffer.alloc(100_000)))
    assert.equal(sink.blocked, true)
    await assert.rejects(sink.drain(), { message: 'no space left on the disk of /dev/full' })
    sink.onPacket(packet(NOON, 'dropped'))
    await sink.finish()
  })

  test('a folder that goes away between two files is told by drain, not thrown', async (t) => {
    const folder = join(folderOf(t), 'gone')
    mkdirSync(folder)
    const sink = new SavefileSink(plan(join(folder, 'x.pcapng'), { rotateBytes: 300 }), -1)
    sink.onInterface(0, eth0)
    sink.onPacket(packet(NOON, 'x'.repeat(200)))
    rmSync(folder, { recursive: true })
    sink.onPacket(packet(NOON, 'x'.repeat(200)))
    sink.onPacket(packet(NOON, 'x'.repeat(200)))
    sink.onStatistics(statistics(0))
    assert.equal(sink.blocked, true)
    await assert.rejects(sink.drain(), OperatorError)
    await sink.finish()
  })

  test('a disk that is full in the middle: the file ends with a whole packet', async (t) => {
    const path = join(folderOf(t), 'trace.pcapng')
    const script = join(import.meta.dirname, '..', '..', 'support', 'save-until-full.ts')
    // a limit on the size of files stands for the end of the disk: the last write is cut in the same way
    const shell = `trap '' XFSZ; ulimit -f 600; exec "$0" --import tsx "$1" "$2"`
    const run = spawnSync('sh', ['-c', shell, process.execPath, script, path], { encoding: 'utf8' })
    assert.equal(run.status, 0, run.stderr)
    assert.match(run.stdout, /largest size/)
    const size = statSync(path).size
    assert.ok(size > 280_000 && size < 1_000_000, `${size}`)
    const packets = await read(path)
    assert.equal(size - (size % 1032), packets.length * 1032)
  })
})

describe('names in saved files', () => {
  test('stand before the first packet, and new ones before the packets of a later second', async (t) => {
    const path = join(folderOf(t), 'trace.pcapng')
    const names = new FakeNames().set('10.0.0.1', 'web').set('fd00::1', 'db')
    const sink = new SavefileSink(plan(path), -1, names)
    sink.onInterface(0, eth0)
    sink.onPacket(packet(NOON, 'a'))
    names.set('10.0.0.2', 'cache').set('10.0.0.1', 'web-2')
    sink.onPacket(packet(NOON, 'b'))
    sink.onPacket(packet(NOON + 1, 'c'))
    names.set('10.0.0.3', 'late')
    await sink.finish()
    const { notes, last } = await readWithNames(path, allOf)
    const later = '10.0.0.1=web-2 10.0.0.2=cache'
    assert.deepEqual(notes, ['10.0.0.1=web fd00::1=db', '10.0.0.1=web fd00::1=db', `${later} fd00::1=db`])
    assert.equal(last, `${later} 10.0.0.3=late fd00::1=db`)
  })

  test('when the input pauses, what is new goes out, once, and nothing is asked while nothing changes', async (t) => {
    const path = join(folderOf(t), 'trace.pcapng')
    const names = new FakeNames().set('10.0.0.1', 'web')
    const sink = new SavefileSink(plan(path), -1, names)
    let asked = 0
    const entries = names.entries.bind(names)
    names.entries = () => {
      asked++
      return entries()
    }
    sink.onInterface(0, eth0)
    for (let i = 0; i < 100; i++) {
      sink.onPacket(packet(NOON + i, 'x'))
      sink.flush()
    }
    assert.equal(asked, 1)
    const size = statSync(`${path}.partial`).size
    names.set('10.0.0.2', 'db').set('10.0.0.1', 'web')
    sink.flush()
    sink.flush()
    assert.equal(asked, 2)
    // one block with one record: 10.0.0.2 and "db"
    assert.equal(statSync(`${path}.partial`).size - size, 12 + 12 + 4)
    names.set('10.0.0.1', undefined)
    sink.flush()
    assert.equal(statSync(`${path}.partial`).size - size, 12 + 12 + 4)
    await sink.finish()
    assert.equal((await readWithNames(path, allOf)).last, '10.0.0.1=web 10.0.0.2=db')
  })

  test('each rotated file has them all, and the place of each interface', async (t) => {
    const folder = folderOf(t)
    const names = new FakeNames().set('10.0.0.1', 'web')
    const sink = new SavefileSink(plan(join(folder, 'x.pcapng'), { rotateSeconds: 10 }), -1, names)
    sink.onInterface(0, { ...eth0, place: 3, placeName: 'container 1' })
    for (let i = 0; i < 3; i++) {
      sink.onPacket(packet(NOON + i * 10, 'x'))
      names.set('10.0.0.2', `db-${i}`)
    }
    sink.flush()
    await sink.finish()
    const found = []
    for (const file of readdirSync(folder).sort()) found.push(await readWithNames(join(folder, file), allOf))
    assert.deepEqual(
      found.map(({ notes }) => notes),
      [['10.0.0.1=web'], ['10.0.0.1=web 10.0.0.2=db-0'], ['10.0.0.1=web 10.0.0.2=db-1']],
    )
    assert.equal(found[2]!.last, '10.0.0.1=web 10.0.0.2=db-2')
    for (const { interfaces } of found) assert.equal(interfaces[0]!.placeName, 'container 1')
  })

  test('a name whose version never rests, or one of many kilobytes, harms nothing', async (t) => {
    const path = join(folderOf(t), 'trace.pcapng')
    const names = new FakeNames().set('10.0.0.1', `\x1b]0;x\x07${'y'.repeat(10_000)}`).set('not an address', 'x')
    const sink = new SavefileSink(plan(path), -1, names)
    sink.onInterface(0, eth0)
    for (let i = 0; i < 1000; i++) {
      names.version++
      sink.onPacket(packet(NOON, 'x'))
    }
    sink.flush()
    await sink.finish()
    assert.ok(statSync(path).size < 60_000)
    const { lines, last } = await readWithNames(path, allOf)
    assert.equal(lines.length, 1000)
    assert.equal(last, `10.0.0.1=\x1b]0;x\x07${'y'.repeat(255 - 6)}`)
  })
})
