// Which frames on a watched bridge belong to a container. Its link-layer address is its own from its start to its end. Before
// and after that, other containers may have the same address.

import type { GateEntry } from '../core/gate-entry.ts'
import { type CaptureTarget, target } from './capture-target.ts'
import { detailsOf } from './container-facts.ts'
import type { ContainerDetails, NetworkAttachment, NetworkDetails } from './engine.ts'

/** An address on one of the host's bridges. */
export interface BridgeEntry {
  readonly bridge: string
  readonly entry: GateEntry
}

/** A container's network is made before its first process starts. */
const EARLY_MICROS = 1_000_000
/** How long after its end a container's address still counts as its own: its last frames are on their way. */
const LATE_MICROS = 1_500_000
/** How long frames of a container that has ended may wait in a pipe before they are read. */
const DEPARTED_MILLIS = 15_000

/** A container's link-layer addresses on bridges, from its start on. */
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

/** Remembers containers that have ended, as long as frames of theirs may still be read. */
export class BridgeGates {
  /** Addresses of containers that have ended, each with the time (performance.now) until which it is kept. */
  #departed: (BridgeEntry & { readonly keepUntil: number })[] = []

  /** The containers with these addresses have just ended. */
  depart(entries: readonly BridgeEntry[]): void {
    const keepUntil = performance.now() + DEPARTED_MILLIS
    const untilMicros = Date.now() * 1000 + LATE_MICROS
    for (const { bridge, entry } of entries) {
      this.#departed.push({ bridge, entry: { ...entry, untilMicros }, keepUntil })
    }
  }

  /** The captures of these bridges: of frames from or to `present`, and to those that have ended a moment ago. */
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
