// A container that is followed: captured now, or awaited back. What changes between two looks at it, in words and as ends.

import type { CaptureEnd, CaptureTarget } from './capture-target.ts'
import { addressesOf, nameOf, placeOf } from './container-facts.ts'
import type { ContainerDetails, ContainerSummary, NetworkAttachment } from './engine.ts'

export interface Followed {
  readonly details: ContainerDetails
  readonly targets: readonly CaptureTarget[]
  readonly running: boolean
  /** Gone for good; only another of its name, service or label can follow. */
  readonly removed: boolean
}

export interface Difference {
  readonly lines: readonly string[]
  /** Of what it was before. */
  readonly end: CaptureEnd | undefined
}

/** Between two looks at a container that ran both times: restarted meanwhile, or on other networks. */
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

/** Why a container that runs on is captured no longer. `wanted`: what was asked for, as typed, and meant it until now. */
export function noLongerWanted(before: ContainerSummary, now: ContainerSummary, wanted: readonly string[]): string {
  const former = nameOf(before)
  const name = nameOf(now)
  if (former === name || wanted.length === 0) return `${name} is no longer what was asked for`
  return `${former} was renamed to ${name} and is captured no longer: it does not match ${wanted.join(', ')}`
}

/** A capture that goes on stays in the place that it began in, which its container's former name may begin. */
export function inFormerPlaces(targets: readonly CaptureTarget[], before: Followed | undefined): CaptureTarget[] {
  return targets.map((each) => ({
    ...each,
    place: before?.targets.find((t) => t.key === each.key)?.place ?? each.place,
  }))
}

/** What was the container's own, and is nobody's when it has stopped. */
export function endOf({ details, targets }: Followed): CaptureEnd {
  const owned = targets.some((t) => t.place !== '') ? [placeOf(details), ...targets.map((t) => t.place)] : []
  const places = [...new Set(owned)].filter((place) => place !== '')
  return { container: nameOf(details), addresses: addressesOf(details.networks), places }
}

function missingIn(these: readonly NetworkAttachment[], those: readonly NetworkAttachment[]): NetworkAttachment[] {
  return these.filter((a) => !those.some((b) => b.network === a.network))
}
