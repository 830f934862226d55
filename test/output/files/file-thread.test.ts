import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Arena } from '../../../src/core/arena.ts'
import { Endpoint } from '../../../src/core/endpoint.ts'
import { FILE_BLOCKS_BYTES } from '../../../src/output/files/file-blocks.ts'
import { FileSink } from '../../../src/output/files/file-sink.ts'
import { FileStore } from '../../../src/output/files/file-store.ts'
import { type FileJob, FileThread } from '../../../src/output/files/file-thread.ts'
import { StoredFile } from '../../../src/output/files/stored-file.ts'
import type { FilesPlan } from '../../../src/plan.ts'
import { contents, filesPlan, makeFolder, mountTmpfs, Talk, temporaryFolder, testRun } from './file-fixture.ts'

/** A file's time. Milliseconds are rounded otherwise from Node 24 on. */
function microsOf(path: string): number {
  return Math.round(statSync(path).mtimeMs * 1000)
}

/** The flow of the `i`th client, and what it is called. */
const clientOf = (i: number) => new Endpoint(4, 0, 0, 0, 0x0a000000 + i, 1024)
const nameOf = (i: number) =>
  `010.${[i >> 16, (i >> 8) & 255, i & 255].map((part) => String(part).padStart(3, '0')).join('.')}.01024-074.125.019.104.00080`

function sinkWithThread(folder: string, changes: Partial<FilesPlan> = {}): FileSink {
  return new FileSink(filesPlan(folder, changes), testRun, undefined, new Arena(FILE_BLOCKS_BYTES))
}

/** Small flows, one after the other, until the thread has made `enough` of their files; returns how many there were. */
async function talkUntil(sink: FileSink, enough: number, first = 0): Promise<number> {
  for (let i = first; ; i++) {
    new Talk(sink, { client: clientOf(i), seconds: 1_600_000_000 + i }).send(0, `flow ${i}`).close()
    if (i % 256 > 0) continue
    if (sink.threadJobsDone >= enough) return i + 1
    assert.ok(i < 200_000, 'the thread does nothing')
    // the thread takes a moment to come
    await sleep(20)
  }
}

function fileNamesOfReport(path: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(/<filename>(.*?)<\/filename>/g)].map((found) => found[1]!)
}

test('small files are made by the second thread: bytes, times and the report are as ever', async (t) => {
  const folder = temporaryFolder(t)
  const sink = sinkWithThread(folder, { reportPath: join(folder, 'report.xml') })
  const flows = await talkUntil(sink, 300)
  await sink.finish()
  const { 'report.xml': _report, ...files } = contents(folder)
  assert.equal(Object.keys(files).length, flows)
  for (let i = 0; i < flows; i++) assert.equal(files[nameOf(i)], `flow ${i}`)
  assert.equal(microsOf(join(folder, nameOf(flows - 1))), (1_600_000_000 + flows - 1) * 1e6 + 869_344)
  const named = fileNamesOfReport(join(folder, 'report.xml'))
  assert.deepEqual(
    named,
    Array.from({ length: flows }, (_, i) => join(folder, nameOf(i))),
  )
})

test('where a name is taken, the flow of the second thread gets the next free one, and the report says so', async (t) => {
  const folder = makeFolder(temporaryFolder(t))
  const sink = sinkWithThread(folder, { reportPath: join(folder, 'report.xml') })
  const before = await talkUntil(sink, 1)
  for (let i = 0; i < 10; i++) writeFileSync(join(folder, nameOf(before + i * 3)), 'of somebody else')
  const flows = await talkUntil(sink, sink.threadJobsDone + 200, before)
  await sink.finish()
  const { 'report.xml': _report, ...files } = contents(folder)
  const named = fileNamesOfReport(join(folder, 'report.xml'))
  for (let i = 0; i < flows; i++) {
    const taken = i >= before && i < before + 30 && (i - before) % 3 === 0
    const name = taken ? `${nameOf(i)}c1` : nameOf(i)
    assert.equal(files[name], `flow ${i}`)
    if (taken) assert.equal(files[nameOf(i)], 'of somebody else')
    assert.equal(named[i], join(folder, name))
  }
  assert.equal(named.length, flows)
})

test('connections on one 4-tuple get their counters in their order, whoever makes the files', async (t) => {
  const folder = temporaryFolder(t)
  const sink = sinkWithThread(folder)
  await talkUntil(sink, 1)
  const client = clientOf(0x700000)
  // too big for the thread to make: made here, between two that are not
  const big = 'x'.repeat(10_000)
  const texts = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? `small ${i}` : `${big} ${i}`))
  for (const [i, text] of texts.entries()) new Talk(sink, { client, occurrence: i }).send(0, text).close()
  await sink.finish()
  const files = contents(folder)
  for (const [i, text] of texts.entries()) assert.equal(files[nameOf(0x700000) + (i === 0 ? '' : `c${i}`)], text)
})

