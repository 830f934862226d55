// From what the engine says and what was asked for to what is captured: a table, a row a case.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Asked } from '../../src/container/asked.ts'
import { type CaptureTarget, target } from '../../src/container/capture-target.ts'
import type { ContainerDetails, NetworkDetails } from '../../src/container/engine.ts'
import type { Followed } from '../../src/container/followed.ts'
import { EMPTY_SCENE, type Scene } from '../../src/container/scene.ts'
import { selectorsOf } from '../../src/container/selection.ts'
import { wantedCaptures } from '../../src/container/wanted-captures.ts'
import { attachment, BRIDGE, container, FRONT, idOf, MACVLAN } from './container-scene.ts'

type More = Partial<Pick<Asked, 'via' | 'wait' | 'insideInterface'>>

function asked(selection: Partial<Asked['selection']>, more: More = {}): Asked {
  const whole = { containers: [], services: [], labels: [], networks: [], ...selection }
  return {
    selection: whole,
    selectors: selectorsOf(whole, [web, both]),
    via: undefined,
    wait: false,
    insideInterface: '',
    ...more,
  }
}

const web = container('web')
const both = container('both', { networks: [...web.networks, attachment('front', '10.5.0.2', '02:42:0a:05:00:02')] })
const lan = container('lan', { networkMode: 'lan', networks: [attachment('lan', '192.0.2.5', '02:42:c0:00:02:05')] })
const GATEWAY: NetworkDetails = { ...FRONT, id: 'aa'.repeat(32), name: 'docker_gwbridge', bridge: 'docker_gwbridge' }

function by(way: CaptureTarget['way'], name: string, key = `${way} ${name}`): CaptureTarget {
  return target({ key, way, label: `${name}: ${way}`, interfaceName: way, containers: [name] })
}

function followed(details: ContainerDetails, way: CaptureTarget['way'] | undefined, more: Partial<Followed> = {}) {
  const targets = way === undefined ? [] : [by(way, details.name)]
  return { details, targets, running: true, removed: false, ...more }
}

const STOPPED = { running: false }
const REMOVED = { running: false, removed: true }

function scene(list: readonly Followed[], more: Partial<Scene> & { made?: ContainerDetails[] } = {}): Scene {
  const { made = [], ...rest } = more
  return {
    ...EMPTY_SCENE,
    networks: [BRIDGE, FRONT, MACVLAN, GATEWAY],
    bridges: new Set(['docker0', 'br-abcdef123456', 'docker_gwbridge']),
    followed: new Map(list.map((each) => [each.details.id, each])),
    created: new Map(made.map((each) => [each.id, each])),
    ...rest,
  }
}

interface Row {
  readonly name: string
  readonly asked: Asked
  readonly scene: Scene
  /** Labels of what is captured. */
  readonly captured?: string[]
  readonly awaited?: string[]
  readonly over?: string
}

const many = Array.from({ length: 30 }, (_, i) => ({ ...FRONT, id: idOf(`${i}`), name: `n${i}`, bridge: `br${i}` }))
const two = container('two')

