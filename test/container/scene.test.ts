// What the engine's answers make of what was known: a table, a row a case.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Asked } from '../../src/container/asked.ts'
import { target } from '../../src/container/capture-target.ts'
import type { ContainerDetails, ContainerSummary } from '../../src/container/engine.ts'
import type { Followed } from '../../src/container/followed.ts'
import {
  type Answers,
  advance,
  EMPTY_SCENE,
  type Finding,
  type Scene,
  withCreated,
  withoutContainer,
  withoutForgotten,
} from '../../src/container/scene.ts'
import { selectorsOf } from '../../src/container/selection.ts'
import { attachment, BRIDGE, container, FRONT, idOf } from './container-scene.ts'

const web = container('web')
const ASKED = askedFor(['web', 'web?'])

function askedFor(containers: string[]): Asked {
  const selection = { containers, services: [], labels: [], networks: [] }
  return { selection, selectors: selectorsOf(selection, [web]), via: undefined, wait: false, insideInterface: '' }
}

function found(details: ContainerDetails): Finding {
  const { name, startedAt } = details
  const place = `${name} ${startedAt}`
  const one = {
    key: `netns ${details.id} ${startedAt}`,
    way: 'netns',
    label: `${name}: any`,
    interfaceName: 'any',
  } as const
  return { kind: 'found', details, targets: [target({ ...one, place })] }
}

function followed(details: ContainerDetails, more: Partial<Followed> = {}): Followed {
  const finding = found(details)
  assert.ok(finding.kind === 'found')
  return { details, targets: finding.targets, running: true, removed: false, ...more }
}

function scene(...list: Followed[]): Scene {
  const all = new Map(list.map((each) => [each.details.id, each]))
  return { ...EMPTY_SCENE, networks: [BRIDGE, FRONT], bridges: new Set(['docker0']), followed: all }
}

function answers(running: ContainerSummary[], ...findings: Finding[]): Answers {
  return { networks: [BRIDGE, FRONT], bridges: new Set(['docker0']), running, findings }
}

const later = { ...web, startedAt: 'later' }
const renamed = { ...web, name: 'web2' }
const left = { ...web, name: 'other' }
const moved = { ...web, networks: [attachment('front', '10.5.0.2', '02:42:0a:05:00:02')] }
const next = { ...web, id: idOf('next'), startedAt: 'then' }

interface Row {
  readonly name: string
  readonly before: Scene
  readonly said: Answers
  readonly lines?: string[]
  /** Name, addresses and places of those that have ended. */
  readonly ended?: string[]
  /** Those that are followed then: `+` runs, `-` does not. */
  readonly followed: string[]
}

const ROWS: Row[] = [
  { name: 'a new one is followed', before: scene(), said: answers([web], found(web)), followed: ['+web'] },
  {
    name: 'nothing has changed',
    before: scene(followed(web)),
    said: answers([web]),
    followed: ['+web'],
  },
  {
    name: 'it was looked at again, and nothing has changed',
    before: scene(followed(web)),
    said: answers([web], found(web)),
    followed: ['+web'],
  },
  {
    name: 'it has stopped',
    before: scene(followed(web)),
    said: answers([]),
    lines: ['web has stopped; what it says next is shown when it is back'],
    ended: ['web 172.17.0.2 web 776562000000 2026-01-01T00:00:00Z web 2026-01-01T00:00:00Z'],
    followed: ['-web'],
  },
  {
    name: 'it has stopped already',
    before: scene(followed(web, { running: false })),
    said: answers([]),
    followed: ['-web'],
  },
  {
    name: 'it is back',
    before: scene(followed(web, { running: false })),
    said: answers([later], found(later)),
    followed: ['+web'],
  },
  {
    name: 'it was restarted between two looks',
    before: scene(followed(web)),
    said: answers([later], found(later)),
    lines: ['web was restarted'],
    ended: ['web 172.17.0.2 web 776562000000 2026-01-01T00:00:00Z web 2026-01-01T00:00:00Z'],
    followed: ['+web'],
  },
  {
    name: 'it was renamed, and is meant still',
    before: scene(followed(web)),
    said: answers([renamed], found(renamed)),
    lines: ['web was renamed to web2'],
    followed: ['+web2'],
  },
  {
    name: 'it was renamed, and is not meant any more',
    before: scene(followed(web)),
    said: answers([left]),
    lines: ['web was renamed to other and is captured no longer: it does not match --container web'],
    ended: ['web 172.17.0.2 web 776562000000 2026-01-01T00:00:00Z web 2026-01-01T00:00:00Z'],
    followed: ['-web'],
  },
  {
    name: 'it is on another network',
    before: scene(followed(web)),
    said: answers([moved], found(moved)),
    lines: ['web joined the network front', 'web left the network bridge'],
    ended: ['web 172.17.0.2'],
    followed: ['+web'],
  },
  {
    name: 'another one of its name takes its place',
    before: scene(followed(web, { running: false, removed: true })),
    said: answers([next], found(next)),
    followed: ['+web'],
  },
  {
    name: 'it stopped before it was looked at, and is told to have stopped by the next list',
    before: scene(),
    said: answers([web], { kind: 'vanished', listed: web, left: { ...web, pid: 0 } }),
    followed: ['+web'],
  },
  {
    name: 'one that is followed stopped before it was looked at again: it counts as it was',
    before: scene(followed(web)),
    said: answers([web], { kind: 'vanished', listed: web, left: undefined }),
    followed: ['+web'],
  },
]

