// What an output of a run is. A view is one file here and a line in registry.ts. It reads the plan, makes what it needs
// from output/, latency/, script/ and the like, and says as plain data what it wants to be given.

import type { Arena } from '../core/arena.ts'
import type { Sink, TrafficConsumers } from '../core/consumers.ts'
import type { ExchangeHosts } from '../core/exchange-hosts.ts'
import type { Io } from '../core/io.ts'
import type { HostFactsSource, Names } from '../core/ports.ts'
import type { TimedExchangeConsumer } from '../core/timed-exchange.ts'
import type { Timestamp } from '../core/timestamp.ts'
import type { RunCounts } from '../metrics/run-counts.ts'
import type { TerminalMessages } from '../output/messages/messages.ts'
import type { FilesInUse } from '../output/writing/files-in-use.ts'
import type { OutputStream } from '../output/writing/output-stream.ts'
import type { Plan } from '../plan.ts'
import type { CaptureSaver, DropListener } from '../river/dump-river.ts'

export interface View {
  readonly name: string
  /** Views that must be attached later than this one, and so are given everything after it. */
  readonly before?: readonly string[]
  wants(plan: Plan): boolean
  /** Rejects with OperatorError where its output cannot be opened. */
  attach(context: ViewContext): Promise<Attachment>
}

/** What views have in common. */
export interface ViewContext {
  readonly plan: Plan
  readonly io: Io
  /** Of this program. */
  readonly version: string
  readonly messages: TerminalMessages
  readonly arena: Arena
  /** Names of hosts, where they are wanted. */
  readonly names: Names | undefined
  /** What is known of hosts beside their names, where an engine can be asked. */
  readonly hostFacts: HostFactsSource | undefined
  /** Files that are read or written, and so not written over. */
  readonly inUse: FilesInUse
  /** How the hosts of an exchange are told. */
  readonly hosts: ExchangeHosts
  /**
   * The one stream for standard output. Whoever prints a whole run there finishes it. Where standard output is a terminal,
   * messages on standard error come after what was printed before them.
   */
  standardOutput(): OutputStream
  /** What the run has counted so far. */
  counts(): RunCounts
  /** What the inputs cannot show, as they stand: a sentence each. */
  notCaptured(): readonly string[]
  /** Asks every view to end what it has begun on standard output, because another prints there. */
  makeWay(): void
}

/** What one view brings along: consumers by what they want to hear, and when else it is to be called. */
export interface Attachment extends TrafficConsumers {
  readonly drops?: readonly DropListener[]
  readonly savers?: readonly CaptureSaver[]
  /** While one is attached, streams and datagrams are searched for requests and responses. */
  readonly exchanges?: readonly TimedExchangeConsumer[]
  /** Outputs that hold bytes back. They are flushed and finished in this order. */
  readonly sinks?: readonly Sink[]
  /** Waits that are ended when the operator wants the end and a reader does not read. */
  readonly waits?: readonly Wait[]
  /** Programs that may end the run. */
  readonly stoppers?: readonly Stopper[]
  /** Told the capture's last moment, while what is open then is still open. */
  readonly onLastMoment?: (clock: Timestamp) => void
  /** Called when every connection is closed: resolves when what was asked of others is answered. Not waited for very long. */
  readonly settle?: () => Promise<void>
  /** Called when all traffic is over, before the first sink is finished. */
  readonly onTrafficOver?: () => void
  /** The run's exit code, where nothing failed; undefined: the usual one. Asked once, at the very end. */
  readonly exitCode?: () => number | undefined
  /** The operator asks how things stand (SIGUSR2). */
  readonly onReport?: () => void
  /** See ViewContext.makeWay. */
  readonly makeWay?: () => void
  /** Called after the last sink was finished. */
  readonly close?: () => void
}

/** Something that may wait for a reader, and can be told not to. */
export interface Wait {
  readonly waiting: boolean
  /** Drops what waits. */
  abandon(): void
  /** Said to the operator where something was dropped. */
  readonly dropped: string
}

/** An operator's program: it can end the run, and its failure is the run's. */
export interface Stopper {
  readonly failed: boolean
  /** The exit code that it asked for. */
  readonly exitCode: number | undefined
  /** Called when it asks for the end; whoever drives the run sets it. */
  onStop: () => void
}