test('with files of an earlier run everywhere, every flow still has its own', async (t) => {
  const folder = temporaryFolder(t)
  const first = sinkWithThread(folder)
  const flows = await talkUntil(first, 100)
  await first.finish()
  const second = sinkWithThread(folder)
  for (let i = 0; i < flows; i++) {
    new Talk(second, { client: clientOf(i) }).send(0, `again ${i}`).close()
    if (i % 256 === 0) await sleep(1)
  }
  await second.finish()
  const files = contents(folder)
  assert.equal(Object.keys(files).length, flows * 2)
  for (let i = 0; i < flows; i++) {
    assert.equal(files[nameOf(i)], `flow ${i}`)
    assert.equal(files[`${nameOf(i)}c1`], `again ${i}`)
  }
})

test('full blocks are written by the second thread, each file in its order, and closed with its time', async (t) => {
  const folder = temporaryFolder(t)
  const sink = sinkWithThread(folder)
  const first = await talkUntil(sink, 1)
  const before = sink.threadJobsDone
  const talks = Array.from({ length: 40 }, (_, i) => new Talk(sink, { client: clientOf(first + i), slot: i }))
  const wanted = talks.map(() => [] as string[])
  for (let round = 0; round < 400; round++) {
    for (const [i, talk] of talks.entries()) {
      const part = `${i}:${round};`.padEnd(1000 + ((i * 7 + round) % 900), '-')
      wanted[i]!.push(part)
      talk.send(0, part)
    }
    if (round % 150 === 149) sink.flush()
    if (round % 8 === 0) await sleep(1)
  }
  assert.ok(sink.threadJobsDone > before + 20, `${sink.threadJobsDone - before} blocks`)
  for (const talk of talks) talk.close()
  await sink.finish()
  const files = contents(folder)
  for (const [i, parts] of wanted.entries()) assert.equal(files[nameOf(first + i)], parts.join(''))
  assert.equal(microsOf(join(folder, nameOf(first + 3))), 1_362_692_526_869_344)
})

test('a flow that has ended is complete, with its time and in the report, though nothing comes after it', async (t) => {
  const folder = temporaryFolder(t)
  const report = join(folder, 'report.xml')
  const sink = sinkWithThread(folder, { reportPath: report })
  const first = await talkUntil(sink, 1)
  const big = new Talk(sink, { client: clientOf(first) })
  for (let i = 0; i < 40; i++) big.send(0, Buffer.alloc(8000, 'b'))
  big.close()
  new Talk(sink, { client: clientOf(first + 1), slot: 1 }).send(0, 'last').close()
  for (const deadline = performance.now() + 10_000; fileNamesOfReport(report).length < first + 2; await sleep(5)) {
    assert.ok(performance.now() < deadline, 'the report is not complete')
    sink.flush()
  }
  assert.equal(microsOf(join(folder, nameOf(first))), 1_362_692_526_869_344)
  await sink.finish()
})

test('more flows than blocks while blocks are being written: nothing is mixed up', async (t) => {
  const folder = makeFolder(temporaryFolder(t))
  const arena = new Arena(FILE_BLOCKS_BYTES + 262_144)
  const source = arena.allocate(131_072)
  for (let i = 0; i < source.length; i++) source[i] = i % 251
  const store = new FileStore(folder, 0, arena)
  const files: { file: StoredFile; bytes: number }[] = []
  const add = (name: string) => {
    const file: StoredFile = new StoredFile({
      createFile: () => {
        file.name = name
        return store.folder.create(name)
      },
    })
    file.mayLag = true
    files.push({ file, bytes: 0 })
    return files.at(-1)!
  }
  const append = (each: { file: StoredFile; bytes: number }, bytes: number) => {
    store.append(each.file, source, each.bytes, each.bytes + bytes)
    each.bytes += bytes
  }
  const warm = new StoredFile({ createFile: () => store.folder.create('warm') })
  warm.name = 'warm'
  store.folder.create('warm')
  warm.mayLag = true
  for (const deadline = performance.now() + 20_000; store.thread!.jobsDone === 0; await sleep(5)) {
    assert.ok(performance.now() < deadline, 'there is no thread')
    for (let i = 0; i < 40; i++) store.append(warm, source, 0, 2000)
    store.settle()
  }
  const big = Array.from({ length: 60 }, (_, i) => add(`big ${i}`))
  for (const each of big) for (let i = 0; i < 33; i++) append(each, 2000)
  let spare = 0
  for (let i = 0; i < 4000; i++) {
    const each = add(`small ${i}`)
    append(each, 100)
    if (each.file.block?.pooled === false) spare++
  }
  assert.ok(spare > 0, 'no block beside the pool was needed')
  await store.finish()
  for (const { file, bytes } of files) {
    assert.ok(readFileSync(join(folder, file.name)).equals(source.subarray(0, bytes)), file.name)
  }
})

