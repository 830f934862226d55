import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { OperatorError, UsageError } from '../../../src/core/errors.ts'
import type { WrittenFile } from '../../../src/core/ports.ts'
import { FileSink } from '../../../src/output/files/file-sink.ts'
import type { FilesPlan } from '../../../src/plan.ts'
import {
  CLIENT_6,
  contents,
  filesPlan,
  makeFolder,
  mountTmpfs,
  openDescriptors,
  SERVER_6,
  Talk,
  TO_CLIENT,
  TO_SERVER,
  temporaryFolder,
  testRun,
} from './file-fixture.ts'

function setUp(t: TestContext, changes: Partial<FilesPlan> = {}) {
  const folder = temporaryFolder(t)
  const written: WrittenFile[] = []
  const sink = new FileSink(filesPlan(folder, changes), testRun, { onFileWritten: (file) => written.push({ ...file }) })
  return { folder, sink, written }
}

describe('each flow has its file', () => {
  test('both directions apart, named from the sender to the receiver', async (t) => {
    const { folder, sink } = setUp(t)
    new Talk(sink).send(0, 'GET /\r\n').send(1, 'OK').send(0, 'bye').close()
    new Talk(sink, { client: CLIENT_6, server: SERVER_6, vlanId: 5 }).send(0, 'six').close()
    await sink.finish()
    assert.deepEqual(contents(folder), {
      [TO_SERVER]: 'GET /\r\nbye',
      [TO_CLIENT]: 'OK',
      'fd00::2.40000-fd00::3.00080--5': 'six',
    })
  })

  test('the output folder is made, with parents; nothing is made for flows without bytes', async (t) => {
    const folder = join(temporaryFolder(t), 'a', 'b')
    const sink = new FileSink(filesPlan(folder), testRun)
    new Talk(sink).packet(0).packet(1).gap(0, 100).close('reset')
    await sink.finish()
    assert.ok(statSync(folder).isDirectory())
    assert.deepEqual(contents(folder), {})
  })

  test('names with folders', async (t) => {
    const { folder, sink } = setUp(t, { nameTemplate: '%A/%a/%B/%b/%c%N.flow' })
    new Talk(sink).send(0, 'x').send(1, 'y').close()
    await sink.finish()
    assert.deepEqual(contents(folder), {
      '192.168.001.102/50955/074.125.019.104/00080/000.flow': 'x',
      '074.125.019.104/00080/192.168.001.102/50955/001.flow': 'y',
    })
  })

  test('file times are those of the first packet of the flow, whatever happens to the file later', async (t) => {
    const { folder, sink } = setUp(t, { maximumOpenFiles: 1 })
    const talk = new Talk(sink, { seconds: 1_362_692_526, nanos: 869_344_000 }).send(0, 'a').send(1, 'b')
    sink.flush()
    talk.send(0, 'c').send(1, 'd').close()
    await sink.finish()
    assert.equal(statSync(join(folder, TO_SERVER), { bigint: true }).mtimeNs / 1000n, 1_362_692_526_869_344n)
    assert.equal(statSync(join(folder, TO_SERVER), { bigint: true }).atimeNs / 1000n, 1_362_692_526_869_344n)
    assert.equal(statSync(join(folder, TO_CLIENT), { bigint: true }).mtimeNs / 1000n, 1_362_692_526_870_344n)
  })

  test('senseless times do no harm', async (t) => {
    const { folder, sink } = setUp(t)
    for (const [slot, seconds] of [-5, 1e15, 0, Number.MAX_SAFE_INTEGER].entries()) {
      new Talk(sink, { slot, occurrence: slot, seconds }).send(0, 'x').close()
    }
    await sink.finish()
    assert.equal(Object.keys(contents(folder)).length, 4)
  })

  test('flush shows what has come so far', (t) => {
    const { folder, sink } = setUp(t)
    const talk = new Talk(sink).send(0, 'first')
    assert.deepEqual(contents(folder), {})
    sink.flush()
    assert.deepEqual(contents(folder), { [TO_SERVER]: 'first' })
    talk.send(0, ' second')
    sink.flush()
    assert.deepEqual(contents(folder), { [TO_SERVER]: 'first second' })
  })

  test('finish in the middle of everything leaves all bytes', async (t) => {
    const { folder, sink, written } = setUp(t)
    new Talk(sink).send(0, 'half a requ')
    new Talk(sink, { slot: 1, occurrence: 1 }).send(1, Buffer.alloc(200_000, 'x'))
    await sink.finish()
    await sink.finish()
    assert.deepEqual(contents(folder), { [TO_SERVER]: 'half a requ', [`${TO_CLIENT}c1`]: 'x'.repeat(200_000) })
    assert.equal(written.length, 2)
  })

  test('the listener hears path, size and ranges', async (t) => {
    const { folder, sink, written } = setUp(t)
    new Talk(sink).send(0, 'abc').gap(0, 10).send(0, 'de').send(1, 'x').close()
    await sink.finish()
    assert.deepEqual(
      written.map(({ path, direction, sizeBytes, ranges, md5 }) => ({ path, direction, sizeBytes, ranges, md5 })),
      [
        {
          path: join(folder, TO_SERVER),
          direction: 0,
          sizeBytes: 15,
          ranges: [
            { offset: 0, length: 3 },
            { offset: 13, length: 2 },
          ],
          md5: undefined,
        },
        {
          path: join(folder, TO_CLIENT),
          direction: 1,
          sizeBytes: 1,
          ranges: [{ offset: 0, length: 1 }],
          md5: undefined,
        },
      ],
    )
  })
})

