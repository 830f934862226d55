// `tcpflow containers`: the table, whatever containers are called and however narrow the terminal is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { containersTable } from '../../src/cli/containers-command.ts'
import { formatTable } from '../../src/cli/table.ts'
import { type ListedContainer, withNamedModes } from '../../src/pipeline/container-list.ts'

const ID = 'c0ffee'.repeat(11).slice(0, 64)
const CYAN = '\x1b[36m'

function row(fields: Partial<ListedContainer> = {}): ListedContainer {
  return {
    name: 'web',
    id: ID,
    image: 'registry.example.org/team/shop/web-frontend:2026-01-31',
    service: '',
    project: '',
    networkMode: 'bridge',
    networks: [{ name: 'shop_default_network', addresses: ['172.20.0.12', 'fd00:dead:beef::12'] }],
    publishedPorts: ['8080->80/tcp', '8443->443/tcp'],
    way: 'veth',
    where: 'veth6b3ec33 on br-0123456789ab',
    ...fields,
  }
}

const tableOf = (rows: ListedContainer[], width: number, color = false): string[] =>
  containersTable(rows, width, color).trimEnd().split('\n')

test('at 80 columns it can still be read where it is captured', () => {
  const [head, line] = tableOf([row()], 80)
  assert.ok(line!.length <= 80, line)
  const at = head!.indexOf('CAPTURED AT')
  assert.ok(line!.length - at >= 20, line)
  assert.match(line!, /^web {3}registry\.exam… {2}/)
  assert.match(line!.slice(at), /^veth6b3ec33 on br-/)
})

test('services, where there are any and there is room', () => {
  const api = row({ name: 'shop-api-1', service: 'api', project: 'shop' })
  const [head, first, second] = tableOf([api, row()], 200)
  assert.match(head!, /^NAME {8}SERVICE {2}IMAGE /)
  assert.match(first!, /^shop-api-1 {2}api {6}registry/)
  assert.match(second!, /^web {18}registry/)
  assert.match(tableOf([row()], 200)[0]!, /^NAME {2}IMAGE/)
  assert.match(tableOf([api], 109)[0]!, /^NAME {8}IMAGE/)
  assert.match(tableOf([api], 110)[1]!, /^shop-api-1 {2}api {6}registry\.exam… {2}.* veth6b3ec33 on br-/)
  const long = row({ name: 'n'.repeat(40), service: 's'.repeat(60) })
  for (let width = 20; width < 250; width++) {
    for (const line of tableOf([api, long], width)) assert.ok(line.length <= width, `${width}: ${line}`)
  }
})

test('every width', () => {
  for (let width = 20; width < 200; width++) {
    for (const line of tableOf([row({ name: 'a-name-that-is-rather-long-for-a-container' })], width)) {
      assert.ok(line.length <= width, `${width}: ${line}`)
    }
  }
})

test('the colour ends where the name does, cut or not', () => {
  const [, line] = tableOf([row({ name: 'a-name-that-is-rather-long-for-a-container' }), row()], 80, true)
  const painted = line!.slice(line!.indexOf(CYAN) + CYAN.length, line!.indexOf('\x1b[39m'))
  assert.match(painted, /^a-name-.*…$/)
  assert.match(stripVTControlCharacters(line!), /^a-name-[^ ]*… {2}\S/)
})

test('a row is a line', () => {
  const lines = tableOf([row({ image: 'a\nb\tc\rd', where: 'no\nway' })], 300)
  assert.equal(lines.length, 2)
  assert.match(lines[1]!, / a\.b\.c\.d .* no\.way$/)
})

test("another one's network by its name", () => {
  const other = row({ name: 'app', id: 'f'.repeat(64), networks: [], networkMode: `container:${ID}` })
  const modes = (rows: ListedContainer[]): string[] => withNamedModes(rows).map(({ networkMode }) => networkMode)
  assert.deepEqual(modes([row(), other]), ['bridge', 'container:web'])
  assert.deepEqual(modes([other]), [`container:${ID.slice(0, 12)}`])
})

test('more rows than a call has arguments', () => {
  const rows = Array.from({ length: 200_000 }, () => ['a'])
  assert.equal(formatTable(rows, 80, []).lines.length, 200_000)
})
