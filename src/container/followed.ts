// A container that is followed: captured now, or awaited back. What changes between two looks at it, in words and as ends.

import type { CaptureEnd, CaptureTarget, GateEntry } from './capture-target.ts'
import type { ContainerDetails, NetworkAttachment } from './engine.ts'
import { nameOf, placeOf } from './find-targets.ts'

export interface Followed {
  readonly details: ContainerDetails
  readonly targets: readonly CaptureTarget[]
  readonly running: boolean
  /** Gone for good; only another of its name, service or label can follow. */
  readonly removed: boolean
}

/** How long after its end a container's link-layer address still counts as its own: its last frames are on their way. */
const LATE_MICROS = 1_500_000
/** Its network is made before its first process starts. */
const EARLY_MICROS = 1_000_000

/** When its addresses are its own, as far as is known: from its start on. */
export function gateEntry(macAddress: string, { startedAt }: ContainerDetails): GateEntry {
  const started = Date.parse(startedAt) * 1000
  const sinceMicros = Number.isNaN(started) ? Number.NEGATIVE_INFINITY : started - EARLY_MICROS
  return { macAddress, sinceMicros, untilMicros: Number.POSITIVE_INFINITY }
}

/** The same when it has just ended. */
export function endedNow(entry: GateEntry): GateEntry {
  return { ...entry, untilMicros: Date.now() * 1000 + LATE_MICROS }
}

export interface Difference {
  readonly lines: readonly string[]
  /** Of what it was before. */
  readonly end: CaptureEnd | undefined
}

/** Between two looks at a container that ran both times: restarted meanwhile, or on other networks. */
export function differenceOf(before: Followed, now: Followed): Difference {
  const name = nameOf(now.details)
  if (before.details.startedAt !== now.details.startedAt) {
    return { lines: [`${name} was restarted`], end: endOf(before) }
  }
  const left = missingIn(before.details.networks, now.details.networks)
  const joined = missingIn(now.details.networks, before.details.networks)
  const addresses = addressesOf(left)
  return {
    lines: [
      ...joined.map((a) => `${name} joined the network ${a.network}`),
      ...left.map((a) => `${name} left the network ${a.network}`),
    ],
    end: addresses.length === 0 ? undefined : { container: name, addresses, places: [] },
  }
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

function addressesOf(attachments: readonly NetworkAttachment[]): string[] {
  return attachments.flatMap((a) => [a.address, a.address6]).filter((each) => each !== '')
}