describe('gaps', () => {
  test('are holes', async (t) => {
    const { folder, sink } = setUp(t)
    const megabyte = 1024 * 1024
    new Talk(sink)
      .gap(0, 3)
      .send(0, 'ab')
      .gap(0, 8 * megabyte)
      .send(0, 'cd')
      .gap(0, 99)
      .close()
    await sink.finish()
    const path = join(folder, TO_SERVER)
    const bytes = readFileSync(path)
    assert.equal(bytes.length, 8 * megabyte + 7, 'no hole at the end')
    assert.equal(bytes.subarray(0, 5).toString(), '\0\0\0ab')
    assert.equal(bytes.subarray(-2).toString(), 'cd')
    assert.ok(bytes.subarray(5, -2).every((byte) => byte === 0))
    assert.ok(statSync(path).blocks * 512 < megabyte, 'sparse')
  })

  test('are left out with skip and named with mark', async (t) => {
    for (const [gaps, expected] of [
      ['skip', 'abcd'],
      ['mark', 'ab[1460 bytes missing]cd'],
    ] as const) {
      const { folder, sink } = setUp(t, { gaps })
      new Talk(sink).send(0, 'ab').gap(0, 1460).send(0, 'cd').late(0, 2, 'xy').close()
      await sink.finish()
      assert.deepEqual(contents(folder), { [TO_SERVER]: expected })
    }
  })

  test('late bytes fill their hole', async (t) => {
    const { folder, sink, written } = setUp(t)
    const talk = new Talk(sink).gap(0, 2).send(0, 'cd').gap(0, 4).send(0, 'ij')
    talk.late(0, 4, 'ef').late(0, 0, 'a').late(0, 6, 'gh').late(0, 1, 'b').close()
    await sink.finish()
    assert.deepEqual(contents(folder), { [TO_SERVER]: 'abcdefghij' })
    assert.deepEqual(written[0]?.ranges, [{ offset: 0, length: 10 }])
  })

  test('late bytes reach a file that was closed for want of descriptors', async (t) => {
    const { folder, sink } = setUp(t, { maximumOpenFiles: 1 })
    const one = new Talk(sink).send(0, 'ab').gap(0, 2).send(0, 'ef')
    const other = new Talk(sink, { slot: 1, occurrence: 1 }).send(0, 'other')
    sink.flush()
    one.late(0, 2, 'cd').close()
    other.close()
    await sink.finish()
    assert.deepEqual(contents(folder), { [TO_SERVER]: 'abcdef', [`${TO_SERVER}c1`]: 'other' })
  })

  test('a file larger than the file system allows ends there, and nothing else does', async (t) => {
    const folder = temporaryFolder(t, 'out', tmpdir())
    const sink = new FileSink(filesPlan(folder), testRun)
    new Talk(sink)
      .send(0, 'a')
      .gap(0, 2 ** 52)
      .send(0, 'b')
      .send(0, 'c')
      .send(1, 'fine')
      .close()
    await sink.finish()
    assert.equal(readFileSync(join(folder, TO_CLIENT), 'latin1'), 'fine')
    const { size } = statSync(join(folder, TO_SERVER))
    // ext4 knows 16 TiB, tmpfs and XFS a lot more
    assert.ok(sink.fullFiles === 1 ? size === 1 : size > 2 ** 52, `${size} bytes`)
    truncateSync(join(folder, TO_SERVER), 0)
  })
})

