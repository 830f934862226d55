// One run under way: its inputs, how it is stopped, how it ends. Exit codes: 0 done, 1 something failed (what was captured
// until then is out all the same).

import type { CaptureEnd } from '../container/capture-target.ts'
import type { Arena } from '../core/arena.ts'
import type { Connection } from '../core/connection.ts'
import { OperatorError } from '../core/errors.ts'
import { type Io, STOPPED_EXIT_CODES } from '../core/io.ts'
import { compareTime, Timestamp } from '../core/timestamp.ts'
import type { FlowTable } from '../flow/flow-table.ts'
import { endSummaryLines } from '../output/messages/end-summary.ts'
import type { TerminalMessages } from '../output/messages/messages.ts'
import type { Progress } from '../output/messages/progress.ts'
import { OutputClosedError } from '../output/writing/output-stream.ts'
import type { InputPlan, Plan } from '../plan.ts'
import { DeliveredFeed } from '../river/delivered-feed.ts'
import type { DumpRiver } from '../river/dump-river.ts'
import { type Feed, pump } from '../river/feed.ts'
import { LiveMerge } from '../river/live-merge.ts'
import type { AttachedViews, Attachments } from './attachments.ts'
import type { ContainerCapture } from './container-capture.ts'
import { allocateFileBuffer, type Inputs, type LiveSources } from './inputs.ts'
import { type LiveFeed, ReadBuffers } from './read-buffers.ts'
import { runSummary } from './run-summary.ts'
import type { StopRequest } from './stop-request.ts'

const EXIT_FAILED = 1
/** How long the end may wait for a reader that does not read, once the operator has asked for the end. */
const FINISH_PATIENCE_MILLIS = 1000
/** How long answers that are still to come are waited for at the end. */
const SETTLE_PATIENCE_MILLIS = 800

/** Containers come and go: copies of one packet are looked for as if there were several captures always. */
const SEVERAL_CAPTURES = 2
/** Longer than the merge may hold back a packet. */
const CONTAINER_END_GRACE_MILLIS = 800

export interface RunParts {
  readonly plan: Plan
  readonly io: Io
  readonly inputs: Inputs
  /** Live captures of interfaces, already open. */
  readonly live: LiveSources | undefined
  readonly river: DumpRiver
  readonly table: FlowTable
  readonly views: AttachedViews
  readonly progress: Progress | undefined
  readonly stopRequest: StopRequest
}

export class Run {
  readonly #plan: Plan
  readonly #inputs: Inputs
  readonly #live: LiveSources | undefined
  readonly #river: DumpRiver
  readonly #table: FlowTable
  readonly #attachments: Attachments
  readonly #messages: TerminalMessages
  readonly #arena: Arena
  readonly #progress: Progress | undefined
  readonly #stopRequest: StopRequest
  #feeds: readonly Feed[] = []
  #failed = false
  #unexpected: unknown
  #interfaceGone = false

