// Asks an engine about the containers that were asked for: a list at every look, and the details of what may have changed.

import type { OperatorError } from '../core/errors.ts'
import { type Asked, isAskedFor, takesWholeNetworks } from './asked.ts'
import type { CaptureTarget } from './capture-target.ts'
import { detailsOf } from './container-facts.ts'
import {
  type ContainerDetails,
  type ContainerSummary,
  type Engine,
  type NetworkDetails,
  SIDECAR_LABEL,
} from './engine.ts'
import { TargetFinder } from './find-targets.ts'
import type { HostView } from './host-view.ts'
import type { Answers, Finding, Scene } from './scene.ts'

/** The engine's lists, without a closer look at any container. */
export type Listed = Omit<Answers, 'findings'>

export interface Findings {
  readonly findings: readonly Finding[]
  /** Why containers cannot be captured. */
  readonly problems: readonly OperatorError[]
  /** The error that broke the look off, if one did. The findings until then count. */
  readonly failure: unknown
}

/** When we look again at a container that has stopped, although the engine still lists it as running. */
const STOPPING_MILLIS = 100
/** A process listens only a moment after its start. */
const PORTS_AGAIN_MILLIS = [1000, 5000]

export class EngineSurvey {
  readonly #engine: Engine
  readonly #view: HostView
  readonly #finder: TargetFinder
  readonly #wakeUp: () => void
  /** Ids of containers whose details may have changed since they were inspected. */
  readonly #stale = new Set<string>()
  #networks: NetworkDetails[] = []
  #networksStale = true

  /** `wakeUp` is called when it is time for another look. */
  constructor(
    engine: Engine,
    view: HostView,
    { selection, via, insideInterface, loopback = false }: Omit<Asked, 'selectors'>,
    wakeUp: () => void,
  ) {
    this.#engine = engine
    this.#view = view
    this.#finder = new TargetFinder(engine, view, { via, networks: selection.networks, insideInterface, loopback })
    this.#wakeUp = wakeUp
  }

  /** The container is to be inspected anew. */
  distrust(id: string): void {
    this.#stale.add(id)
  }

  /** The networks are to be listed anew. */
  distrustNetworks(): void {
    this.#networksStale = true
  }

  /** Containers that nobody follows need not be remembered. */
  forget({ followed }: Scene): void {
    for (const id of this.#stale) if (!followed.has(id)) this.#stale.delete(id)
  }

  /** Rejects with OperatorError when the engine is lost. */
  async list(): Promise<Listed> {
    // Our own sidecars are left out.
    const listed = (await this.#engine.list(false)).filter((c) => !Object.hasOwn(c.labels, SIDECAR_LABEL))
    // A container in the state `restarting` is listed as running, too. It has no process and no network.
    const running = listed.filter(({ state }) => state === 'running' || state === 'paused' || state === '')
    const unknown = running.some((c) => c.networks.some((a) => a.networkId !== '' && !detailsOf(a, this.#networks)))
    if (this.#networksStale || unknown) {
      this.#networksStale = false
      try {
        this.#networks = await this.#engine.networks()
      } catch (error) {
        this.#networksStale = true
        throw error
      }
    }
    const networks = this.#networks
    const here = networks.filter(({ bridge, subnets }) => bridge !== '' && this.#view.hasBridge(bridge, subnets))
    return { running, networks, bridges: new Set(here.map(({ bridge }) => bridge)) }
  }

  /** Looks closer at those of the running containers that were asked for and are new or may have changed. */
  async look({ running, networks, bridges }: Listed, { followed }: Scene, asked: Asked): Promise<Findings> {
    const meant = running.filter((container) => isAskedFor(asked, container, networks))
    const findings: Finding[] = []
    const problems: OperatorError[] = []
    if (takesWholeNetworks(asked, networks, bridges)) {
      return { findings: meant.map((listed) => ({ kind: 'on-network', listed })), problems, failure: undefined }
    }
    for (const listed of meant) {
      const known = followed.get(listed.id)
      const before = known?.running ? known.details : undefined
      if (before !== undefined && !this.#stale.has(listed.id)) continue
      this.#stale.delete(listed.id)
      try {
        const [finding, problem] = await this.#find(listed, networks, before)
        findings.push(finding)
        if (problem !== undefined) problems.push(problem)
      } catch (failure) {
        this.#stale.add(listed.id)
        return { findings, problems, failure }
      }
    }
    return { findings, problems, failure: undefined }
  }

  async #find(
    listed: ContainerSummary,
    networks: readonly NetworkDetails[],
    before: ContainerDetails | undefined,
  ): Promise<[Finding, OperatorError?]> {
    const details = await this.#engine.inspect(listed.id)
    if (details === undefined || details.pid === 0) return [this.#vanished(listed, details)]
    const found = await this.#finder.find(details, networks)
    if ('targets' in found) {
      if (before?.startedAt !== details.startedAt) this.#lookAtPortsLater(details, found.targets)
      return [{ kind: 'found', details, targets: found.targets }]
    }
    // The container may just be stopping: then not everything of it can be found any more.
    const now = await this.#engine.inspect(listed.id)
    if (now?.startedAt !== details.startedAt || now.pid === 0) return [this.#vanished(listed, now)]
    return [{ kind: 'found', details, targets: [] }, found.error]
  }

  /** The next look finds that it has stopped, or that it was restarted. */
  #vanished(listed: ContainerSummary, left: ContainerDetails | undefined): Finding {
    this.#lookAtLater(listed.id, STOPPING_MILLIS)
    return { kind: 'vanished', listed, left }
  }

  #lookAtPortsLater({ id, networkMode }: ContainerDetails, targets: readonly CaptureTarget[]): void {
    if (networkMode !== 'host' && !targets.some(({ way }) => way === 'host')) return
    for (const millis of PORTS_AGAIN_MILLIS) this.#lookAtLater(id, millis)
  }

  #lookAtLater(id: string, millis: number): void {
    setTimeout(() => {
      this.#stale.add(id)
      this.#wakeUp()
    }, millis).unref()
  }
}
