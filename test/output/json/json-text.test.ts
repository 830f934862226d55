// The kernel's escapes, at every place of the 16 bytes that it takes at a time.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Arena } from '../../../src/core/arena.ts'
import { JsonText, jsonString } from '../../../src/output/json/json-text.ts'
import { OutputStream } from '../../../src/output/writing/output-stream.ts'
import { Written } from '../console/console-fixture.ts'

/** What needs an escape, of each kind, and what looks like it and needs none. */
const PIECES = [
  '"',
  '\\',
  '\n',
  '\r',
  '\t',
  'a',
  '0',
  ' ',
  'plain text of more bytes',
  'é',
  '東',
  '\u{1f600}',
  '\u0001',
  '\x7f',
  '\u200b',
  '\u202e',
  '\u{e0001}',
]

test('text with escapes at any place is what JSON.stringify makes, with what is hidden escaped', async () => {
  const arena = new Arena(1 << 20)
  const text = new JsonText(arena)
  const anyText = fc.array(fc.constantFrom(...PIECES), { maxLength: 60 }).map((pieces) => pieces.join(''))
  const inArena = arena.allocate(1 << 16)
  await fc.assert(
    fc.asyncProperty(anyText, fc.boolean(), async (said, ownMemory) => {
      const written = new Written()
      const stream = new OutputStream(written.fd)
      const bytes = Buffer.from(said)
      const buf = ownMemory ? bytes : inArena
      // what stands behind the text must not come in
      if (!ownMemory) inArena.fill('"', 0, bytes.length + 64)
      bytes.copy(buf)
      text.write(stream, buf, 0, bytes.length)
      await stream.finish()
      assert.equal(`"${written.take().toString()}"`, jsonString(said))
    }),
    { numRuns: 500 },
  )
})
