// Captures of containers: opens what the watch of the engine asks for, closes what it no longer does, all while the river runs.
// A new capture listens before the one that it replaces is closed, so no packet falls in between.

import type { CaptureLauncher } from '../capture/launcher.ts'
import type { CaptureEnd, CaptureTarget } from '../container/capture-target.ts'
import { ContainerWatch, type WatchListener } from '../container/container-watch.ts'
import type { Engine } from '../container/engine.ts'
import { EngineFacts } from '../container/engine-facts.ts'
import { type HostView, viewFor } from '../container/host-view.ts'
import { OperatorError } from '../core/errors.ts'
import type { Io } from '../core/io.ts'
import type { PlaceTable } from '../core/places.ts'
import type { HostFactsSource, Messages, Names } from '../core/ports.ts'
import { Timestamp } from '../core/timestamp.ts'
import { TimePrefix } from '../output/writing/console-time.ts'
import type { ContainersPlan, InputPlan, Plan } from '../plan.ts'
import type { Feed } from '../river/feed.ts'
import { FrameGate } from '../river/frame-gate.ts'
import type { LiveMerge } from '../river/live-merge.ts'
import { connectEngine } from './connect-engine.ts'
import { OpeningFailures } from './opening-failures.ts'
import type { LiveFeed, ReadBuffers } from './read-buffers.ts'
import { TargetOpener } from './target-opener.ts'

type LiveInput = Extract<InputPlan, { kind: 'live' }>

/** A capture that has been replaced is read this much longer: its last packets are on their way. */
const CLOSING_GRACE_MILLIS = 300
/** Of what cannot be captured and need not be. */
const MOST_REFUSED = 1000

export interface ContainerCaptureParts {
  readonly plan: Plan
  readonly input: LiveInput
  readonly containers: ContainersPlan
  readonly launcher: CaptureLauncher
  /** Of this machine. */
  readonly view: HostView
  readonly places: PlaceTable
  readonly env: Io['env']
}

/** What happens to the connections of a container that has gone. */
export type ContainerEndListener = (end: CaptureEnd) => void

/** Opens the engine; nothing is captured before `run`. Rejects with OperatorError. */
export async function openContainerCapture(parts: ContainerCaptureParts): Promise<ContainerCapture> {
  const engine = await connectEngine(parts.containers.dockerHost, parts.env)
  return new ContainerCapture(parts, engine, viewFor(await engine.machine(), parts.view))
}

/** A capture that is open or being opened. */
interface Open {
  target: CaptureTarget
  feed: LiveFeed | undefined
  gate: FrameGate | undefined
  /** No longer wanted. */
  leaving: boolean
  /** Ends it then. */
  timer: NodeJS.Timeout | undefined
}

export class ContainerCapture implements WatchListener {
  readonly #parts: ContainerCaptureParts
  readonly #engine: Engine
  readonly #view: HostView
  readonly #watch: ContainerWatch
  readonly #open = new Map<string, Open>()
  /** Those that were asked to end. */
  readonly #closing = new Set<Open>()
  readonly #opening = new Set<Promise<void>>()
  /** The targets that the watch asked for last. */
  #wanted: readonly CaptureTarget[] = []
  readonly #closes = new Set<Promise<void>>()
  #messages: Messages | undefined
  #merge: LiveMerge | undefined
  #buffers: ReadBuffers | undefined
  #onContainerEnd: ContainerEndListener = () => {}
  readonly #opener: TargetOpener
  readonly #failures: OpeningFailures
  /** What is not seen because it could not be opened, by target key. */
  readonly #refused = new Map<string, string>()
  #stopped = false
  /** Something went wrong that makes the exit code 1. */
  failed = false

