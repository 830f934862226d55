// What scripts print: raw into files, harmless on terminals, and never within a line of the console.

import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ScriptOutput } from '../../../src/output/scripts/script-output.ts'
import { sanitizeText } from '../../../src/output/terminal/sanitize-text.ts'
import { OutputStream } from '../../../src/output/writing/output-stream.ts'

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, i) => i)

async function printed(t: TestContext, terminal: boolean, ...pieces: readonly Uint8Array[]): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-output-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'out')
  const fd = openSync(path, 'w')
  const output = new ScriptOutput(new OutputStream(fd), { terminal, shared: false, makeWay: () => {} })
  for (const piece of pieces) output.print(piece)
  await output.finish()
  closeSync(fd)
  return readFileSync(path)
}

test('byte for byte into a file', async (t) => {
  assert.deepEqual(await printed(t, false, ALL_BYTES, Buffer.from('x')), Buffer.from([...ALL_BYTES, 120]))
})

test('on a terminal nothing acts, lines and UTF-8 stay', async (t) => {
  const bytes = await printed(t, true, ALL_BYTES)
  assert.ok(bytes.every((byte) => byte === 9 || byte === 10 || (byte >= 32 && byte < 127)))
  assert.equal(bytes.length, 256)
  const text = await printed(t, true, Buffer.from('Zürich\t東京\r\nback\rover\x1b[31m\u202e\n'))
  assert.equal(text.toString(), 'Zürich\t東京\r\nback.over.[31m.\n')
})

test('what is printed later does not change what was printed', async (t) => {
  const piece = Buffer.from('first\n')
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-output-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const fd = openSync(join(folder, 'out'), 'w')
  const stream = new OutputStream(fd)
  let made = 0
  const output = new ScriptOutput(stream, { terminal: false, shared: true, makeWay: () => void made++ })
  output.print(piece)
  piece.fill(0)
  await output.finish()
  stream.writeText('second\n')
  await stream.finish()
  closeSync(fd)
  assert.equal(readFileSync(join(folder, 'out'), 'utf8'), 'first\nsecond\n')
  assert.equal(made, 1)
})

test('sanitizeText keeps TAB, LF and CR LF only', () => {
  assert.equal(sanitizeText('a\tb\r\nc\rd\u0000e\u0085f\ud800'), 'a\tb\r\nc.d.e.f.')
})