function short(followedNow: Scene['followed']): string[] {
  return [...followedNow.values()].map(({ running, details }) => `${running ? '+' : '-'}${details.name}`)
}

for (const row of ROWS) {
  test(row.name, () => {
    const untouched = structuredClone(row.before)
    const step = advance(row.before, row.said, ASKED)
    assert.deepEqual(step.lines, row.lines ?? [])
    assert.deepEqual(
      step.ended.map(({ end }) => [end.container, ...end.addresses, ...end.places].join(' ')),
      row.ended ?? [],
    )
    assert.deepEqual(short(step.scene.followed), row.followed)
    assert.deepEqual(row.before, untouched, 'what was known before stays as it was')
    // the same answers once more change nothing
    const again = advance(step.scene, row.said, ASKED)
    assert.deepEqual([again.lines, again.ended], [[], []])
    assert.deepEqual(again.scene, step.scene)
  })
}

test('with it its addresses on bridges have ended', () => {
  const { ended } = advance(scene(followed(web)), answers([]), ASKED)
  assert.deepEqual(
    ended[0]!.entries.map(({ bridge, entry }) => [bridge, entry.macAddress]),
    [['docker0', '02:42:ac:11:00:02']],
  )
})

test('a capture that goes on stays in the place where it began', () => {
  const before = scene(followed(web))
  const { scene: after } = advance(before, answers([renamed], found({ ...renamed })), ASKED)
  assert.equal(after.followed.get(web.id)!.targets[0]!.place, 'web 2026-01-01T00:00:00Z')
  const { scene: restarted } = advance(before, answers([later], found(later)), ASKED)
  assert.equal(restarted.followed.get(web.id)!.targets[0]!.place, 'web later')
})

test('one that is about to start is forgotten as such when it is found, or removed', () => {
  const made = withCreated(scene(), web)
  assert.deepEqual([...made.created.keys()], [web.id])
  assert.equal(advance(made, answers([web], found(web)), ASKED).scene.created.size, 0)
  assert.equal(withoutContainer(made, web.id).created.size, 0)
  assert.equal(scene().created.size, 0)
})

test('what was removed is kept while another can follow it, or while it is the one that was meant', () => {
  const gone = withoutContainer(scene(followed(web, { running: false })), web.id)
  const kept = (asked: Asked): number => withoutForgotten(gone, asked).followed.size
  assert.equal(kept(askedFor(['web'])), 1)
  assert.equal(kept(askedFor([web.id])), 1)
  assert.equal(kept(askedFor(['w*'])), 0)
  const running = withoutContainer(scene(followed(web)), web.id)
  assert.equal(withoutForgotten(running, askedFor(['w*'])).followed.size, 1)
  const stopped = scene(followed(web, { running: false }))
  assert.equal(withoutForgotten(stopped, askedFor(['w*'])).followed.size, 1)
})