describe('-b, -s and --merge', () => {
  test('-b keeps so many bytes of each flow', async (t) => {
    const { folder, sink } = setUp(t, { maximumBytes: 5 })
    const talk = new Talk(sink).send(0, 'a').gap(0, 2).send(0, 'defg').send(0, 'hij').send(1, '12345').send(1, '6')
    talk.late(0, 1, 'bc').gap(0, 4).late(0, 11, 'never').close()
    new Talk(sink, { occurrence: 1 }).send(0, 'ab').gap(0, 10).send(0, 'never').close()
    await sink.finish()
    assert.deepEqual(contents(folder), { [TO_SERVER]: 'abcde', [TO_CLIENT]: '12345', [`${TO_SERVER}c1`]: 'ab' })
  })

  test('-s puts a dot for each byte that cannot be printed', async (t) => {
    const { folder, sink } = setUp(t, { strip: true })
    const talk = new Talk(sink).send(0, Buffer.from('a\0b\x1b[1m\r\n\t~\x7f\x80é', 'latin1')).gap(0, 2).send(0, '.')
    talk.late(0, 14, '\x01x').send(1, Buffer.alloc(150_000, 7)).close()
    await sink.finish()
    assert.deepEqual(contents(folder), { [TO_SERVER]: 'a.b.[1m\r\n\t~....x.', [TO_CLIENT]: '.'.repeat(150_000) })
  })

  test('--merge puts both directions into the file of the one to the server', async (t) => {
    const { folder, sink, written } = setUp(t, { merge: true })
    const talk = new Talk(sink).send(1, '220 hi\n').send(0, 'HELO\n').gap(1, 4).send(1, 'ok\n').send(0, 'QUIT\n')
    talk.late(1, 8, 'bcX').late(1, 7, 'a').late(0, 1, 'no hole').close()
    new Talk(sink, { occurrence: 1 }).send(1, 'server only').close()
    await sink.finish()
    assert.deepEqual(contents(folder), {
      [TO_SERVER]: '220 hi\nHELO\nabcXok\nQUIT\n',
      [`${TO_SERVER}c1`]: 'server only',
    })
    assert.equal(written.length, 2)
  })
})

