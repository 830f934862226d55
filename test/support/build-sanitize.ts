// Assembles src/output/sanitize.wat into src/output/sanitize-wasm.ts:
//   node --import tsx test/support/build-sanitize.ts

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import wabt from 'wabt'

const OUTPUT_FOLDER = join(import.meta.dirname, '..', '..', 'src', 'output')
const LINE_LENGTH = 100
/** threads: the memory is shared with the thread that writes files. */
const FEATURES = { simd: true, bulk_memory: true, mutable_globals: true, threads: true }

/** The checked-in module's path. */
export const sanitizeModulePath = join(OUTPUT_FOLDER, 'sanitize-wasm.ts')

/** What `sanitize-wasm.ts` has to say, made from the WebAssembly text beside it. */
export async function assembleSanitizeModule(): Promise<string> {
  const assembler = await wabt()
  const module = assembler.parseWat('sanitize.wat', readFileSync(join(OUTPUT_FOLDER, 'sanitize.wat')), FEATURES)
  // its types know of no features here
  const validate = module.validate as (features: typeof FEATURES) => void
  validate.call(module, FEATURES)
  const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64')
  module.destroy()
  const lines: string[] = []
  for (let i = 0; i < base64.length; i += LINE_LENGTH) lines.push(`  '${base64.slice(i, i + LINE_LENGTH)}'`)
  return [
    '// Generated from sanitize.wat by test/support/build-sanitize.ts: do not edit.',
    '',
    '// biome-ignore format: one string in lines of equal length',
    'export const SANITIZE_MODULE_BASE64 =',
    `${lines.join(' +\n')}`,
    '',
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(sanitizeModulePath, await assembleSanitizeModule())
}
