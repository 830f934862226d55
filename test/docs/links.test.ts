// Whatever the documentation names is there: files, folders, links, and the rooms with what they may import.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { ROOMS } from '../architecture/rooms.ts'

const ROOT = join(import.meta.dirname, '../..')
const PAGES = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'].map((name) => join(ROOT, name)),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(ROOT, 'docs', name)),
]
/** Of the project's own folders, from its root. */
const PATH = /(?:^|[\s`(])((?:src|test|bin|deploy|docs|\.ci|\.github)\/[\w./-]*[\w/])/gm

/** A heading as the anchor that links to it have. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .replaceAll(' ', '-')
}

test('pages are found', () => {
  assert.ok(PAGES.length >= 15, PAGES.map((page) => relative(ROOT, page)).join())
})

for (const page of PAGES) {
  const text = readFileSync(page, 'utf8')
  const name = relative(ROOT, page)

  test(`${name}: every path that it names exists`, () => {
    for (const [, path] of text.matchAll(PATH)) {
      assert.ok(existsSync(join(ROOT, path!)), `${path} does not exist`)
    }
  })

  test(`${name}: every link leads somewhere`, () => {
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue
      const [path, anchor] = target!.split('#') as [string, string | undefined]
      const file = path === '' ? page : join(dirname(page), path)
      assert.ok(existsSync(file), `${target} does not exist`)
      if (anchor === undefined) continue
      const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1]!))
      assert.ok(headings.includes(anchor), `${target}: no such heading`)
    }
  })
}

test('docs/README.md links to every page', () => {
  const index = readFileSync(join(ROOT, 'docs/README.md'), 'utf8')
  for (const page of PAGES.filter((each) => dirname(each) === join(ROOT, 'docs'))) {
    const name = relative(join(ROOT, 'docs'), page)
    if (name !== 'README.md') assert.ok(index.includes(`(${name})`), `${name} is not in the index`)
  }
})

test('docs/architecture.md has the rooms and what they may import, as the rule has them', () => {
  const rows = new Map<string, string>()
  for (const line of readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8').split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim())
    if (cells.length !== 5) continue
    for (const [, room] of cells[1]!.matchAll(/`([^`]+)`/g)) rows.set(room!.replace(/\/$/, ''), cells[3]!)
  }
  const existing = new Set(readdirSync(join(ROOT, 'src')))
  for (const [room, allowed] of Object.entries(ROOMS)) {
    if (!existing.has(room) || room === 'record-compiled-code.ts') continue
    const row = rows.get(room)
    assert.ok(row !== undefined, `${room} has no row`)
    for (const other of allowed) {
      const named = other.includes('/') ? other.split('/')[0]! : other
      if (!existing.has(named)) continue
      assert.match(row, new RegExp(`(^|[ ,])${named.replace('.', '\\.')}\\b`), `${room} may import ${other}`)
    }
  }
})
