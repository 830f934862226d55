// Follows the containers that were asked for. Every event of the engine leads to one fresh look at everything, so an event
// that is lost or comes twice does no harm. scene.ts decides what a look means, wanted-captures.ts what is to be captured.

import { OperatorError } from '../core/errors.ts'
import type { PlaceTable } from '../core/places.ts'
import type { Asked } from './asked.ts'
import { AwaitedBridges } from './awaited-bridges.ts'
import { BridgeGates } from './bridge-gates.ts'
import type { CaptureEnd, CaptureTarget } from './capture-target.ts'
import { isNamed } from './container-facts.ts'
import { ContainerNames } from './container-names.ts'
import { type ContainerDetails, type Engine, type EngineEvent, SIDECAR_LABEL } from './engine.ts'
import { EngineSurvey, type Listed } from './engine-survey.ts'
import type { HostView } from './host-view.ts'
import {
  advance,
  EMPTY_SCENE,
  type Ended,
  type Finding,
  withCreated,
  withoutContainer,
  withoutForgotten,
} from './scene.ts'
import { closestHint, notRunning, refuseAmbiguous, selectorsOf, unmatched } from './selection.ts'
import { type WantedCaptures, waitedFor, wantedCaptures } from './wanted-captures.ts'

export type WatchOptions = Omit<Asked, 'selectors'>

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

/** Events after which the networks may be others. */
const NETWORKS_CHANGE = new Set<EngineEvent['kind']>(['create', 'connect', 'disconnect', 'network', 'back'])

export class ContainerWatch {
  readonly names: ContainerNames
  readonly #engine: Engine
  readonly #survey: EngineSurvey
  #asked: Asked
  #scene = EMPTY_SCENE
  #listener: WatchListener | undefined
  /** Lines that are told once. */
  readonly #told = new Set<string>()
  /** Ids of removed containers: a look that began before they were removed may still find them. */
  readonly #destroyed = new Set<string>()
  /** What the listener has not been told yet. */
  readonly #ended: Ended[] = []
  readonly #gates = new BridgeGates()
  readonly #awaited = new AwaitedBridges()
  #looking = false
  #lookAgain = false
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(engine: Engine, view: HostView, options: WatchOptions, places: PlaceTable) {
    this.#engine = engine
    this.#survey = new EngineSurvey(engine, view, options, () => this.#look())
    this.#asked = { ...options, selectors: selectorsOf(options.selection, []) }
    this.names = new ContainerNames(places, view.hostAddresses())
  }

