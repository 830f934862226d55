// What the documentation has from the program is what the program says now: `npm run docs` writes it anew.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { withDiagnosisTable } from '../../docs/build/diagnosis-table.ts'
import { formatManPage } from '../../docs/build/man-page.ts'
import { makePictures } from '../../docs/build/pictures.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { FLAG_TABLES } from '../../src/cli/flags.ts'
import { flagForms } from '../support/flag-forms.ts'
import { run, skipped, whyNot } from '../support/program.ts'

const DOCS = join(import.meta.dirname, '../../docs')
const manPage = readFileSync(join(DOCS, 'tcpflow.1'), 'utf8')

test('the man page is that of the flags as they are', () => {
  assert.equal(manPage, formatManPage(packageJson.version))
})

test('man shows every flag, and finds nothing wrong with the page', (t) => {
  if (skipped(t, whyNot('man'))) return
  const shown = run('man', ['--warnings', '-E', 'UTF-8', '-l', join(DOCS, 'tcpflow.1')])
    .toString()
    .replace(/.\x08/g, '')
  for (const flag of Object.entries(FLAG_TABLES).flatMap(([table, flags]) => (table === 'tcpkit' ? [] : flags))) {
    assert.ok(shown.includes(flagForms(flag)), `${flagForms(flag)} is missing`)
  }
})

test('the table of findings is made of the texts that the rules have', () => {
  const page = readFileSync(join(DOCS, 'diagnosis.md'), 'utf8')
  assert.ok(page === withDiagnosisTable(page), 'docs/diagnosis.md is not what `npm run docs` writes')
})

test('the pictures show what the program prints', async () => {
  for (const [name, picture] of await makePictures()) {
    assert.equal(readFileSync(join(DOCS, 'pictures', name), 'utf8'), picture, name)
  }
})
