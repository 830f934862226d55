// One capture that containers ask for, as plain data: what to open, and whose it is.

import type { GateEntry } from '../core/gate-entry.ts'

/**
 * veth: the host's end of the container's veth pair. bridge: the bridge of its network. netns: inside its network namespace.
 * sidecar: another container, in the same network namespace. host: the host's interfaces, which the container shares.
 */
export type CaptureWay = 'veth' | 'bridge' | 'netns' | 'sidecar' | 'host'

/** What --via may ask for. */
export const ASKABLE_WAYS = ['veth', 'bridge', 'netns', 'sidecar'] as const
export type AskedWay = (typeof ASKABLE_WAYS)[number]

export interface CaptureTarget {
  /** Two targets with the same key are the same capture, which goes on. */
  readonly key: string
  readonly way: CaptureWay
  /** For the operator: `web: veth6b3ec33 on docker0`. */
  readonly label: string
  /** Names of the containers that it is for, as the operator knows them. */
  readonly containers: readonly string[]
  readonly interfaceName: string
  /** BPF expression that narrows it to the containers; '' for none. */
  readonly filter: string
  /** Packet.place's name, see PlaceTable; '' for the host. */
  readonly place: string
  /** netns: a process in the namespace, and the inode that the namespace must have. */
  readonly namespace: { readonly pid: number; readonly inode: string } | undefined
  /** sidecar: the container whose network it joins. */
  readonly sidecarOf: string
  /**
   * For a bridge that is watched for a container that is about to start: only frames from and to these link-layer addresses
   * count, in the time that each entry tells. The time may lie in the past. undefined: every frame counts.
   */
  readonly gate: readonly GateEntry[] | undefined
  /** '', or what is not seen without it: then the run goes on where it cannot be opened. */
  readonly onlyFor: string
  /** Told once beside the label, for example that the network is shared. */
  readonly remark: string
}

/** A container that is no longer captured: its open connections end. */
export interface CaptureEnd {
  readonly container: string
  /** Addresses that were its own on the host's networks (place ''), as Endpoint writes them. */
  readonly addresses: readonly string[]
  /** Places that were its own. */
  readonly places: readonly string[]
}

/** A target with defaults for what is not given. */
export function target(given: Partial<CaptureTarget> & Pick<CaptureTarget, 'key' | 'way' | 'label' | 'interfaceName'>) {
  const none = {
    containers: [],
    filter: '',
    place: '',
    namespace: undefined,
    sidecarOf: '',
    gate: undefined,
    onlyFor: '',
    remark: '',
  }
  return { ...none, ...given } satisfies CaptureTarget
}

/** `host 10.0.0.1 or host 10.0.0.2`, a BPF expression; '' for none. */
export function anyOf(word: string, values: readonly string[]): string {
  return values.map((value) => `${word} ${value}`).join(' or ')
}
