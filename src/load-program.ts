// How the built program comes into memory: one file, and beside it the code that V8 made of it when it was built. Loading some
// forty modules and compiling them takes Node 20 longer than reading a small capture does.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'

type Program = typeof import('./program.ts')
type Wrapper = (exports: object, require: NodeJS.Require, module: object, filename: string, dirname: string) => void

/** Of V8's own making, and checked by it: another Node's is refused, and the program is compiled as if there were none. */
export const COMPILED_SUFFIX = '.compiled'

/** From the sources the program is loaded as they are. */
export async function loadProgram(): Promise<Program> {
  if (import.meta.url.endsWith('.ts')) return await import('./program.ts')
  const path = fileURLToPath(new URL('./program.js', import.meta.url))
  return runScript(compileScript(path), path)
}

/** The build escapes what is not ASCII, so a byte is a character. */
export function compileScript(path: string): Script {
  const source = readFileSync(path, 'latin1')
  return new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
    filename: path,
    cachedData: compiledCodeOf(path),
  })
}

export function runScript(script: Script, path: string): Program {
  const module = { exports: {} }
  const wrapper = script.runInThisContext() as Wrapper
  wrapper(module.exports, createRequire(path), module, path, dirname(path))
  return module.exports as Program
}

function compiledCodeOf(path: string): Buffer | undefined {
  try {
    return readFileSync(`${path}${COMPILED_SUFFIX}`)
  } catch {
    return undefined
  }
}
