// Writes what the documentation has that is made from the program itself: `npm run docs`.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { withDiagnosisTable } from './diagnosis-table.ts'
import { formatManPage } from './man-page.ts'
import { makePictures } from './pictures.ts'

const DOCS = join(import.meta.dirname, '..')

writeFileSync(join(DOCS, 'tcpflow.1'), formatManPage(packageJson.version))
const diagnosis = join(DOCS, 'diagnosis.md')
writeFileSync(diagnosis, withDiagnosisTable(readFileSync(diagnosis, 'utf8')))
mkdirSync(join(DOCS, 'pictures'), { recursive: true })
for (const [name, picture] of await makePictures()) writeFileSync(join(DOCS, 'pictures', name), picture)
