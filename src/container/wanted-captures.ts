// From what the engine says and what was asked for to what should be captured. It looks at nothing and remembers nothing.

import { OperatorError } from '../core/errors.ts'
import { type Asked, namedNetworks, takesWholeNetworks } from './asked.ts'
import type { BridgeEntry } from './bridge-gates.ts'
import { type CaptureTarget, target } from './capture-target.ts'
import { attachmentsOn, detailsOf, isNamed, nameOf } from './container-facts.ts'
import type { ContainerSummary, NetworkDetails } from './engine.ts'
import { entriesOf, type Scene } from './scene.ts'
import { type Selector, unmatched } from './selection.ts'

export interface WantedCaptures {
  /** Of running containers, or of whole networks. */
  readonly captured: readonly CaptureTarget[]
  /** Bridges to be watched, because a container is about to come (back) on them. */
  readonly awaited: readonly string[]
  /** Addresses on bridges of those that run. */
  readonly present: readonly BridgeEntry[]
  /** Why nothing can ever come again: everybody that was meant is removed. undefined while something can. */
  readonly over: OperatorError | undefined
}

const MOST_BRIDGES = 16
/** Swarm's way out for overlay networks: nobody is on it by name. */
const SWARM_GATEWAY = 'docker_gwbridge'

export function wantedCaptures(scene: Scene, asked: Asked): WantedCaptures {
  const captured = capturedNow(scene, asked)
  const running = [...scene.followed.values()].filter((followed) => followed.running)
  return {
    captured,
    awaited: awaitedBridges(scene, asked),
    present: running.flatMap((followed) => entriesOf(followed, scene.networks, asked)),
    over: asked.wait || captured.length > 0 ? undefined : whyOver(scene, asked),
  }
}

/** What is still missing under --wait, as the operator named it. `running`: all containers that run. */
export function waitedFor(asked: Asked, running: readonly ContainerSummary[], networks: readonly NetworkDetails[]) {
  const missing = unmatched(asked.selectors, running).map(({ text }) => text.split(' ').slice(1).join(' '))
  const absent = asked.selection.networks.filter((name) => !networks.some((network) => isNamed(name, network)))
  return [...missing, ...absent.map((name) => `the network ${name}`)]
}

function capturedNow(scene: Scene, asked: Asked): CaptureTarget[] {
  const byKey = new Map<string, CaptureTarget>()
  if (takesWholeNetworks(asked, scene.networks, scene.bridges)) {
    for (const { name, bridge } of namedNetworks(asked, scene.networks)) {
      const label = `network ${name}: ${bridge}`
      byKey.set(bridge, target({ key: `network ${bridge}`, way: 'bridge', label, interfaceName: bridge }))
    }
  }
  for (const { targets, running } of scene.followed.values()) {
    if (!running) continue
    for (const each of targets) {
      const same = byKey.get(each.key)
      byKey.set(each.key, same === undefined ? each : joined(same, each))
    }
  }
  return [...byKey.values()]
}

/** Two containers in one namespace are one capture. */
function joined(a: CaptureTarget, b: CaptureTarget): CaptureTarget {
  return { ...a, containers: [...a.containers, ...b.containers], label: `${b.containers.join(', ')} and ${a.label}` }
}

function awaitedBridges(scene: Scene, asked: Asked): string[] {
  const bridges = new Set<string>()
  for (const network of awaitedNetworks(scene, asked)) {
    if (network.driver !== 'bridge' || network.name === SWARM_GATEWAY) continue
    if (bridges.size < MOST_BRIDGES && scene.bridges.has(network.bridge)) bridges.add(network.bridge)
  }
  return [...bridges]
}

function awaitedNetworks(scene: Scene, asked: Asked): NetworkDetails[] {
  const { networks, followed, created } = scene
  const { via, insideInterface, selection } = asked
  const notOnBridges = (via !== undefined && via !== 'veth' && via !== 'bridge') || insideInterface !== ''
  if (notOnBridges || takesWholeNetworks(asked, networks, scene.bridges)) return []
  // Those that are captured inside their namespaces are not to be seen on a bridge as well.
  const absent = [...followed.values()]
    .filter(({ running, targets }) => !running && targets.some(({ way }) => way === 'veth' || way === 'bridge'))
    .map(({ details }) => details)
  const awaited = [...absent, ...created.values()].flatMap((details) => {
    const on = attachmentsOn(selection.networks, details.networks, networks).map((a) => detailsOf(a, networks))
    return on.every((network) => network?.driver === 'bridge') ? (on as NetworkDetails[]) : []
  })
  const all = [...followed.values()].map(({ details }) => details)
  if (asked.wait && unmatched(asked.selectors, all).length > 0) {
    awaited.push(...(selection.networks.length > 0 ? namedNetworks(asked, networks) : networks))
  }
  return awaited
}

function whyOver({ followed, networks }: Scene, asked: Asked): OperatorError | undefined {
  if (asked.selectors.length === 0) {
    if (namedNetworks(asked, networks).length > 0) return undefined
    return new OperatorError('nothing is left to capture: the network was removed')
  }
  const removed = [...followed.values()].filter((each) => each.removed && !each.running)
  const isOver = (selector: Selector): boolean => removed.some(({ details }) => selector.meansOnly(details))
  if (!asked.selectors.every(isOver)) return undefined
  const names = removed.map(({ details }) => nameOf(details)).join(', ')
  return new OperatorError(`nothing is left to capture: ${names} was removed`)
}