  constructor(parts: ContainerCaptureParts, engine: Engine, view: HostView) {
    const { containers, input } = parts
    this.#parts = parts
    this.#engine = engine
    this.#view = view
    this.#opener = new TargetOpener(parts, engine)
    this.#failures = new OpeningFailures(engine, view)
    const options = {
      selection: containers,
      via: containers.via,
      wait: containers.wait,
      insideInterface: input.interfaces[0] ?? '',
      loopback: parts.plan.diagnose !== undefined,
    }
    this.#watch = new ContainerWatch(engine, view, options, parts.places)
  }

  /** What is not seen, and why: a sentence each. */
  get notCaptured(): readonly string[] {
    return [...new Set(this.#refused.values())]
  }

  get names(): Names {
    return this.#watch.names
  }

  /** What the engine knows of hosts; until `close`. */
  get hostFacts(): HostFactsSource {
    return new EngineFacts(this.#engine, this.#view, this.#watch.names)
  }

  /** Begins; resolves once everything that can be captured now is. Rejects with OperatorError. */
  async begin(
    merge: LiveMerge,
    buffers: ReadBuffers,
    messages: Messages,
    onContainerEnd: ContainerEndListener,
  ): Promise<void> {
    this.#merge = merge
    this.#buffers = buffers
    this.#messages = messages
    this.#onContainerEnd = onContainerEnd
    // The operator may have asked to stop before this.
    if (this.#stopped) {
      merge.close()
      return
    }
    const targets = await this.#watch.start(this)
    const failures = await this.#change(targets, true)
    const first = failures[0]
    if (first !== undefined && this.#open.size === 0 && !this.#parts.containers.wait) throw first
    for (const error of failures) this.#tell(error)
  }

  /** Asks every capture to end; `run` of the merge ends when they have. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#watch.close()
    for (const { feed } of this.#open.values()) feed?.source.stop()
    this.#merge?.close()
  }

  /** Ends every capture; the engine can still be asked. */
  async endCaptures(): Promise<void> {
    this.stop()
    // What is being opened is closed by itself once it is open; the engine is needed for that.
    await Promise.allSettled(this.#opening)
    const open = [...this.#open.values(), ...this.#closing]
    await Promise.allSettled([...this.#closes, ...open.map(({ feed }) => feed?.source.close())])
  }

  /** May be called twice. */
  async close(): Promise<void> {
    await this.endCaptures()
    await this.#engine.close()
    await this.#parts.launcher.close()
  }

  /** A capture has ended, and all of it has been handed on. */
  feedEnded(feed: Feed, failure: unknown): void {
    const open = [...this.#open.values(), ...this.#closing].find((each) => each.feed === feed)
    this.#buffers?.giveBack(feed)
    const closed = feed.source.close()
    this.#closes.add(closed)
    void closed.finally(() => this.#closes.delete(closed))
    if (failure !== undefined && !(failure instanceof OperatorError)) throw failure
    if (open === undefined) return
    // otherwise it would remove another capture that has its key by then
    clearTimeout(open.timer)
    this.#closing.delete(open)
    const asked = open.leaving || this.#stopped
    if (this.#open.get(open.target.key) === open) this.#open.delete(open.target.key)
    const { endReason, endMessage, endHint } = open.feed!.source
    // A container's veth goes with it, and the watch says so.
    if (asked || (failure === undefined && endReason !== 'failed')) return
    const label = open.target.containers.join(', ') || open.target.interfaceName
    const error = failure ?? new OperatorError(endMessage ?? 'the capture broke off', endHint)
    if (open.target.onlyFor !== '') {
      this.#goWithout(open.target, error)
      return
    }
    this.#tell(new OperatorError(`${label}: ${error.message}`, error.hint))
    // If it is still wanted, it is opened again.
    this.#watch.lookAgain()
  }

  // What the watch says.

  onTargets(targets: readonly CaptureTarget[]): void {
    this.#change(targets, false).then(
      (failures) => {
        for (const error of failures) this.#tell(error)
      },
      (error: unknown) => this.#tell(new OperatorError(`containers cannot be captured: ${error}`)),
    )
  }

  onEnded(end: CaptureEnd): void {
    this.#onContainerEnd(end)
  }

  info(line: string): void {
    this.#messages?.info(line)
  }

  error(line: string, hint?: string): void {
    this.#messages?.error(line, hint)
  }

  onNothingLeft(error: OperatorError): void {
    this.#tell(error)
    this.stop()
  }

  #goWithout({ key, onlyFor }: CaptureTarget, { message }: OperatorError): void {
    if (this.#refused.size >= MOST_REFUSED) this.#refused.clear()
    this.#refused.set(key, `${onlyFor}: ${message}`)
  }

  #tell(error: OperatorError): void {
    if (this.#stopped) return
    this.failed = true
    this.#messages?.error(error.message, error.hint)
  }

  /** Opens and closes captures until exactly `targets` are captured. Resolves to those that could not be opened. */
  async #change(targets: readonly CaptureTarget[], atStart: boolean): Promise<OperatorError[]> {
    if (this.#stopped) return []
    const failures: OperatorError[] = []
    this.#wanted = targets
    const added = targets.filter(({ key }) => !this.#open.has(key) && !this.#refused.has(key))
    for (const target of targets) this.#update(target)
    await Promise.all(
      added.map(async (target) => {
        const opening = this.#add(target, atStart)
        this.#opening.add(opening)
        try {
          await opening
        } catch (error) {
          this.#open.delete(target.key)
          if (!(error instanceof OperatorError)) throw error
          // A fresh look tells whether it is still wanted.
          if (await this.#failures.mayHaveStopped(target, error, atStart)) this.#watch.lookAgain()
          else if (target.onlyFor === '') failures.push(error)
          else this.#goWithout(target, error)
        } finally {
          this.#opening.delete(opening)
        }
      }),
    )
    // Captures that are no longer wanted end when everything that replaces them listens.
    if (this.#opening.size > 0) return failures
    const wanted = new Set(this.#wanted.map((target) => target.key))
    for (const open of this.#open.values()) if (!wanted.has(open.target.key)) this.#remove(open)
    return failures
  }

  /** A capture that goes on may serve other addresses now. */
  #update(target: CaptureTarget): void {
    const open = this.#open.get(target.key)
    if (open === undefined) return
    clearTimeout(open.timer)
    open.leaving = false
    open.target = target
    if (open.feed !== undefined && target.gate !== undefined) this.#merge?.want(open.feed, target.gate)
  }

  async #add(target: CaptureTarget, atStart: boolean): Promise<void> {
    const gate = target.gate === undefined ? undefined : new FrameGate()
    const open: Open = { target, feed: undefined, gate, leaving: false, timer: undefined }
    this.#open.set(target.key, open)
    const source = await this.#opener.open(target)
    if (this.#stopped) {
      await source.close()
      return
    }
    this.#failures.forget(target)
    const feed = this.#buffers!.feedOf(source)
    open.feed = feed
    // What is wanted may have changed while it was being opened.
    const { gate: addresses, label, way } = open.target
    this.#merge!.add(feed, gate)
    if (addresses !== undefined) this.#merge?.want(feed, addresses)
    else
      this.#messages?.info(
        atStart || way === 'veth' || way === 'bridge' ? label : `${label}, seen from ${clockTime()} on`,
      )
  }

  #remove(open: Open): void {
    if (open.leaving) return
    open.leaving = true
    // Its last packets may still be on their way.
    open.timer = setTimeout(() => {
      // From here on the same key may be opened anew.
      this.#open.delete(open.target.key)
      this.#closing.add(open)
      open.feed?.source.stop()
    }, CLOSING_GRACE_MILLIS).unref()
  }
}

/** 15:04:05.123, local time. */
function clockTime(): string {
  const now = Date.now()
  const time = new Timestamp(Math.floor(now / 1000), (now % 1000) * 1e6)
  return new TimePrefix().format(time).slice(11, 23)
}
