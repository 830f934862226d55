// What is known of the containers that were asked for, as plain data, and what the engine's next answers make of it.

import { type Asked, askedAs, isAskedFor } from './asked.ts'
import { type BridgeEntry, bridgeEntries } from './bridge-gates.ts'
import type { CaptureEnd, CaptureTarget } from './capture-target.ts'
import { attachmentsOn, nameOf } from './container-facts.ts'
import type { ContainerDetails, ContainerSummary, NetworkDetails } from './engine.ts'
import { differenceOf, endOf, type Followed, inFormerPlaces, noLongerWanted } from './followed.ts'

export interface Scene {
  readonly networks: readonly NetworkDetails[]
  /** Names of those networks' bridges, as far as they are on this machine. */
  readonly bridges: ReadonlySet<string>
  /** Captured, or awaited back. By container id. */
  readonly followed: ReadonlyMap<string, Followed>
  /** Asked for, made, and not started yet. By container id. */
  readonly created: ReadonlyMap<string, ContainerDetails>
}

export const EMPTY_SCENE: Scene = { networks: [], bridges: new Set(), followed: new Map(), created: new Map() }

/** What a closer look at one running container gave. */
export type Finding =
  /** Where it is captured; no targets where there is no way. */
  | { readonly kind: 'found'; readonly details: ContainerDetails; readonly targets: readonly CaptureTarget[] }
  /** It ran when it was listed, and not any more when it was looked at. `left`: what the engine still knows of it. */
  | { readonly kind: 'vanished'; readonly listed: ContainerSummary; readonly left: ContainerDetails | undefined }
  /** Its whole network is captured, so that only its end is of interest. */
  | { readonly kind: 'on-network'; readonly listed: ContainerSummary }

/** What the engine says. */
export interface Answers {
  readonly networks: readonly NetworkDetails[]
  readonly bridges: ReadonlySet<string>
  /** Every running container. */
  readonly running: readonly ContainerSummary[]
  /** Of some of those that were asked for. */
  readonly findings: readonly Finding[]
}

export interface Ended {
  readonly end: CaptureEnd
  /** Its addresses on bridges until now. */
  readonly entries: readonly BridgeEntry[]
}

export interface Step {
  readonly scene: Scene
  /** For the operator. */
  readonly lines: readonly string[]
  readonly ended: readonly Ended[]
}

/** The scene after the engine's answers, and what has changed. */
export function advance(scene: Scene, answers: Answers, asked: Asked): Step {
  const followed = new Map(scene.followed)
  const created = new Map(scene.created)
  const lines: string[] = []
  const ended: Ended[] = []
  const { networks, bridges } = answers
  const end = (before: Followed, told: CaptureEnd): void => {
    ended.push({ end: told, entries: entriesOf(before, networks, asked) })
  }

  const running = new Map(answers.running.map((container) => [container.id, container]))
  for (const [id, before] of followed) {
    if (!before.running) continue
    const now = running.get(id)
    if (now !== undefined && isAskedFor(asked, now, networks)) continue
    followed.set(id, { ...before, running: false })
    end(before, endOf(before))
    lines.push(
      now === undefined
        ? `${nameOf(before.details)} has stopped; what it says next is shown when it is back`
        : noLongerWanted(before.details, now, askedAs(asked, before.details)),
    )
  }

  for (const finding of answers.findings) {
    if (finding.kind === 'on-network') {
      const details = unlooked(finding.listed)
      followed.set(details.id, { details, targets: [], running: true, removed: false })
      continue
    }
    if (finding.kind === 'vanished') {
      const { listed, left } = finding
      // It counts as running, so that its end is told when it is not listed any more.
      if (followed.get(listed.id)?.running) continue
      const details = left ?? unlooked(listed)
      followed.set(listed.id, { details, targets: [], running: true, removed: left === undefined })
      continue
    }
    const { details } = finding
    const known = followed.get(details.id)
    const before = known?.running ? known : undefined
    const now = { details, targets: inFormerPlaces(finding.targets, before), running: true, removed: false }
    created.delete(details.id)
    // Those of the same name that are gone: this one took their place.
    for (const [id, other] of followed) {
      if (id !== details.id && !other.running && other.details.name === details.name) followed.delete(id)
    }
    followed.set(details.id, now)
    if (before === undefined) continue
    const difference = differenceOf(before, now)
    lines.push(...difference.lines)
    if (difference.end !== undefined) end(before, difference.end)
  }
  return { scene: { networks, bridges, followed, created }, lines, ended }
}

/** A container that was asked for is about to start. */
export function withCreated(scene: Scene, details: ContainerDetails): Scene {
  return { ...scene, created: new Map(scene.created).set(details.id, details) }
}

/** A container was removed for good; only another of its name, service or label can follow it. */
export function withoutContainer(scene: Scene, id: string): Scene {
  const created = new Map(scene.created)
  created.delete(id)
  const followed = new Map(scene.followed)
  const known = followed.get(id)
  if (known !== undefined) followed.set(id, { ...known, removed: true })
  return { ...scene, created, followed }
}

/** Without those that cannot come back and concern nobody: a run may last for months. */
export function withoutForgotten(scene: Scene, { selection, selectors }: Asked): Scene {
  const kept = [...scene.followed].filter(([, { details, running, removed }]) => {
    const comesBack = selection.containers.includes(details.name) || selectors.some((s) => s.meansOnly(details))
    return !removed || running || comesBack
  })
  return kept.length === scene.followed.size ? scene : { ...scene, followed: new Map(kept) }
}

/** A container's addresses on bridges, as far as they were asked for. */
export function entriesOf({ details }: Followed, networks: readonly NetworkDetails[], asked: Asked): BridgeEntry[] {
  return bridgeEntries(details, attachmentsOn(asked.selection.networks, details.networks, networks), networks)
}

function unlooked(listed: ContainerSummary): ContainerDetails {
  return { ...listed, pid: 0, startedAt: '', finishedAt: '', exitCode: 0, isOutOfMemory: false, exposedPorts: [] }
}
