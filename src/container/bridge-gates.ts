// Whose frames count on a watched bridge, and when: a container's link-layer address is its own from its start to its end, and
// is given to others before and after.

import type { GateEntry } from '../core/gate-entry.ts'
import { type CaptureTarget, target } from './capture-target.ts'
import { detailsOf } from './container-facts.ts'
import type { ContainerDetails, NetworkAttachment, NetworkDetails } from './engine.ts'

/** An address on one of the host's bridges. */
export interface BridgeEntry {
  readonly bridge: string
  readonly entry: GateEntry
}

/** Its network is made before its first process starts. */
const EARLY_MICROS = 1_000_000
/** How long after its end a container's address still counts as its own: its last frames are on their way. */
const LATE_MICROS = 1_500_000
/** How long frames of a container that has ended may still lie in a pipe. */
const DEPARTED_MILLIS = 15_000

/** A container's addresses on bridges, its own from its start on. */
export function bridgeEntries(
  { startedAt }: ContainerDetails,
  attachments: readonly NetworkAttachment[],
  networks: readonly NetworkDetails[],
): BridgeEntry[] {
  const started = Date.parse(startedAt) * 1000
  const sinceMicros = Number.isNaN(started) ? Number.NEGATIVE_INFINITY : started - EARLY_MICROS
  return attachments.flatMap((attachment) => {
    const bridge = detailsOf(attachment, networks)?.bridge ?? ''
    const { macAddress } = attachment
    if (bridge === '' || macAddress === '') return []
    return [{ bridge, entry: { macAddress, sinceMicros, untilMicros: Number.POSITIVE_INFINITY } }]
  })
}

/** Remembers those that have ended while frames of theirs may still come. */
export class BridgeGates {
  /** Of those that have ended, and until when (performance.now) they are kept. */
  #departed: (BridgeEntry & { readonly keepUntil: number })[] = []

  /** These have just ended. */
  depart(entries: readonly BridgeEntry[]): void {
    const keepUntil = performance.now() + DEPARTED_MILLIS
    const untilMicros = Date.now() * 1000 + LATE_MICROS
    for (const { bridge, entry } of entries) {
      this.#departed.push({ bridge, entry: { ...entry, untilMicros }, keepUntil })
    }
  }

  /** What watches these bridges: for `present`, and for what has left a moment ago. */
  targets(bridges: readonly string[], present: readonly BridgeEntry[]): CaptureTarget[] {
    const now = performance.now()
    this.#departed = this.#departed.filter(({ keepUntil }) => keepUntil > now)
    const entries = [...present, ...this.#departed]
    return bridges.map((bridge) =>
      target({
        key: `watch ${bridge}`,
        way: 'bridge',
        label: `${bridge}: watched for what is to come`,
        interfaceName: bridge,
        gate: entries.filter((each) => each.bridge === bridge).map(({ entry }) => entry),
      }),
    )
  }
}
