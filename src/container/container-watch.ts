// Follows the containers that were asked for: which run now, where each is to be captured, and what changes. Every event of
// the engine leads to one fresh look at everything, so a lost or doubled event does no harm.

import { OperatorError } from '../core/errors.ts'
import type { PlaceTable } from '../core/places.ts'
import { AwaitedBridges } from './awaited-bridges.ts'
import { type BridgeEntry, BridgeGates, bridgeEntries } from './bridge-gates.ts'
import { type AskedWay, type CaptureEnd, type CaptureTarget, target } from './capture-target.ts'
import { attachmentsOn, detailsOf, isNamed, nameOf } from './container-facts.ts'
import { ContainerNames } from './container-names.ts'
import {
  type ContainerDetails,
  type ContainerSummary,
  type Engine,
  type EngineEvent,
  type NetworkDetails,
  SIDECAR_LABEL,
} from './engine.ts'
import { TargetFinder } from './find-targets.ts'
import { differenceOf, endOf, type Followed, inFormerPlaces, noLongerWanted } from './followed.ts'
import type { HostView } from './host-view.ts'
import {
  type ContainerSelection,
  closestHint,
  notRunning,
  refuseAmbiguous,
  type Selector,
  selectorsOf,
  unmatched,
} from './selection.ts'

export interface WatchOptions {
  readonly selection: ContainerSelection
  readonly via: AskedWay | undefined
  /** --wait: containers that do not run yet are no mistake. */
  readonly wait: boolean
  readonly insideInterface: string
}

/** Hears what changes after the start. */
export interface WatchListener {
  /** All that is to be captured from now on. */
  onTargets(targets: readonly CaptureTarget[]): void
  onEnded(end: CaptureEnd): void
  /** A line for the operator. */
  info(line: string): void
  error(line: string, hint?: string): void
  /** Nothing will ever come again: the run is over. */
  onNothingLeft(error: OperatorError): void
}

const RETRY_MILLIS = 1000
const AGAIN_MILLIS = 100
const MOST_TOLD = 1000
const MOST_DESTROYED = 1000
const PORTS_AGAIN_MILLIS = [1000, 5000]

/** After these the networks may be others. */
const NETWORKS_CHANGE = new Set<EngineEvent['kind']>(['create', 'connect', 'disconnect', 'network', 'back'])