const ROWS: Row[] = [
  { name: 'nothing is there', asked: asked({ containers: ['web'] }), scene: scene([]) },
  {
    name: 'a running container',
    asked: asked({ containers: ['web'] }),
    scene: scene([followed(web, 'veth')]),
    captured: ['web: veth'],
  },
  {
    name: 'two that share a namespace are one capture',
    asked: asked({ containers: ['*'] }),
    scene: scene([
      { ...followed(web, undefined), targets: [by('netns', 'web', 'same')] },
      { ...followed(two, undefined), targets: [by('netns', 'two', 'same')] },
    ]),
    captured: ['two and web: netns'],
  },
  {
    name: 'one that runs and has no way to be captured',
    asked: asked({ containers: ['web'] }),
    scene: scene([followed(web, undefined)]),
  },
  {
    name: 'stopped: its bridge is watched',
    asked: asked({ containers: ['web'] }),
    scene: scene([followed(web, 'veth', STOPPED)]),
    awaited: ['docker0'],
  },
  {
    name: 'stopped, and on two bridges',
    asked: asked({ containers: ['both'] }),
    scene: scene([followed(both, 'bridge', STOPPED)]),
    awaited: ['docker0', 'br-abcdef123456'],
  },
  {
    name: 'stopped, and only one of its networks was named',
    asked: asked({ containers: ['both'], networks: ['front'] }),
    scene: scene([followed(both, 'veth', STOPPED)]),
    awaited: ['br-abcdef123456'],
  },
  {
    name: 'stopped, and captured inside its namespace until then',
    asked: asked({ containers: ['web'] }),
    scene: scene([followed(web, 'netns', STOPPED)]),
  },
  {
    name: 'stopped, and captured by a sidecar until then',
    asked: asked({ containers: ['web'] }),
    scene: scene([followed(web, 'sidecar', STOPPED)]),
  },
  {
    name: 'stopped, with an interface inside asked for',
    asked: asked({ containers: ['web'] }, { insideInterface: 'eth0' }),
    scene: scene([followed(web, 'veth', STOPPED)]),
  },
  {
    name: 'stopped, and its bridge is not on this machine',
    asked: asked({ containers: ['web'] }),
    scene: scene([followed(web, 'veth', STOPPED)], { bridges: new Set() }),
  },
  {
    name: 'about to start',
    asked: asked({ containers: ['web'] }),
    scene: scene([], { made: [both] }),
    awaited: ['docker0', 'br-abcdef123456'],
  },
  {
    name: 'about to start, to be captured by a sidecar',
    asked: asked({ containers: ['web'] }, { via: 'sidecar' }),
    scene: scene([], { made: [web] }),
  },
  {
    name: 'about to start, on a network without a bridge',
    asked: asked({ containers: ['lan'] }),
    scene: scene([], { made: [lan] }),
  },
  {
    name: 'about to start, on a network that the engine does not know',
    asked: asked({ containers: ['web'] }),
    scene: scene([], { made: [web], networks: [] }),
  },
  {
    name: 'waiting for one that may come anywhere: every bridge but Swarm’s own',
    asked: asked({ containers: ['new'] }, { wait: true }),
    scene: scene([]),
    awaited: ['docker0', 'br-abcdef123456'],
  },
  {
    name: 'waiting for one on a network',
    asked: asked({ containers: ['new'], networks: ['front'] }, { wait: true }),
    scene: scene([]),
    awaited: ['br-abcdef123456'],
  },
  {
    name: 'waiting where there are many bridges: some of them',
    asked: asked({ containers: ['new'] }, { wait: true }),
    scene: scene([], { networks: many, bridges: new Set(many.map(({ bridge }) => bridge)) }),
    awaited: many.slice(0, 16).map(({ bridge }) => bridge),
  },
  {
    name: 'waiting is over when it is there',
    asked: asked({ containers: ['web'] }, { wait: true }),
    scene: scene([followed(web, 'veth')]),
    captured: ['web: veth'],
  },
  {
    name: 'a network, whoever is on it',
    asked: asked({ networks: ['bridge', 'abcdef'] }),
    scene: scene([followed(web, undefined)]),
    captured: ['network bridge: docker0', 'network front: br-abcdef123456'],
  },
  {
    name: 'two networks, one of them without a bridge: container by container',
    asked: asked({ networks: ['bridge', 'lan'] }),
    scene: scene([followed(web, 'veth'), followed(lan, 'netns')]),
    captured: ['web: veth', 'lan: netns'],
  },
  {
    name: 'a network whose bridge is not here',
    asked: asked({ networks: ['bridge'] }),
    scene: scene([followed(web, 'sidecar')], { bridges: new Set() }),
    captured: ['web: sidecar'],
  },
  {
    name: 'a network that was removed',
    asked: asked({ networks: ['gone'] }),
    scene: scene([]),
    over: 'nothing is left to capture: the network was removed',
  },
  {
    name: 'a network that is waited for',
    asked: asked({ networks: ['gone'] }, { wait: true }),
    scene: scene([]),
  },
  {
    name: 'removed, and named by its id',
    asked: asked({ containers: [web.id] }),
    scene: scene([followed(web, 'netns', REMOVED)]),
    over: 'nothing is left to capture: web was removed',
  },
  {
    name: 'removed, and named by its name: another may come',
    asked: asked({ containers: ['web'] }),
    scene: scene([followed(web, 'netns', REMOVED)]),
  },
  {
    name: 'stopped, and named by its id: it may come back',
    asked: asked({ containers: [web.id] }),
    scene: scene([followed(web, 'netns', STOPPED)]),
  },
  {
    name: 'one of two ids removed',
    asked: asked({ containers: [web.id, both.id] }),
    scene: scene([followed(web, 'netns', REMOVED), followed(both, 'netns', STOPPED)]),
  },
  {
    name: 'both ids removed',
    asked: asked({ containers: [web.id, both.id] }),
    scene: scene([followed(web, 'netns', REMOVED), followed(both, 'netns', REMOVED)]),
    over: 'nothing is left to capture: web, both was removed',
  },
  {
    name: 'removed by its id, with --wait',
    asked: asked({ containers: [web.id] }, { wait: true }),
    scene: scene([followed(web, 'netns', REMOVED)]),
  },
]

for (const row of ROWS) {
  test(row.name, () => {
    const { captured, awaited, over } = wantedCaptures(row.scene, row.asked)
    assert.deepEqual(
      captured.map(({ label }) => label),
      row.captured ?? [],
    )
    assert.deepEqual(awaited, row.awaited ?? [])
    assert.equal(over?.message, row.over)
  })
}

test('the addresses of those that run, on the networks that were asked for', () => {
  const all = scene([followed(both, 'veth'), followed(web, 'veth', STOPPED)])
  const entries = (networks: string[]): string[] =>
    wantedCaptures(all, asked({ containers: ['*'], networks })).present.map(
      ({ bridge, entry }) => `${bridge} ${entry.macAddress}`,
    )
  assert.deepEqual(entries([]), ['docker0 02:42:ac:11:00:02', 'br-abcdef123456 02:42:0a:05:00:02'])
  assert.deepEqual(entries(['front']), ['br-abcdef123456 02:42:0a:05:00:02'])
})