test('a disk that is full is said, and what was written stays', async (t) => {
  const folder = mountTmpfs(t, 'size=200m')
  if (folder === undefined) return
  const sink = sinkWithThread(folder)
  const first = await talkUntil(sink, 1)
  const before = sink.threadJobsDone
  const talks = Array.from({ length: 20 }, (_, i) => new Talk(sink, { client: clientOf(first + i), slot: i }))
  const part = Buffer.alloc(8192, 'p')
  let rounds = 0
  for (; !sink.blocked; rounds++) {
    assert.ok(rounds < 10_000, 'the disk is never full')
    for (const talk of talks) talk.send(0, part)
    if (rounds % 8 === 0) await sleep(1)
  }
  assert.ok(sink.threadJobsDone > before + 100)
  await assert.rejects(sink.drain(), /no space left on the disk/)
  for (const talk of talks) talk.close()
  await sink.finish()
  for (const text of Object.values(contents(folder))) assert.match(text, /^(p+|flow \d+)$/)
})

class Noted implements FileJob {
  readonly #log: string[]
  readonly #name: string

  constructor(log: string[], name: string) {
    this.#log = log
    this.#name = name
  }

  onDone(): void {
    this.#log.push(`${this.#name} done`)
  }

  onRefused(content: Buffer): void {
    this.#log.push(`${this.#name} refused ${content}`)
  }
}

test('what the thread cannot do comes back in the order given, with its bytes and nothing left behind', async (t) => {
  const folder = makeFolder(temporaryFolder(t))
  const arena = new Arena(1 << 20)
  const block = arena.allocate(65536).fill('b')
  const thread = new FileThread(arena)
  const log: string[] = []
  const make = (name: string, path: string) => {
    const content = Buffer.from(`bytes of ${name}, and what does not count`)
    return thread.make(new Noted(log, name), path, content, 9 + name.length, 0, 0)
  }
  const deadline = performance.now() + 20_000
  while (make('warm', join(folder, 'warm')) < 0) {
    assert.ok(performance.now() < deadline, 'there is no thread')
    await sleep(0)
  }
  const readOnly = openSync(join(folder, 'read-only'), 'w+')
  closeSync(readOnly)
  const refusing = openSync(join(folder, 'read-only'), 'r')
  const taking = openSync(join(folder, 'taking'), 'w')
  make('a', join(folder, 'a'))
  make('lost', join(folder, 'nowhere', 'b'))
  thread.write(new Noted(log, 'refusing'), refusing, arena.addressOf(block), 10, 0)
  thread.write(new Noted(log, 'taking'), taking, arena.addressOf(block), 10, 5_000_000_000)
  const last = make('again', join(folder, 'a'))
  thread.waitFor(last)
  assert.ok(log.length < 6, 'nobody is told before he asks')
  thread.settle()
  const expected = [
    'warm done',
    'a done',
    'lost refused bytes of lost',
    'refusing refused ',
    'taking done',
    'again refused bytes of again',
  ]
  assert.deepEqual(log, expected)
  assert.equal(readFileSync(join(folder, 'a'), 'utf8'), 'bytes of a')
  assert.equal(statSync(join(folder, 'taking')).size, 5_000_000_010)
  await thread.finish()
  assert.equal(make('after', join(folder, 'after')), -1)
  for (const descriptor of [refusing, taking]) closeSync(descriptor)
  rmSync(join(folder, 'taking'))
})

test('where much is expected the thread is there before anybody asked it for anything', async (t) => {
  const folder = makeFolder(temporaryFolder(t))
  const log: string[] = []
  const make = (thread: FileThread, name: string) =>
    thread.make(new Noted(log, name), join(folder, name), Buffer.from('bytes'), 5, 0, 0)
  const unexpected = new FileThread(new Arena(1 << 16))
  const expected = new FileThread(new Arena(1 << 16))
  expected.expectMuch()
  // far fewer attempts than would start it: a small machine has time enough
  for (let attempt = 0; make(expected, 'soon') < 0; attempt++) {
    assert.ok(attempt < 200, 'there is no thread')
    assert.equal(make(unexpected, 'never'), -1)
    await sleep(100)
  }
  await expected.finish()
  await unexpected.finish()
  assert.deepEqual(log, ['soon done'])
  assert.equal(readFileSync(join(folder, 'soon'), 'utf8'), 'bytes')
})
