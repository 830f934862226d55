import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { WrittenFile } from '../../../src/core/ports.ts'
import { FileDigest } from '../../../src/output/files/file-digest.ts'
import { FileSink } from '../../../src/output/files/file-sink.ts'
import { filesPlan, Talk, TO_SERVER, temporaryFolder, testRun } from './file-fixture.ts'

function md5(bytes: Buffer | string): string {
  return createHash('md5').update(bytes).digest('hex')
}

const neverOpened = () => assert.fail('the file need not be read')

test('written in order, nothing is read again', () => {
  const digest = new FileDigest()
  digest.update(0, Buffer.from('xxabcxx'), 2, 5)
  digest.update(3, Buffer.from('de'), 0, 2)
  assert.equal(digest.finish(neverOpened), md5('abcde'))
})

test('holes are zeros', () => {
  const digest = new FileDigest()
  digest.update(200_000, Buffer.from('a'), 0, 1)
  digest.update(200_002, Buffer.from('b'), 0, 1)
  assert.equal(digest.finish(neverOpened), md5(Buffer.concat([Buffer.alloc(200_000), Buffer.from('a\0b')])))
})

test('a file that is nearly all hole has no digest', () => {
  const digest = new FileDigest()
  digest.update(2 ** 40, Buffer.from('a'), 0, 1)
  assert.equal(digest.finish(neverOpened), undefined)
})

test('of each flow the digest is that of its file', async (t) => {
  const folder = temporaryFolder(t)
  const digests = new Map<string, string | undefined>()
  const onFileWritten = (file: WrittenFile) => digests.set(file.path, file.md5)
  const sink = new FileSink(filesPlan(folder, { md5: true, maximumOpenFiles: 1 }), testRun, { onFileWritten })
  new Talk(sink).send(0, 'plain').close()
  new Talk(sink, { occurrence: 1 }).send(0, 'with').gap(0, 70_000).send(0, 'hole').close()
  const late = new Talk(sink, { occurrence: 2 }).send(0, 'ab').gap(0, 2).send(0, Buffer.alloc(300_000, 'x'))
  late.late(0, 2, 'cd').send(1, 'answer').close()
  await sink.finish()
  assert.equal(digests.size, 4)
  assert.equal(digests.get(join(folder, TO_SERVER)), md5('plain'))
  for (const [path, digest] of digests) {
    assert.ok(existsSync(path))
    assert.equal(digest, md5(readFileSync(path)), path)
  }
})