  /** Resolves to what is to be captured now. Rejects with OperatorError: unknown container, not running, no way. */
  async start(listener: WatchListener): Promise<readonly CaptureTarget[]> {
    await this.#engine.watch((event) => this.#onEvent(event))
    const listed = await this.#list()
    await this.#refuseWhatIsNotThere(listed)
    const problems = await this.#findOut(listed)
    const wanted = this.#wanted()
    const [first] = problems
    if (first !== undefined && wanted.captured.length === 0 && !this.#asked.wait) throw first
    this.#listener = listener
    for (const { message, hint } of problems) listener.error(message, hint)
    const targets = this.#targets(wanted, listener)
    if (this.#asked.wait) this.#sayWaiting(listed, listener)
    for (const service of this.#asked.selection.services) await this.#sayElsewhere(service, listener)
    // Events have come meanwhile.
    if (this.#lookAgain) this.#look()
    return targets
  }

  /** Something is not as the last look said. Everything is inspected again in a moment. */
  lookAgain(): void {
    this.#distrustAll()
    this.#lookLater(AGAIN_MILLIS)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  // Events.

  #onEvent(event: EngineEvent): void {
    const { kind, id } = event
    if (this.#closed || Object.hasOwn(event.labels, SIDECAR_LABEL)) return
    if (kind === 'lost') this.#listener?.info(`the engine is gone (${event.reason}): trying again, captures go on`)
    if (kind === 'back') {
      this.#listener?.info('the engine is back')
      this.#distrustAll()
      void this.#noticeRemovals().catch(() => {})
    }
    if (NETWORKS_CHANGE.has(kind)) this.#survey.distrustNetworks()
    if (id !== '') this.#survey.distrust(id)
    if (kind === 'destroy') this.#onDestroy(id)
    if (kind === 'create') void this.#onCreate(event)
    else if (kind !== 'lost') this.#look()
  }

  #distrustAll(): void {
    for (const id of this.#scene.followed.keys()) this.#survey.distrust(id)
  }

  /** The networks of a container are known before it starts. Their bridges are watched, so that its first packet is seen. */
  async #onCreate({ id, name, labels }: EngineEvent): Promise<void> {
    const mine = this.#asked.selectors.filter((selector) => selector.matches({ id, name, labels }))
    if (mine.length === 0) return
    // Some start before the engine answers. Until then it is assumed to be on the networks of another that was asked for alike.
    const { followed } = this.#scene
    const alike = [...followed.values()].find(({ details }) => mine.some((selector) => selector.matches(details)))
    if (alike !== undefined) this.#expect({ ...alike.details, id, name, pid: 0 })
    const details = await this.#engine.inspect(id).catch(() => undefined)
    if (details !== undefined && details.state !== 'running' && !this.#destroyed.has(id)) this.#expect(details)
    this.#look()
  }

  #expect(details: ContainerDetails): void {
    if (this.#scene.followed.get(details.id)?.running) return
    this.#scene = withCreated(this.#scene, details)
    if (this.#listener === undefined || this.#closed) return
    this.#listener.onTargets(this.#targets(this.#wanted(), this.#listener))
  }

  /** Finds the containers that were removed while the engine could not be reached. */
  async #noticeRemovals(): Promise<void> {
    const all = await this.#engine.list(true)
    for (const id of [...this.#scene.followed.keys(), ...this.#scene.created.keys()]) {
      if (!all.some((c) => c.id === id)) this.#onDestroy(id)
    }
    this.#look()
  }

  #onDestroy(id: string): void {
    this.#destroyed.add(id)
    this.#scene = withoutContainer(this.#scene, id)
  }

  // Looks.

  /** There is one look at a time, and one more if something happens during it. */
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
    const listed = await this.#list()
    this.#take(listed, [])
    const problems = await this.#findOut(listed).finally(() => {
      for (const { end, entries } of this.#ended.splice(0)) {
        this.#gates.depart(entries)
        listener.onEnded(end)
      }
    })
    if (this.#closed) return
    for (const { message, hint } of problems) if (this.#isNew(message)) listener.error(message, hint)
    const wanted = this.#wanted()
    listener.onTargets(this.#targets(wanted, listener))
    if (wanted.over !== undefined) listener.onNothingLeft(wanted.over)
    this.#forget()
  }

  /** The engine's lists, with the names of all containers refreshed. */
  async #list(): Promise<Listed> {
    const listed = await this.#survey.list()
    this.names.update(listed.running, listed.networks)
    return listed
  }

  /** Looks closer at what may have changed. Resolves to why some cannot be captured. */
  async #findOut(listed: Listed): Promise<readonly OperatorError[]> {
    const { findings, problems, failure } = await this.#survey.look(listed, this.#scene, this.#asked)
    // Those that were removed meanwhile are left out: the next look comes with that event.
    const kept = findings.filter((each) => each.kind !== 'found' || !this.#destroyed.has(each.details.id))
    this.#take(listed, kept)
    if (failure !== undefined) throw failure
    return problems
  }

  // What a look comes to.

  /** Makes the engine's answers part of the scene. */
  #take(listed: Listed, findings: readonly Finding[]): void {
    const { scene, lines, ended } = advance(this.#scene, { ...listed, findings }, this.#asked)
    this.#scene = scene
    this.#ended.push(...ended)
    for (const line of lines) this.#listener?.info(line)
  }

  #wanted(): WantedCaptures {
    return wantedCaptures(this.#scene, this.#asked)
  }

  /** The captures, with the bridges that are watched. Tells the operator each capture's remark. */
  #targets({ captured, awaited, present }: WantedCaptures, listener: WatchListener): CaptureTarget[] {
    for (const { remark } of captured) if (remark !== '' && this.#isNew(remark)) listener.info(remark)
    const again = this.#awaited.update(awaited)
    if (again !== undefined) this.#lookLater(again)
    return [...captured, ...this.#gates.targets(this.#awaited.names, present)]
  }

  #isNew(line: string): boolean {
    if (this.#told.has(line)) return false
    this.#told.add(line)
    return true
  }

  #forget(): void {
    this.#scene = withoutForgotten(this.#scene, this.#asked)
    this.#survey.forget(this.#scene)
    if (this.#told.size > MOST_TOLD) this.#told.clear()
    if (this.#destroyed.size > MOST_DESTROYED) this.#destroyed.clear()
  }

  // The start.

  async #refuseWhatIsNotThere({ running, networks }: Listed): Promise<void> {
    const { selection, selectors, wait } = this.#asked
    for (const name of selection.networks) {
      if (wait || networks.some((network) => isNamed(name, network))) continue
      const names = networks.map((n) => n.name)
      throw new OperatorError(`there is no network ${name}`, closestHint(name, names))
    }
    const allNamed = selection.containers.every((name) => running.some((c) => c.name === name))
    if (allNamed && unmatched(selectors, running).length === 0) return
    const all = await this.#engine.list(true)
    refuseAmbiguous(selection, all)
    this.#asked = { ...this.#asked, selectors: selectorsOf(selection, all) }
    const missing = unmatched(this.#asked.selectors, running)
    if (!wait && missing[0] !== undefined) throw notRunning(missing[0], all)
    for (const stopped of all.filter((c) => c.state !== 'running' && missing.some((m) => m.matches(c)))) {
      const details = await this.#engine.inspect(stopped.id)
      if (details !== undefined) this.#scene = withCreated(this.#scene, details)
    }
  }

  async #sayElsewhere(service: string, listener: WatchListener): Promise<void> {
    const tasks = await this.#engine.tasksElsewhere(service)
    if (tasks === 0) return
    const replicas = tasks === 1 ? '1 more replica runs' : `${tasks} more replicas run`
    listener.info(`${service}: ${replicas} on other nodes and cannot be seen from this one`)
  }

  #sayWaiting({ running, networks }: Listed, listener: WatchListener): void {
    const what = waitedFor(this.#asked, running, networks).join(', ')
    if (what === '') return
    const bridges = this.#awaited.names.join(', ')
    const where =
      bridges === '' ? 'its first packets may be missed' : `watching ${bridges} so that nothing of it is missed`
    listener.info(`waiting for ${what}: ${where}`)
  }
}