export class ContainerWatch {
  readonly names: ContainerNames
  readonly #engine: Engine
  readonly #view: HostView
  readonly #options: WatchOptions
  #selectors: readonly Selector[]
  readonly #finder: TargetFinder
  #listener: WatchListener | undefined
  /** By container id. */
  readonly #followed = new Map<string, Followed>()
  /** Matching containers that were made and have not started yet: their networks' bridges are watched. */
  readonly #created = new Map<string, ContainerDetails>()
  /** Ids whose details may have changed since they were inspected. */
  readonly #stale = new Set<string>()
  readonly #told = new Set<string>()
  /** Ids of removed containers, while a look may still bring them back to mind. */
  readonly #destroyed = new Set<string>()
  /** Ends that the listener has not been told yet. */
  readonly #ends: CaptureEnd[] = []
  readonly #gates = new BridgeGates()
  #networks: NetworkDetails[] = []
  #networksStale = true
  readonly #awaited: AwaitedBridges
  #looking = false
  #lookAgain = false
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(engine: Engine, view: HostView, options: WatchOptions, places: PlaceTable) {
    this.#engine = engine
    this.#view = view
    this.#options = options
    this.#selectors = selectorsOf(options.selection, [])
    this.#finder = new TargetFinder(engine, view, {
      via: options.via,
      networks: options.selection.networks,
      insideInterface: options.insideInterface,
    })
    this.#awaited = new AwaitedBridges(view)
    this.names = new ContainerNames(places, view.hostAddresses())
  }

  /** Resolves to what is to be captured now. Rejects with OperatorError: unknown container, not running, no way. */
  async start(listener: WatchListener): Promise<readonly CaptureTarget[]> {
    await this.#engine.watch((event) => this.#onEvent(event))
    const running = await this.#survey()
    await this.#refuseWhatIsNotThere(running)
    const problems = await this.#follow(running)
    const first = problems[0]
    if (first !== undefined && this.#captured().length === 0 && !this.#options.wait) throw first
    this.#listener = listener
    for (const { message, hint } of problems) listener.error(message, hint)
    for (const line of this.#remarks()) listener.info(line)
    this.#await()
    const targets = this.#targets()
    if (this.#options.wait) this.#sayWaiting(running)
    for (const service of this.#options.selection.services) await this.#sayElsewhere(service, listener)
    // Events that came meanwhile.
    if (this.#lookAgain) this.#look()
    return targets
  }

  async #sayElsewhere(service: string, listener: WatchListener): Promise<void> {
    const tasks = await this.#engine.tasksElsewhere(service)
    if (tasks === 0) return
    const replicas = tasks === 1 ? '1 more replica runs' : `${tasks} more replicas run`
    listener.info(`${service}: ${replicas} on other nodes and cannot be seen from this one`)
  }

  /** Something was not as the last look said: nothing of it is taken for granted. */
  lookAgain(): void {
    this.#distrustAll()
    this.#lookLater(AGAIN_MILLIS)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #distrustAll(): void {
    for (const id of this.#followed.keys()) this.#stale.add(id)
  }

  #onEvent(event: EngineEvent): void {
    const { kind, id } = event
    if (this.#closed || Object.hasOwn(event.labels, SIDECAR_LABEL)) return
    if (kind === 'lost') this.#listener?.info(`the engine is gone (${event.reason}): trying again, captures go on`)
    if (kind === 'back') {
      this.#listener?.info('the engine is back')
      this.#distrustAll()
      void this.#noticeRemovals().catch(() => {})
    }
    if (NETWORKS_CHANGE.has(kind)) this.#networksStale = true
    if (id !== '') this.#stale.add(id)
    if (kind === 'destroy') this.#onDestroy(id)
    if (kind === 'create') void this.#onCreate(event)
    else if (kind !== 'lost') this.#look()
  }

  /** Before it starts it is known on which networks it will be: their bridges are watched in time for its first packet. */
  async #onCreate({ id, name, labels }: EngineEvent): Promise<void> {
    const mine = this.#selectors.filter((selector) => selector.matches({ id, name, labels }))
    if (mine.length === 0) return
    // Asking takes longer than some containers take to start: at first it is taken to be where the others like it are.
    const alike = [...this.#followed.values()].find(({ details }) => mine.some((selector) => selector.matches(details)))
    if (alike !== undefined) this.#expect({ ...alike.details, id, name, pid: 0 })
    const details = await this.#engine.inspect(id).catch(() => undefined)
    if (details !== undefined && details.state !== 'running' && !this.#destroyed.has(id)) this.#expect(details)
    this.#look()
  }

  #expect(details: ContainerDetails): void {
    if (this.#followed.get(details.id)?.running) return
    this.#created.set(details.id, details)
    if (this.#listener === undefined || this.#closed) return
    this.#await()
    this.#listener.onTargets(this.#targets())
  }

  /** What was removed while the engine could not be heard. */
  async #noticeRemovals(): Promise<void> {
    const all = await this.#engine.list(true)
    for (const id of [...this.#followed.keys(), ...this.#created.keys()]) {
      if (!all.some((c) => c.id === id)) this.#onDestroy(id)
    }
    this.#look()
  }

  /** Removed for good; only another of its name, service or label can follow. */
  #onDestroy(id: string): void {
    this.#destroyed.add(id)
    this.#created.delete(id)
    const followed = this.#followed.get(id)
    if (followed !== undefined) this.#followed.set(id, { ...followed, removed: true })
  }

  /** One look at a time, and one more when something happened during it. */
  #look(): void {
    this.#lookAgain = true
    if (this.#looking || this.#listener === undefined || this.#closed) return
    void this.#lookUntilCalm(this.#listener)
  }

  async #lookUntilCalm(listener: WatchListener): Promise<void> {
    this.#looking = true
    try {
      while (this.#lookAgain && !this.#closed) {
        this.#lookAgain = false
        await this.#lookOnce(listener)
      }
    } catch (error) {
      // The engine is gone for the moment; `back` or the timer leads to the next look.
      if (!(error instanceof OperatorError)) listener.error(`containers cannot be followed: ${error}`)
      this.#lookLater(RETRY_MILLIS)
    } finally {
      this.#looking = false
    }
  }

  #lookLater(millis: number): void {
    clearTimeout(this.#timer)
    if (!this.#closed) this.#timer = setTimeout(() => this.#look(), millis)
  }

  async #lookOnce(listener: WatchListener): Promise<void> {
    const running = await this.#survey()
    this.#noteEnds(running, listener)
    const problems = await this.#follow(running).finally(() => {
      for (const end of this.#ends.splice(0)) listener.onEnded(end)
    })
    if (this.#closed) return
    for (const { message, hint } of problems) this.#sayOnce(listener, message, hint)
    for (const line of this.#remarks()) listener.info(line)
    this.#await()
    listener.onTargets(this.#targets())
    const over = this.#nothingLeft()
    if (over !== undefined) listener.onNothingLeft(over)
    this.#forget()
  }

  /** What cannot come back, and what concerns nobody here: a run may last for months. */
  #forget(): void {
    const { containers } = this.#options.selection
    for (const [id, { details, running, removed }] of this.#followed) {
      const comesBack = containers.includes(details.name) || this.#selectors.some((s) => s.meansOnly(details))
      if (removed && !running && !comesBack) this.#followed.delete(id)
    }
    for (const id of this.#stale) if (!this.#followed.has(id)) this.#stale.delete(id)
    if (this.#told.size > MOST_TOLD) this.#told.clear()
    if (this.#destroyed.size > MOST_DESTROYED) this.#destroyed.clear()
  }

  #sayOnce(listener: WatchListener, message: string, hint: string | undefined): void {
    if (this.#told.has(message)) return
    this.#told.add(message)
    listener.error(message, hint)
  }

  /** Running containers, with the names of all of them refreshed. */
  async #survey(): Promise<ContainerSummary[]> {
    // Those that we start ourselves are nobody's to capture.
    const listed = (await this.#engine.list(false)).filter((c) => !Object.hasOwn(c.labels, SIDECAR_LABEL))
    // `restarting` is listed as running, too, and has no process and no network.
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
    this.names.update(running, this.#networks)
    return running
  }

  #isSelected(container: ContainerSummary): boolean {
    if (this.#selectors.length > 0) return this.#selectors.some((selector) => selector.matches(container))
    return container.networks.some((a) => this.#namedNetworks().some((n) => n === detailsOf(a, this.#networks)))
  }

  #namedNetworks(): NetworkDetails[] {
    const wanted = this.#options.selection.networks
    return this.#networks.filter((network) => wanted.some((name) => isNamed(name, network)))
  }

  async #refuseWhatIsNotThere(running: readonly ContainerSummary[]): Promise<void> {
    const { selection, wait } = this.#options
    for (const name of selection.networks) {
      if (this.#networks.some((network) => isNamed(name, network)) || wait) continue
      const names = this.#networks.map((n) => n.name)
      throw new OperatorError(`there is no network ${name}`, closestHint(name, names))
    }
    if (
      unmatched(this.#selectors, running).length === 0 &&
      selection.containers.every((name) => running.some((c) => c.name === name))
    ) {
      return
    }
    const all = await this.#engine.list(true)
    refuseAmbiguous(selection, all)
    this.#selectors = selectorsOf(selection, all)
    const missing = unmatched(this.#selectors, running)
    if (!wait && missing[0] !== undefined) throw notRunning(missing[0], all)
    for (const stopped of all.filter((c) => c.state !== 'running' && missing.some((m) => m.matches(c)))) {
      const details = await this.#engine.inspect(stopped.id)
      if (details !== undefined) this.#created.set(details.id, details)
    }
  }

  /** Notes which of the followed containers are over, as of this list; says so. */
  #noteEnds(running: readonly ContainerSummary[], listener: WatchListener): void {
    for (const [id, followed] of this.#followed) {
      if (!followed.running) continue
      const now = running.find((c) => c.id === id)
      if (now !== undefined && this.#isSelected(now)) continue
      this.#followed.set(id, { ...followed, running: false })
      this.#gates.depart(this.#bridgeEntries(followed))
      this.#ends.push(endOf(followed))
      const name = nameOf(followed.details)
      listener.info(
        now === undefined
          ? `${name} has stopped; what it says next is shown when it is back`
          : noLongerWanted(followed.details, now, this.#meaning(followed.details)),
      )
    }
  }

  /** What was asked for and means this one, as typed. */
  #meaning(container: ContainerDetails): string[] {
    return this.#selectors.filter((selector) => selector.matches(container)).map(({ text }) => text)
  }

  #bridgeEntries({ details }: Followed): BridgeEntry[] {
    return bridgeEntries(
      details,
      attachmentsOn(this.#options.selection.networks, details.networks, this.#networks),
      this.#networks,
    )
  }

  /** Inspects what is new or may have changed, and finds out where to capture it. */
  async #follow(running: readonly ContainerSummary[]): Promise<OperatorError[]> {
    const problems: OperatorError[] = []
    const selected = running.filter((c) => this.#isSelected(c))
    const wholeNetworks = this.#wholeNetworks()
    for (const container of selected) {
      const { id } = container
      const known = this.#followed.get(id)
      if (wholeNetworks) {
        // Its bridge is captured already: only its end is of interest.
        const details = { ...container, pid: 0, startedAt: '', exposedPorts: [] }
        this.#followed.set(id, { details, targets: [], running: true, removed: false })
        continue
      }
      if (known?.running && !this.#stale.has(id)) continue
      this.#stale.delete(id)
      try {
        const problem = await this.#followOne(container, known)
        if (problem !== undefined) problems.push(problem)
      } catch (error) {
        this.#stale.add(id)
        throw error
      }
    }
    return problems
  }

  async #followOne(listed: ContainerSummary, known: Followed | undefined): Promise<OperatorError | undefined> {
    const { id } = listed
    const details = await this.#engine.inspect(id)
    if (details === undefined || details.pid === 0) {
      this.#stopsUnseen(listed, details)
      return undefined
    }
    const found = await this.#finder.find(details, this.#networks)
    if ('error' in found) {
      // Of a container that is just stopping not everything can be found any more.
      const now = await this.#engine.inspect(id)
      if (now?.startedAt !== details.startedAt || now.pid === 0) {
        this.#stopsUnseen(listed, now)
        return undefined
      }
    }
    // It may have been removed meanwhile: a look follows that event.
    if (this.#destroyed.has(id)) return undefined
    this.#created.delete(id)
    for (const old of this.#predecessors(details)) this.#followed.delete(old)
    const targets = 'error' in found ? [] : inFormerPlaces(found.targets, known?.running ? known : undefined)
    const now = { details, targets, running: true, removed: false }
    this.#followed.set(id, now)
    this.#tellDifference(known, now)
    if (details.networkMode === 'host' || targets.some(({ way }) => way === 'host')) this.#lookAtPortsLater(id, known)
    return 'error' in found ? found.error : undefined
  }

  /** It ran when the containers were listed, and has stopped since: the next look says so. `now` is what is left of it. */
  #stopsUnseen(listed: ContainerSummary, now: ContainerDetails | undefined): void {
    if (this.#followed.get(listed.id)?.running !== true) {
      const details = now ?? { ...listed, pid: 0, startedAt: '', exposedPorts: [] }
      this.#followed.set(listed.id, { details, targets: [], running: true, removed: now === undefined })
    }
    this.#stale.add(listed.id)
    this.#lookLater(AGAIN_MILLIS)
  }

  /** A process listens only a moment after its start. */
  #lookAtPortsLater(id: string, known: Followed | undefined): void {
    if (known?.running && known.details.startedAt === this.#followed.get(id)?.details.startedAt) return
    for (const millis of PORTS_AGAIN_MILLIS) {
      setTimeout(() => {
        this.#stale.add(id)
        this.#look()
      }, millis).unref()
    }
  }

  /** Containers of the same name that are gone for good: this one took their place. */
  #predecessors(details: ContainerDetails): string[] {
    return [...this.#followed]
      .filter(([id, f]) => id !== details.id && !f.running && f.details.name === details.name)
      .map(([id]) => id)
  }

  #tellDifference(before: Followed | undefined, now: Followed): void {
    if (this.#listener === undefined || before === undefined || !before.running) return
    const { lines, end } = differenceOf(before, now)
    for (const line of lines) this.#listener.info(line)
    if (end === undefined) return
    this.#gates.depart(this.#bridgeEntries(before))
    this.#listener.onEnded(end)
  }

  #remarks(): string[] {
    const lines: string[] = []
    for (const { remark } of this.#captured()) {
      if (remark === '' || this.#told.has(remark)) continue
      this.#told.add(remark)
      lines.push(remark)
    }
    return lines
  }

  /** Only networks were named, and each has a bridge here: those are captured whole, unless -i asks for what is inside. */
  #wholeNetworks(): boolean {
    const { via, insideInterface } = this.#options
    if (this.#selectors.length > 0 || insideInterface !== '' || (via !== undefined && via !== 'bridge')) return false
    const named = this.#namedNetworks()
    return named.length > 0 && named.every((n) => this.#view.hasBridge(n.bridge, n.subnets))
  }

  #captured(): CaptureTarget[] {
    const byKey = new Map<string, CaptureTarget>()
    if (this.#wholeNetworks()) {
      for (const { name, bridge } of this.#namedNetworks()) {
        const label = `network ${name}: ${bridge}`
        byKey.set(bridge, target({ key: `network ${bridge}`, way: 'bridge', label, interfaceName: bridge }))
      }
    }
    for (const { targets, running } of this.#followed.values()) {
      if (!running) continue
      for (const each of targets) {
        const same = byKey.get(each.key)
        byKey.set(each.key, same === undefined ? each : joined(same, each))
      }
    }
    return [...byKey.values()]
  }

  /** Decides which bridges are watched for containers that are about to come. */
  #await(): void {
    const again = this.#awaited.update(this.#awaitedNetworks())
    if (again !== undefined) this.#lookLater(again)
  }

  #awaitedNetworks(): (NetworkDetails | undefined)[] {
    const { via, wait, selection, insideInterface } = this.#options
    const elsewhere = (via !== undefined && via !== 'veth' && via !== 'bridge') || insideInterface !== ''
    if (elsewhere || this.#wholeNetworks()) return []
    // Those that are captured inside their namespaces are not to be seen on a bridge as well.
    const absent = [...this.#followed.values()]
      .filter(({ running, targets }) => !running && targets.some(({ way }) => way === 'veth' || way === 'bridge'))
      .map(({ details }) => details)
    const networks = [...absent, ...this.#created.values()].flatMap((details) => {
      const on = attachmentsOn(this.#options.selection.networks, details.networks, this.#networks).map((a) =>
        detailsOf(a, this.#networks),
      )
      return on.every((network) => network?.driver === 'bridge') ? on : []
    })
    if (wait && this.#isWaiting()) {
      networks.push(...(selection.networks.length > 0 ? this.#namedNetworks() : this.#networks))
    }
    return networks
  }

  /** A selector has nobody yet. */
  #isWaiting(): boolean {
    const all = [...this.#followed.values()].map((f) => f.details)
    return unmatched(this.#selectors, all).length > 0
  }

  #targets(): CaptureTarget[] {
    const running = [...this.#followed.values()].filter((followed) => followed.running)
    const present = running.flatMap((followed) => this.#bridgeEntries(followed))
    return [...this.#captured(), ...this.#gates.targets(this.#awaited.names, present)]
  }

  #sayWaiting(running: readonly ContainerSummary[]): void {
    const missing = unmatched(this.#selectors, running).map((selector) => selector.text.split(' ').slice(1).join(' '))
    const { networks } = this.#options.selection
    const absent = networks.filter((name) => !this.#networks.some((network) => isNamed(name, network)))
    const awaited = [...missing, ...absent.map((name) => `the network ${name}`)]
    if (awaited.length === 0) return
    const what = awaited.join(', ')
    const bridges = this.#awaited.names
    const where =
      bridges.length === 0
        ? 'its first packets may be missed'
        : `watching ${bridges.join(', ')} so that nothing of it is missed`
    this.#listener?.info(`waiting for ${what}: ${where}`)
  }

  /** Everybody that was meant is removed, and no other can take its place. */
  #nothingLeft(): OperatorError | undefined {
    if (this.#options.wait || this.#captured().length > 0) return undefined
    if (this.#selectors.length === 0) {
      if (this.#namedNetworks().length > 0) return undefined
      return new OperatorError('nothing is left to capture: the network was removed')
    }
    const removed = [...this.#followed.values()].filter((f) => f.removed && !f.running)
    const isOver = (selector: Selector): boolean => removed.some(({ details }) => selector.meansOnly(details))
    if (!this.#selectors.every(isOver)) return undefined
    const names = removed.map(({ details }) => nameOf(details)).join(', ')
    return new OperatorError(`nothing is left to capture: ${names} was removed`)
  }
}

function joined(a: CaptureTarget, b: CaptureTarget): CaptureTarget {
  return { ...a, containers: [...a.containers, ...b.containers], label: `${b.containers.join(', ')} and ${a.label}` }
}
