// What the operator asked for, and what it means for a container or a network.

import type { AskedWay } from './capture-target.ts'
import { detailsOf, isNamed } from './container-facts.ts'
import type { ContainerSummary, NetworkDetails } from './engine.ts'
import type { ContainerSelection, Selector } from './selection.ts'

export interface Asked {
  readonly selection: ContainerSelection
  /** Of the selection; none when only networks are named. */
  readonly selectors: readonly Selector[]
  readonly via: AskedWay | undefined
  /** --wait: containers that do not run yet are no mistake. */
  readonly wait: boolean
  /** Interface inside the namespace (-i beside --container); '' for all. */
  readonly insideInterface: string
  /** Also `lo` inside the namespaces, where that can be had. */
  readonly loopback?: boolean
}

/** The networks that --network names. */
export function namedNetworks({ selection }: Asked, networks: readonly NetworkDetails[]): NetworkDetails[] {
  return networks.filter((network) => selection.networks.some((name) => isNamed(name, network)))
}

/** Whether a container is to be captured. */
export function isAskedFor(asked: Asked, container: ContainerSummary, networks: readonly NetworkDetails[]): boolean {
  const { selectors } = asked
  if (selectors.length > 0) return selectors.some((selector) => selector.matches(container))
  const named = namedNetworks(asked, networks)
  return container.networks.some((a) => named.some((network) => network === detailsOf(a, networks)))
}

/** What was asked for and means this container, as typed. */
export function askedAs({ selectors }: Asked, container: ContainerSummary): string[] {
  return selectors.filter((selector) => selector.matches(container)).map(({ text }) => text)
}

/**
 * Whether networks are captured whole, by their bridges: only networks were named, each has a bridge here (`bridges`), and
 * nothing that is inside containers was asked for.
 */
export function takesWholeNetworks(
  asked: Asked,
  networks: readonly NetworkDetails[],
  bridges: ReadonlySet<string>,
): boolean {
  const { via, insideInterface, selectors } = asked
  if (selectors.length > 0 || insideInterface !== '' || (via !== undefined && via !== 'bridge')) return false
  const named = namedNetworks(asked, networks)
  return named.length > 0 && named.every(({ bridge }) => bridges.has(bridge))
}
