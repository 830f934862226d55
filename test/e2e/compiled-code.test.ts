// The compiled code beside the built program: V8 takes it, and the program runs the same where V8 refuses it or it is gone.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { COMPILED_SUFFIX, compileScript } from '../../src/load-program.ts'
import { temporaryFolder } from '../output/files/file-fixture.ts'
import { PROGRAM } from '../support/program.ts'

/** A copy of the built program that may be spoilt. */
function copyOfProgram(t: TestContext): { start: string; program: string; compiled: string } {
  const folder = join(temporaryFolder(t), 'dist')
  cpSync(dirname(PROGRAM), folder, { recursive: true })
  const program = join(folder, 'program.js')
  return { start: join(folder, 'tcpflow.js'), program, compiled: `${program}${COMPILED_SUFFIX}` }
}

function listing(start: string): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [start, '--list'], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('V8 takes the compiled code that the build kept, and refuses what is not of its making', (t) => {
  const { program, compiled } = copyOfProgram(t)
  assert.equal(compileScript(program).cachedDataRejected, false)
  writeFileSync(compiled, Buffer.from('of another version'))
  assert.equal(compileScript(program).cachedDataRejected, true)
  rmSync(compiled)
  assert.equal(compileScript(program).cachedDataRejected, undefined)
})

test('the program is the same with its compiled code, with spoilt code, and without', (t) => {
  const { start, compiled } = copyOfProgram(t)
  const expected = listing(start)
  assert.equal(expected.status, 0, expected.stderr)
  assert.match(expected.stdout, /\blo\b/)
  const bytes = readFileSync(compiled)
  for (const spoilt of [Buffer.alloc(0), bytes.subarray(0, bytes.length >> 1), Buffer.alloc(bytes.length, 0xa5)]) {
    writeFileSync(compiled, spoilt)
    assert.deepEqual(listing(start), expected)
  }
  rmSync(compiled)
  assert.ok(!existsSync(compiled))
  assert.deepEqual(listing(start), expected)
})