describe('no file of an earlier run is touched', () => {
  test('where names have the time in them, only those of one second are counted, as by tcpflow', async (t) => {
    const folder = temporaryFolder(t)
    const sink = new FileSink(filesPlan(folder, { nameTemplate: '%tT%A.%a-%B.%b%V%v%C%c' }), testRun)
    for (const [occurrence, seconds] of [1_600_000_000, 1_600_000_003, 1_600_000_003].entries()) {
      new Talk(sink, { occurrence, seconds }).send(0, `${occurrence}`).close()
    }
    await sink.finish()
    assert.deepEqual(contents(folder), {
      [`1600000000T${TO_SERVER}`]: '0',
      [`1600000003T${TO_SERVER}`]: '1',
      [`1600000003T${TO_SERVER}c1`]: '2',
    })
  })

  test('the next free counter is taken', async (t) => {
    const { folder, sink } = setUp(t)
    writeFileSync(join(folder, TO_SERVER), 'old')
    writeFileSync(join(folder, `${TO_SERVER}c1`), 'old')
    mkdirSync(join(folder, `${TO_SERVER}c2`))
    symlinkSync('/etc/passwd', join(folder, `${TO_SERVER}c3`))
    symlinkSync('/nowhere/at/all', join(folder, `${TO_SERVER}c4`))
    new Talk(sink).send(0, 'new').send(1, 'reply').close()
    new Talk(sink, { occurrence: 1 }).send(0, 'newer').close()
    new Talk(sink, { occurrence: 9 }).send(0, 'ninth').close()
    await sink.finish()
    assert.deepEqual(contents(folder), {
      [TO_SERVER]: 'old',
      [`${TO_SERVER}c1`]: 'old',
      [`${TO_SERVER}c3`]: '-> ',
      [`${TO_SERVER}c4`]: '-> ',
      [`${TO_SERVER}c5`]: 'new',
      [`${TO_SERVER}c6`]: 'newer',
      [`${TO_SERVER}c9`]: 'ninth',
      [TO_CLIENT]: 'reply',
    })
  })

  test('many flows of one name count up without trying all names again', async (t) => {
    const { folder, sink } = setUp(t, { nameTemplate: 'all' })
    for (let id = 1; id <= 2000; id++) new Talk(sink, { id }).send(0, String(id)).close()
    await sink.finish()
    const files = contents(folder)
    assert.equal(Object.keys(files).length, 2000)
    assert.equal(files.all, '1')
    assert.equal(files.allc1999, '2000')
  })

  test('a folder that is a symbolic link is refused', async (t) => {
    const outside = temporaryFolder(t)
    mkdirSync(outside)
    const { folder, sink } = setUp(t, { nameTemplate: '%b/%A' })
    symlinkSync(outside, join(folder, '00080'))
    new Talk(sink).send(0, 'x').send(1, 'y').close()
    await assert.rejects(sink.finish(), /00080 is not a folder/)
    assert.deepEqual(contents(outside), {})
  })

  test('an output folder may itself be a link, and may hold other things', async (t) => {
    const { folder } = setUp(t)
    writeFileSync(join(folder, 'notes.txt'), 'mine')
    const link = `${folder}-link`
    symlinkSync(folder, link)
    const sink = new FileSink(filesPlan(link), testRun)
    new Talk(sink).send(0, 'x').close()
    await sink.finish()
    assert.deepEqual(contents(folder), { 'notes.txt': 'mine', [TO_SERVER]: 'x' })
  })

  test('removed under our hands, folders and files are made again', async (t) => {
    const { folder, sink } = setUp(t, { nameTemplate: '%b/%A', maximumOpenFiles: 1 })
    const talk = new Talk(sink).send(0, 'ab').send(1, 'y')
    sink.flush()
    rmSync(folder, { recursive: true })
    talk.send(0, 'cd').send(1, 'z').close()
    await sink.finish()
    assert.deepEqual(contents(folder), { '00080/192.168.001.102': '\0\0cd', '50955/074.125.019.104': '\0z' })
  })
})

