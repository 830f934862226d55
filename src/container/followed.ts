// A container that is followed: it is captured now, or it has stopped and may come back. Says what has changed between two
// looks at it.

import type { CaptureEnd, CaptureTarget } from './capture-target.ts'
import { addressesOf, nameOf, placeOf } from './container-facts.ts'
import type { ContainerDetails, ContainerSummary, NetworkAttachment } from './engine.ts'

export interface Followed {
  readonly details: ContainerDetails
  readonly targets: readonly CaptureTarget[]
  readonly running: boolean
  /** Removed. Only another container of its name, service or label can take its place. */
  readonly removed: boolean
}

export interface Difference {
  readonly lines: readonly string[]
  /** What has ended with the change, if anything has. */
  readonly end: CaptureEnd | undefined
}

/** What has changed between two looks at a container that ran both times. */
export function differenceOf(before: Followed, now: Followed): Difference {
  const name = nameOf(now.details)
  const former = nameOf(before.details)
  const renamed = former === name ? [] : [`${former} was renamed to ${name}`]
  if (before.details.startedAt !== now.details.startedAt) {
    return { lines: [...renamed, `${name} was restarted`], end: endOf(before) }
  }
  const left = missingIn(before.details.networks, now.details.networks)
  const joined = missingIn(now.details.networks, before.details.networks)
  const addresses = addressesOf(left)
  return {
    lines: [
      ...renamed,
      ...joined.map((a) => `${name} joined the network ${a.network}`),
      ...left.map((a) => `${name} left the network ${a.network}`),
    ],
    end: addresses.length === 0 ? undefined : { container: name, addresses, places: [] },
  }
}

/** Why a container that still runs is captured no longer. `wanted`: what the operator typed that matched it until now. */
export function noLongerWanted(before: ContainerSummary, now: ContainerSummary, wanted: readonly string[]): string {
  const former = nameOf(before)
  const name = nameOf(now)
  if (former === name || wanted.length === 0) return `${name} is no longer what was asked for`
  return `${former} was renamed to ${name} and is captured no longer: it does not match ${wanted.join(', ')}`
}

/** A capture that goes on keeps its place, although the name of the place may begin with a former name of the container. */
export function inFormerPlaces(targets: readonly CaptureTarget[], before: Followed | undefined): CaptureTarget[] {
  return targets.map((each) => ({
    ...each,
    place: before?.targets.find((t) => t.key === each.key)?.place ?? each.place,
  }))
}

/** The addresses and places that were the container's own until it stopped. */
export function endOf({ details, targets }: Followed): CaptureEnd {
  const owned = targets.some((t) => t.place !== '') ? [placeOf(details), ...targets.map((t) => t.place)] : []
  const places = [...new Set(owned)].filter((place) => place !== '')
  return { container: nameOf(details), addresses: addressesOf(details.networks), places }
}

function missingIn(these: readonly NetworkAttachment[], those: readonly NetworkAttachment[]): NetworkAttachment[] {
  return these.filter((a) => !those.some((b) => b.network === a.network))
}
