// Assembles the WebAssembly texts in src/ into the modules beside them:
//   node --import tsx test/support/build-wasm.ts

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import wabt from 'wabt'
import { sanitizeTables } from './hidden-character-tables.ts'

const SOURCE_FOLDER = join(import.meta.dirname, '..', '..', 'src')
const LINE_LENGTH = 100
/** threads: the memory is shared with the thread that writes files. */
const FEATURES = { simd: true, bulk_memory: true, mutable_globals: true, threads: true }

export interface WasmModule {
  readonly folder: string
  /** NAME of `NAME.wat` and of the module `NAME-wasm.ts` made from it. */
  readonly name: string
  readonly constant: string
  /** What is put in for the names between two @ in the text. */
  readonly tables?: () => Readonly<Record<string, string>>
}

export const wasmModules: readonly WasmModule[] = [
  { folder: join(SOURCE_FOLDER, 'capture'), name: 'packet-gatherer', constant: 'PACKET_GATHERER_MODULE_BASE64' },
  {
    folder: join(SOURCE_FOLDER, 'output/terminal'),
    name: 'sanitize',
    constant: 'SANITIZE_MODULE_BASE64',
    tables: sanitizeTables,
  },
]

/** The checked-in module's path. */
export function modulePath({ folder, name }: WasmModule): string {
  return join(folder, `${name}-wasm.ts`)
}

/** The text of the module, made from the WebAssembly text beside it. */
export async function assemble({ folder, name, constant, tables = () => ({}) }: WasmModule): Promise<string> {
  const assembler = await wabt()
  const text = readFileSync(join(folder, `${name}.wat`), 'utf8')
  const module = assembler.parseWat(`${name}.wat`, withTables(text, tables()), FEATURES)
  // the package's types do not know this argument
  const validate = module.validate as (features: typeof FEATURES) => void
  validate.call(module, FEATURES)
  const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64')
  module.destroy()
  const lines: string[] = []
  for (let i = 0; i < base64.length; i += LINE_LENGTH) lines.push(`  '${base64.slice(i, i + LINE_LENGTH)}'`)
  return [
    `// Generated from ${name}.wat by test/support/build-wasm.ts: do not edit.`,
    '',
    '// biome-ignore format: one string in lines of equal length',
    `export const ${constant} =`,
    `${lines.join(' +\n')}`,
    '',
  ].join('\n')
}

function withTables(text: string, tables: Readonly<Record<string, string>>): string {
  return text.replace(/@(\w+)@/g, (_, table: string) => {
    const content = tables[table]
    if (content === undefined) throw new Error(`no table is called ${table}`)
    return content
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const module of wasmModules) writeFileSync(modulePath(module), await assemble(module))
}