  constructor({ plan, io, inputs, live, river, table, views, progress, stopRequest }: RunParts) {
    this.#plan = plan
    this.#inputs = inputs
    this.#live = live
    this.#river = river
    this.#table = table
    this.#attachments = views.attachments
    this.#messages = views.context.messages
    this.#arena = views.context.arena
    this.#progress = progress
    this.#stopRequest = stopRequest
    for (const stopper of this.#attachments.stoppers) stopper.onStop = () => this.#stopInputs()
    const reports = this.#attachments.all.flatMap(({ onReport }) => (onReport === undefined ? [] : [onReport]))
    if (reports.length > 0) {
      io.onReportSignal?.(() => {
        for (const report of reports) report()
      })
    }
  }

  async takeIn(): Promise<void> {
    const { input } = this.#plan
    if (this.#inputs.containers !== undefined) await this.#takeInContainers(this.#inputs.containers)
    else if (this.#live !== undefined) await this.#takeInLive(this.#live)
    else if (input.kind === 'files') await this.#takeInFiles(input)
  }

  #onStop(): void {
    this.#stopInputs()
    // A reader that still reads gets everything; one that is stuck must not hold up the end.
    setTimeout(() => this.#attachments.abandon(this.#messages), FINISH_PATIENCE_MILLIS).unref()
  }

  #stopInputs(): void {
    this.#river.stopped = true
    for (const { source } of this.#feeds) source.stop()
    this.#inputs.containers?.stop()
  }

  async #takeInLive(live: LiveSources): Promise<void> {
    this.#river.setLive(live.sources.length)
    this.#messages.info(`listening on ${live.sources.map(({ name }) => name).join(', ')}`)
    const buffers = new ReadBuffers(this.#arena, this.#inputs.places)
    const feeds = live.sources.map((source) => buffers.feedOf(source))
    this.#feeds = feeds
    this.#stopRequest.onStop(() => this.#onStop())
    try {
      await (feeds.length === 1 ? this.#pumpOne(feeds[0]!) : this.#pumpAll(feeds))
    } finally {
      this.#river.setLive(0)
      await live.close()
    }
    for (const source of live.sources) {
      if (source.endReason === 'interface-gone') this.#interfaceGone = true
      if (source.endMessage === undefined) continue
      this.#failed = true
      this.#messages.error(source.endMessage, source.endHint)
    }
  }

  async #pumpOne(feed: LiveFeed): Promise<void> {
    const { source } = feed
    if (source.deliver === undefined) await pump(feed, this.#river)
    else await new DeliveredFeed(feed, this.#river, source.deliver.bind(source)).run()
  }

  async #pumpAll(feeds: readonly Feed[]): Promise<void> {
    const merge = new LiveMerge(this.#river, (_feed, failure) => {
      if (failure !== undefined) throw failure
    })
    for (const feed of feeds) merge.add(feed)
    merge.close()
    await merge.run()
  }

  async #takeInContainers(capture: ContainerCapture): Promise<void> {
    this.#river.setLive(SEVERAL_CAPTURES)
    this.#stopRequest.onStop(() => this.#onStop())
    const merge = new LiveMerge(this.#river, (feed, failure) => {
      this.#river.forget(feed)
      capture.feedEnded(feed, failure)
    })
    const buffers = new ReadBuffers(this.#arena, this.#inputs.places)
    try {
      const running = merge.run()
      await Promise.race([capture.begin(merge, buffers, this.#messages, (end) => this.#onContainerEnd(end)), running])
      await running
    } finally {
      this.#river.setLive(0)
      await capture.endCaptures()
    }
    if (capture.failed) this.#failed = true
  }

  /** Ends the container's open connections, after the packets that are still in the pipes of its captures. */
  #onContainerEnd({ addresses, places }: CaptureEnd): void {
    const millis = Date.now()
    const endedAt = new Timestamp(Math.floor(millis / 1000), (millis % 1000) * 1e6)
    const numbers = new Set(places.map((place) => this.#inputs.places.numberOf(place)))
    const own = new Set(addresses)
    const isOf = (c: Connection): boolean =>
      numbers.has(c.place) || (c.place === 0 && c.endpoints.some((endpoint) => own.has(endpoint.address)))
    setTimeout(() => {
      const { clock } = this.#river
      this.#table.closeAll('container-gone', clock, (c) => compareTime(c.openTime, endedAt) <= 0 && isOf(c))
    }, CONTAINER_END_GRACE_MILLIS).unref()
  }

  async #takeInFiles(input: Extract<InputPlan, { kind: 'files' }>): Promise<void> {
    this.#stopRequest.onStop(() => this.#onStop())
    const buffer = allocateFileBuffer(this.#arena)
    for (const path of input.paths) await this.#readFile(path, buffer)
    // -R: these only finish what the others began.
    this.#table.opensConnections = input.paths.length === 0
    for (const path of input.finishPaths) await this.#readFile(path, buffer)
  }

  /** What is wrong with one file does not keep the next from being read. */
  async #readFile(path: string, buffer: Buffer): Promise<void> {
    if (this.#river.stopped) return
    let feed: Feed
    try {
      feed = this.#inputs.fileFeed(path, buffer)
    } catch (error) {
      this.noteFailure(error)
      return
    }
    this.#feeds = [feed]
    this.#progress?.begin(feed.source)
    try {
      await pump(feed, this.#river)
      // A pipe that we stopped reading ends anywhere, and that is no damage.
      if (feed.reader.damage !== undefined && !this.#river.stopped) {
        this.#failed = true
        this.#messages.error(`${path}: ${feed.reader.damage}`, 'everything before that has been read')
      }
    } catch (error) {
      if (this.#isFatal(error)) throw error
      this.noteFailure(error)
    } finally {
      await feed.source.close()
    }
  }

  /** Output that is gone ends the run; a bad input file only ends that file. */
  #isFatal(error: unknown): boolean {
    return !(error instanceof OperatorError) || this.#river.outputFailed
  }

  /** Says what failed, once; bugs are kept and thrown when everything is written. */
  noteFailure(error: unknown): void {
    if (error instanceof OutputClosedError) return
    this.#failed = true
    if (error instanceof OperatorError) this.#messages.error(error.message, error.hint)
    else this.#unexpected ??= error
  }

  /** Closes what is open, writes what is gathered, sums up. */
  async end(): Promise<number> {
    const { clock } = this.#river
    const { all, sinks, savers } = this.#attachments
    for (const { onLastMoment } of all) onLastMoment?.(this.#table.confirmedTime)
    this.#table.closeAll(this.#interfaceGone ? 'interface-gone' : 'capture-ended', clock)
    await this.#settle()
    for (const { onTrafficOver } of all) onTrafficOver?.()
    const { packets, filtered } = this.#river.counters
    if (this.#failed && packets + filtered === 0) for (const saver of savers) saver.discard()
    for (const sink of sinks) {
      try {
        await sink.finish()
      } catch (error) {
        this.noteFailure(error)
      }
    }
    for (const { close } of all) close?.()
    this.#progress?.end()
    // A run that could not begin has nothing to sum up.
    if (!this.#failed || this.#river.counters.packets > 0) this.#sumUp()
    await this.#messages.finish()
    if (this.#unexpected !== undefined) throw this.#unexpected
    return this.#exitCode()
  }

  /** What views have asked of others may still change what they say; afterwards nobody is asked any more. */
  async #settle(): Promise<void> {
    const settling = this.#attachments.all.flatMap(({ settle }) => settle?.() ?? [])
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SETTLE_PATIENCE_MILLIS)
    })
    await Promise.race([Promise.allSettled(settling), late])
    clearTimeout(timer)
    await this.#inputs.containers?.close()
  }

  #sumUp(): void {
    const verbose = this.#plan.verbosity > 0
    const summary = runSummary(this.#river, this.#table.counters, verbose)
    for (const line of endSummaryLines(summary)) this.#messages.info(line)
  }

  #exitCode(): number {
    const { all, stoppers } = this.#attachments
    if (this.#failed || this.#river.failed || stoppers.some(({ failed }) => failed)) return EXIT_FAILED
    const ended = stoppers.find(({ exitCode }) => exitCode !== undefined)
    if (ended?.exitCode !== undefined) return ended.exitCode
    // Ctrl-C is how a live capture is meant to end; reading a file to its end was what was asked for.
    const { signal } = this.#stopRequest
    if (signal !== undefined && this.#plan.input.kind !== 'live') return STOPPED_EXIT_CODES[signal]
    for (const { exitCode } of all) {
      const wanted = exitCode?.()
      if (wanted !== undefined) return wanted
    }
    return 0
  }
}
