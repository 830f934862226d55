import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { contents, temporaryFolder } from './file-fixture.ts'

test('where the system allows fewer descriptors than were asked for, nothing is lost', (t) => {
  const folder = temporaryFolder(t)
  const program = join(import.meta.dirname, 'file-many-open.ts')
  const command = 'ulimit -n 100 && exec "$0" --import tsx "$@"'
  const { status, stderr } = spawnSync('sh', ['-c', command, process.execPath, program, folder], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  const files = Object.values(contents(folder))
  assert.equal(files.length, 500)
  assert.ok(files.every((text) => text === 'one two three'))
})