describe('a connection that left the table and speaks again', () => {
  test('goes on in its own file', async (t) => {
    const { folder, sink, written } = setUp(t, { md5: true, index: true, nameTemplate: '%t-%a%C%c' })
    writeFileSync(join(folder, '1362692526-50955'), 'of an earlier run')
    new Talk(sink).send(0, 'abc').send(1, 'xy').close('evicted')
    const again = new Talk(sink, { resumed: true, seconds: 1_362_692_600 }, [3, 2])
    again.send(0, 'def').gap(0, 2).send(0, 'i').late(0, 6, 'gh').close()
    await sink.finish()
    const { '1362692526-50955c1.findx': index, ...files } = contents(folder)
    assert.deepEqual(files, {
      '1362692526-50955': 'of an earlier run',
      '1362692526-50955c1': 'abcdefghi',
      '1362692526-00080': 'xy',
      '1362692526-00080.findx': '0|1362692526.870344|2\n',
    })
    assert.deepEqual(
      index?.split('\n').map((line) => line.replace(/\|.*\|/, '|')),
      ['0|3', '3|3', '6|2', '8|1', ''],
    )
    assert.equal(written.at(-1)?.sizeBytes, 9)
    assert.equal(written.at(-1)?.md5, '8aa99b1f439ff71293e95357bac6fd94')
    const { mtimeNs } = statSync(join(folder, '1362692526-50955c1'), { bigint: true })
    assert.equal(mtimeNs / 1000n, 1_362_692_526_869_344n)
  })

  test('a connection that is only a namesake does not', async (t) => {
    const { folder, sink } = setUp(t)
    new Talk(sink).send(0, 'abc').close('evicted')
    new Talk(sink, { occurrence: 1 }).send(0, 'def').close('evicted')
    new Talk(sink, { resumed: true }, [3, 0]).send(0, 'ghi').close()
    await sink.finish()
    assert.deepEqual(contents(folder), { [TO_SERVER]: 'abcghi', [`${TO_SERVER}c1`]: 'def' })
  })

  test('one whose file is not known begins a new one', async (t) => {
    const { folder, sink } = setUp(t)
    writeFileSync(join(folder, TO_SERVER), 'old')
    const talk = new Talk(sink, { resumed: true }, [1000, 0]).send(0, 'ab').gap(0, 1).send(0, 'd')
    talk.late(0, 1002, 'c').late(0, 998, 'xyz').close()
    await sink.finish()
    assert.deepEqual(contents(folder), { [TO_SERVER]: 'old', [`${TO_SERVER}c1`]: 'zbcd' })
  })
})

describe('bounds', () => {
  /** Random writes of all sizes to many flows, checked against strings. */
  async function churn(t: TestContext, changes: Partial<FilesPlan>, flows: number, steps: number, largest: number) {
    const { folder, sink } = setUp(t, changes)
    const expected: Record<string, string> = {}
    const talks = Array.from({ length: flows }, (_, slot) => new Talk(sink, { slot, occurrence: slot, id: slot + 1 }))
    let state = 12345
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
      return (state >>> 8) % below
    }
    let mostOpen = 0
    const before = openDescriptors(folder)
    for (let step = 0; step < steps; step++) {
      const slot = random(flows)
      const name = `${TO_SERVER}${slot === 0 ? '' : `c${slot}`}`
      const text = String.fromCharCode(97 + (step % 26)).repeat(1 + random(random(4) === 0 ? largest : 300))
      talks[slot]!.send(0, text)
      expected[name] = (expected[name] ?? '') + text
      if (random(50) === 0) {
        const missing = 1 + random(100)
        talks[slot]!.gap(0, missing).send(0, '|')
        expected[name] += `${'\0'.repeat(missing)}|`
      }
      if (random(500) === 0) sink.flush()
      if (sink.blocked) await sink.drain()
      if (step % 100 === 0) mostOpen = Math.max(mostOpen, openDescriptors(folder) - before)
    }
    for (const talk of talks) talk.close()
    await sink.finish()
    assert.equal(openDescriptors(folder), before, 'every descriptor is closed')
    const found = contents(folder)
    assert.deepEqual(Object.keys(found).sort(), Object.keys(expected).sort())
    for (const [name, text] of Object.entries(expected)) assert.ok(found[name] === text, `${name} differs`)
    return mostOpen
  }

  test('with few descriptors no byte is lost', async (t) => {
    assert.ok((await churn(t, { maximumOpenFiles: 3 }, 60, 4000, 9000)) <= 3)
  })

  test('one descriptor will do, with index and packets and all', async (t) => {
    const { folder, sink } = setUp(t, { maximumOpenFiles: 1, index: true, nameTemplate: '%a' })
    const talk = new Talk(sink)
    for (let i = 0; i < 50; i++) {
      talk.send(0, 'a').send(1, 'b')
      sink.flush()
    }
    talk.close()
    await sink.finish()
    const files = contents(folder)
    assert.deepEqual(Object.keys(files).sort(), ['00080', '00080.findx', '50955', '50955.findx'])
    assert.equal(files['50955'], 'a'.repeat(50))
    assert.equal(files['00080.findx']?.split('\n').length, 51)
  })

  test('large flows', async (t) => {
    await churn(t, {}, 20, 3000, 60_000)
  })

  test('the same with digests', async (t) => {
    await churn(t, { md5: true }, 20, 1000, 60_000)
  })

  test('more flows at once than there are blocks', async (t) => {
    await churn(t, { maximumOpenFiles: 500 }, 3000, 9000, 20_000)
  })

  test('many short flows, few descriptors at any time', async (t) => {
    const { folder, sink } = setUp(t, { nameTemplate: '%K/%S' })
    const before = openDescriptors(folder)
    for (let id = 1; id <= 5000; id++) {
      new Talk(sink, { id, slot: id % 7 }).send(0, 'ping').send(1, 'pong').close()
      if (id % 1000 === 0) assert.ok(openDescriptors(folder) - before <= 1)
    }
    await sink.finish()
    const files = readdirSync(folder).flatMap((level) => readdirSync(join(folder, level)))
    assert.equal(files.length, 10_000)
  })
})

