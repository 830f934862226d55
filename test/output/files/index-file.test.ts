import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FileSink } from '../../../src/output/files/file-sink.ts'
import { contents, filesPlan, Talk, TO_CLIENT, TO_SERVER, temporaryFolder, testRun } from './file-fixture.ts'

test('a line for each delivery: where, when, how much', async (t) => {
  const folder = temporaryFolder(t)
  const sink = new FileSink(filesPlan(folder, { index: true, maximumBytes: 4500 }), testRun)
  const talk = new Talk(sink, { seconds: 1_362_692_526, nanos: 999_000_999 })
  talk.send(0, 'x'.repeat(1448)).send(0, 'y'.repeat(1448)).gap(0, 100).send(0, 'z'.repeat(1448)).send(0, 'w'.repeat(99))
  talk.send(1, 'short').packet(1).close()
  await sink.finish()
  const files = contents(folder)
  assert.deepEqual(Object.keys(files).sort(), [TO_CLIENT, `${TO_CLIENT}.findx`, TO_SERVER, `${TO_SERVER}.findx`])
  assert.equal(
    files[`${TO_SERVER}.findx`],
    '0|1362692526.999000|1448\n1448|1362692527.000000|1448\n2996|1362692527.001000|1448\n4444|1362692527.002000|56\n',
  )
  assert.equal(files[`${TO_CLIENT}.findx`], '0|1362692527.003000|5\n')
})

test('lines of late bytes come where their offset belongs', async (t) => {
  const folder = temporaryFolder(t)
  const sink = new FileSink(filesPlan(folder, { index: true, nameTemplate: 'f' }), testRun)
  const talk = new Talk(sink, { nanos: 0 }).send(0, 'a'.repeat(90)).gap(0, 20).send(0, 'c'.repeat(10))
  talk.late(0, 100, 'b'.repeat(10)).late(0, 90, 'b'.repeat(10)).close()
  await sink.finish()
  const lines = contents(folder)
    ['f.findx']?.split('\n')
    .map((line) => line.replace('1362692526.', ''))
  assert.deepEqual(lines, ['0|000000|90', '90|003000|10', '100|002000|10', '110|001000|10', ''])
})

test('merged, the offset is that in the one file', async (t) => {
  const folder = temporaryFolder(t)
  const sink = new FileSink(filesPlan(folder, { index: true, merge: true, nameTemplate: 'f' }), testRun)
  new Talk(sink, { nanos: 0 }).send(0, 'abc').send(1, 'de').send(0, 'f').close()
  await sink.finish()
  assert.deepEqual(contents(folder), {
    f: 'abcdef',
    'f.findx': '0|1362692526.000000|3\n3|1362692526.001000|2\n5|1362692526.002000|1\n',
  })
})

test('the index of another run stays, and many lines fit', async (t) => {
  const folder = temporaryFolder(t)
  const sink = new FileSink(filesPlan(folder, { index: true, nameTemplate: 'f' }), testRun)
  writeFileSync(join(folder, 'f.findx'), 'old')
  const talk = new Talk(sink)
  for (let i = 0; i < 10_000; i++) talk.send(0, 'x')
  talk.close()
  await sink.finish()
  const files = contents(folder)
  assert.equal(files['f.findx'], 'old')
  assert.equal(files['f.1.findx']?.split('\n').length, 10_001)
})
