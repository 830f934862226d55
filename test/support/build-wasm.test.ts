import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { assemble, modulePath, wasmModules } from './build-wasm.ts'

for (const module of wasmModules) {
  test(`the checked-in module is what ${module.name}.wat assembles to`, async () => {
    assert.equal(readFileSync(modulePath(module), 'utf8'), await assemble(module))
  })
}