describe('what goes wrong with the disk', () => {
  test('an output folder that is a file, or cannot be made, is refused at once', (t) => {
    const file = temporaryFolder(t, 'file')
    writeFileSync(file, '')
    assert.throws(() => new FileSink(filesPlan(file), testRun), OperatorError)
    assert.throws(() => new FileSink(filesPlan(join(file, 'below')), testRun), OperatorError)
    assert.throws(() => new FileSink(filesPlan('/proc/nothing/here'), testRun), OperatorError)
    assert.throws(() => new FileSink(filesPlan(file, { nameTemplate: '%q' }), testRun), UsageError)
  })

  test('a read-only folder is refused at once', (t) => {
    if (process.getuid?.() === 0) {
      console.error('read-only folder: root may write anywhere, tried with a read-only mount instead')
      const folder = mountTmpfs(t, 'ro,size=64k')
      if (folder === undefined) return t.skip('cannot mount')
      assert.throws(() => new FileSink(filesPlan(folder), testRun), /read-only/)
      return
    }
    const folder = makeFolder(temporaryFolder(t))
    chmodSync(folder, 0o500)
    assert.throws(() => new FileSink(filesPlan(folder), testRun), /permission denied/)
  })

  test('a full disk is said once, keeps what was written, and nothing crashes after it', async (t) => {
    const folder = mountTmpfs(t, 'size=256k')
    if (folder === undefined) return t.skip('cannot mount')
    const sink = new FileSink(filesPlan(folder), testRun)
    const early = new Talk(sink, { slot: 1, occurrence: 1 }).send(0, 'early bird').close()
    assert.equal(early.connection.occurrence, 1)
    const talk = new Talk(sink)
    for (let i = 0; i < 40; i++) talk.send(0, Buffer.alloc(40_000, 'x'))
    assert.ok(sink.blocked)
    await assert.rejects(sink.drain(), (error: unknown) => {
      assert.ok(error instanceof OperatorError)
      assert.match(error.message, /no space left/)
      assert.ok(error.hint)
      return true
    })
    talk.send(1, 'too late').gap(1, 4).late(1, 8, 'x').close()
    new Talk(sink, { slot: 2, occurrence: 2 }).send(0, 'far too late').close()
    sink.flush()
    await sink.finish()
    const files = contents(folder)
    assert.deepEqual(Object.keys(files).sort(), [TO_SERVER, `${TO_SERVER}c1`].sort())
    assert.equal(files[`${TO_SERVER}c1`], 'early bird')
    assert.ok(/^x+$/.test(files[TO_SERVER]!.slice(0, 65_536)))
  })

  test('a full disk at the very end makes finish reject', async (t) => {
    const folder = mountTmpfs(t, 'size=64k')
    if (folder === undefined) return t.skip('cannot mount')
    const sink = new FileSink(filesPlan(folder), testRun)
    for (let slot = 0; slot < 30; slot++) new Talk(sink, { slot, occurrence: slot }).send(0, Buffer.alloc(3500, 'y'))
    assert.equal(sink.blocked, false)
    await assert.rejects(sink.finish(), /no space left/)
  })

  test('a name too long for the file system', async (t) => {
    const { sink } = setUp(t, { nameTemplate: 'x'.repeat(300) })
    new Talk(sink).send(0, 'a').close()
    await assert.rejects(sink.finish(), /name is too long/)
  })
})
