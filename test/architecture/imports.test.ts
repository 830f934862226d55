// Imports point one way: a room imports only what its row in rooms.ts names, and no file imports itself round a corner.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { test } from 'node:test'
import { PACKAGES, ROOMS } from './rooms.ts'

const SOURCE = join(import.meta.dirname, '../../src')
/** Also `createRequire(…)('name')`. */
const SPECIFIER = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*|\)\(\s*)'([^'\n]+)'/g

interface SourceFile {
  /** Below src/. */
  readonly name: string
  /** Other files below src/. */
  readonly imports: readonly string[]
  readonly packages: readonly string[]
}

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.([cm]?tsx?|cjs)$/.test(name))
  .map(readSource)

function readSource(name: string): SourceFile {
  const text = readFileSync(join(SOURCE, name), 'utf8')
  const specifiers = [...text.matchAll(SPECIFIER)].map((match) => match[1]!)
  const inside = specifiers.filter((specifier) => specifier.startsWith('.'))
  return {
    name: name.split(sep).join('/'),
    imports: inside
      .map((specifier) => relative(SOURCE, resolve(SOURCE, dirname(name), specifier)))
      .filter((path) => !path.startsWith('..')),
    packages: specifiers.filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:')),
  }
}

function roomOf(name: string): string {
  return name.split('/')[0]!
}

test('every room imports only what its row allows', () => {
  assert.ok(files.length > 300, `only ${files.length} source files were found`)
  const wrong: string[] = []
  for (const { name, imports } of files) {
    const room = roomOf(name)
    const allowed = ROOMS[room]
    if (allowed === undefined) {
      wrong.push(name.endsWith('.d.ts') ? '' : `${name}: ${room} has no row in test/architecture/rooms.ts`)
      continue
    }
    for (const target of imports) {
      if (roomOf(target) === room || allowed.includes(roomOf(target)) || allowed.includes(target)) continue
      wrong.push(`${name} may not import ${target}`)
    }
  }
  assert.deepEqual(
    wrong.filter((line) => line !== ''),
    [],
  )
})

test('a room whose row allows another is not allowed in that one', () => {
  for (const [room, allowed] of Object.entries(ROOMS)) {
    for (const other of allowed) {
      assert.ok(!(ROOMS[roomOf(other)] ?? []).includes(room), `${room} and ${other} may import each other`)
    }
  }
})

test('no file imports itself by way of others', () => {
  const importsOf = new Map(files.map(({ name, imports }) => [name, imports]))
  const done = new Set<string>()
  const circles: string[] = []
  const follow = (name: string, way: readonly string[]): void => {
    const at = way.indexOf(name)
    if (at >= 0) {
      circles.push([...way.slice(at), name].join(' -> '))
      return
    }
    if (done.has(name)) return
    for (const next of importsOf.get(name) ?? []) follow(next, [...way, name])
    done.add(name)
  }
  for (const { name } of files) follow(name, [])
  assert.deepEqual(circles, [])
})

test('a package that belongs to one place is imported there only', () => {
  const used = new Set<string>()
  for (const { name, packages } of files) {
    for (const specifier of packages) {
      const place = PACKAGES[specifier.split('/')[0]!]
      if (place === undefined) continue
      used.add(specifier.split('/')[0]!)
      assert.ok(name.startsWith(place), `${name} may not import ${specifier}: only ${place} does`)
    }
  }
  assert.deepEqual([...used].sort(), Object.keys(PACKAGES).sort())
})
