// Golden files: what people see, kept under test/golden/ and read in review. `GOLDEN_UPDATE=1` rewrites them.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const GOLDEN_FOLDER = join(import.meta.dirname, '..', 'golden')

/**
 * Asserts that `actual` equals the golden file `name` (a path below test/golden/, such as `console/text.txt`), byte for
 * byte. With GOLDEN_UPDATE=1 in the environment the file is written instead. A missing file fails.
 */
export function assertGolden(name: string, actual: Buffer | string): void {
  const path = join(GOLDEN_FOLDER, name)
  const bytes = typeof actual === 'string' ? Buffer.from(actual, 'utf8') : actual
  if (process.env.GOLDEN_UPDATE === '1') {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
    return
  }
  let expected: Buffer
  try {
    expected = readFileSync(path)
  } catch {
    assert.fail(`no golden file ${path}: run \`npm run golden:update\` and read the difference`)
  }
  if (expected.equals(bytes)) return
  // latin1 shows every byte as a character of its own in assert's difference
  assert.equal(visible(bytes), visible(expected), `differs from ${path}`)
  assert.fail(`differs from ${path}`)
}

/** Bytes as text in which escape sequences can be read. */
function visible(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(/[^\n\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
