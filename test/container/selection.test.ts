// Which containers are meant, and what is said when none is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  globPattern,
  notRunning,
  refuseAmbiguous,
  selectorsOf,
  serviceOf,
  unmatched,
} from '../../src/container/selection.ts'
import { container } from './container-scene.ts'

const NONE = { containers: [], services: [], labels: [], networks: [] }
const web = container('web')
const api1 = container('shop_api_1', {
  labels: { 'com.docker.compose.service': 'api', 'com.docker.compose.project': 'shop', tier: 'back' },
})
const swarm = container('stack_db.1.x', { labels: { 'com.docker.swarm.service.name': 'stack_db' } })
const all = [web, api1, swarm]

function chosen(more: Partial<typeof NONE> & Record<string, readonly string[]>): string[] {
  const selectors = selectorsOf({ ...NONE, ...more }, all)
  return all.filter((c) => selectors.some((s) => s.matches(c))).map((c) => c.name)
}

const cases: [Record<string, readonly string[]>, string[]][] = [
  [{ containers: ['web'] }, ['web']],
  [{ containers: ['/web'] }, ['web']],
  [{ containers: [web.id] }, ['web']],
  [{ containers: [web.id.slice(0, 8)] }, ['web']],
  [{ containers: ['we'] }, []],
  [{ containers: ['shop_*'] }, ['shop_api_1']],
  [{ containers: ['w?b', 'stack*'] }, ['web', 'stack_db.1.x']],
  [{ containers: ['[sw]*'] }, ['web', 'shop_api_1', 'stack_db.1.x']],
  [{ services: ['api'] }, ['shop_api_1']],
  [{ services: ['shop_api'] }, ['shop_api_1']],
  [{ services: ['shop-api'] }, ['shop_api_1']],
  [{ services: ['stack_db'] }, ['stack_db.1.x']],
  [{ labels: ['tier'] }, ['shop_api_1']],
  [{ labels: ['tier=back'] }, ['shop_api_1']],
  [{ labels: ['tier=front'] }, []],
  [{ labels: ['constructor'] }, []],
  [{ containers: ['web'], labels: ['tier'] }, ['web', 'shop_api_1']],
]
for (const [selection, expected] of cases) {
  test(JSON.stringify(selection).slice(0, 60), () => assert.deepEqual(chosen(selection), expected))
}

test('a glob is no regular expression', () => {
  assert.ok(globPattern('a.b').test('a.b'))
  assert.ok(!globPattern('a.b').test('axb'))
  assert.ok(globPattern('a[!b]c').test('axc'))
  assert.ok(!globPattern('a[!b]c').test('abc'))
  assert.ok(globPattern('[z-a]').test('[z-a]'))
  assert.ok(!globPattern('(a+)+$').test('a'.repeat(40)))
})

test('an id prefix that two share is refused with both names; a name goes before a prefix', () => {
  const a = { ...web, id: `ab1${'0'.repeat(61)}` }
  const b = { ...api1, id: `ab2${'0'.repeat(61)}` }
  assert.throws(() => refuseAmbiguous({ ...NONE, containers: ['ab'] }, [a, b]), {
    message: '--container ab begins the ids of 2 containers',
    hint: 'which of them: web (ab1000000000), shop_api_1 (ab2000000000)?',
  })
  refuseAmbiguous({ ...NONE, containers: ['ab1'] }, [a, b])
  refuseAmbiguous({ ...NONE, containers: ['ab'] }, [a, b, container('ab')])
})

test('what does not run is told apart from what does not exist', () => {
  const selectors = selectorsOf({ ...NONE, containers: ['wev'], services: ['apii'], labels: ['no=thing'] }, all)
  assert.equal(unmatched(selectors, all).length, 3)
  const errors = selectors.map((s) => notRunning(s, all))
  assert.deepEqual(
    errors.map((e) => e.message),
    ['there is no container wev', 'there is no service apii', 'no container has the label no=thing'],
  )
  assert.match(errors[0]!.hint!, /^closest: web,/)
  assert.match(errors[1]!.hint!, /^closest: api,/)
  const stopped = { ...web, state: 'exited' }
  const error = notRunning(selectorsOf({ ...NONE, containers: ['web'] }, [stopped])[0]!, [stopped])
  assert.equal(error.message, 'container web is not running (exited)')
  assert.match(error.hint!, /--wait --container web/)
})

test('a name that looks like the beginning of an id means the name; a beginning means the container that there was', () => {
  const db = container('db')
  const stranger = { ...web, id: `db${'0'.repeat(62)}` }
  const [named] = selectorsOf({ ...NONE, containers: ['db'] }, [db, stranger])
  assert.ok(named!.matches(db) && !named!.matches(stranger))
  const [awaited] = selectorsOf({ ...NONE, containers: ['db'] }, [])
  assert.ok(awaited!.matches(db) && !awaited!.matches(stranger))
  const [pinned] = selectorsOf({ ...NONE, containers: ['db0'] }, [stranger])
  assert.ok(pinned!.matches(stranger))
  assert.ok(!pinned!.matches({ ...web, id: `db01${'0'.repeat(60)}` }))
})

test('the service that a container is of, whoever made it', () => {
  assert.deepEqual(serviceOf({ 'com.docker.compose.service': 'api', 'com.docker.compose.project': 'shop' }), {
    service: 'api',
    project: 'shop',
  })
  assert.deepEqual(
    serviceOf({ 'com.docker.swarm.service.name': 'shop_api', 'com.docker.stack.namespace': 'shop', other: 'x' }),
    { service: 'shop_api', project: 'shop' },
  )
  assert.deepEqual(serviceOf({ 'io.podman.compose.service': 'api', 'io.podman.compose.project': 'shop' }), {
    service: 'api',
    project: 'shop',
  })
  assert.deepEqual(serviceOf({ 'com.docker.compose.project': 'shop' }), { service: '', project: '' })
})

test('a glob leaves out who asks to be ignored; a name does not', () => {
  const watcher = container('web-watcher', { labels: { 'tcpflow.ignore': '' } })
  const matching = (wanted: string): string[] =>
    [web, watcher]
      .filter((c) => selectorsOf({ ...NONE, containers: [wanted] }, [web, watcher])[0]!.matches(c))
      .map((c) => c.name)
  assert.deepEqual(matching('*'), ['web'])
  assert.deepEqual(matching('web-watcher'), ['web-watcher'])
})
