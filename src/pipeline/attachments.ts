// Makes everything at the end of the river: attaches the views that the plan wants and gathers what they bring.

import packageJson from '../../package.json' with { type: 'json' }
import { Arena } from '../core/arena.ts'
import type {
  ClockConsumer,
  ConnectionConsumer,
  DatagramConsumer,
  NetworkEventConsumer,
  RawSegmentConsumer,
  SegmentConsumer,
  Sink,
  StreamConsumer,
  TrafficConsumers,
} from '../core/consumers.ts'
import { ExchangeHosts } from '../core/exchange-hosts.ts'
import type { Io } from '../core/io.ts'
import type { HostFactsSource, Names } from '../core/ports.ts'
import type { TimedExchangeConsumer } from '../core/timed-exchange.ts'
import { QUERY_PATIENCE_MILLIS } from '../diagnosis/patience.ts'
import { defaultFlowTableOptions } from '../flow/options.ts'
import { NOTHING_COUNTED, type RunCounts } from '../metrics/run-counts.ts'
import { FILE_BLOCKS_BYTES } from '../output/files/file-blocks.ts'
import type { TerminalMessages } from '../output/messages/messages.ts'
import type { FilesInUse } from '../output/writing/files-in-use.ts'
import { OutputStream } from '../output/writing/output-stream.ts'
import type { Plan } from '../plan.ts'
import { AUTO } from '../protocol/names.ts'
import type { CaptureSaver, DropListener } from '../river/dump-river.ts'
import type { ExchangeStageOptions } from '../views/exchange-stage.ts'
import { readsOnlyFiles } from '../views/input-kind.ts'
import { inOrder } from '../views/order.ts'
import { VIEWS } from '../views/registry.ts'
import { unreadOutput } from '../views/unread-output.ts'
import type { Attachment, Stopper, ViewContext, Wait } from '../views/view.ts'
import { readBufferBytes } from './inputs.ts'

/** Room in the arena for the views' own buffers and for the pages of the out-of-order queues. */
const OUTPUT_ARENA_BYTES = 2 << 20
const STREAM_BUFFER_BYTES = 256 << 10
const QUEUE_SLACK_BYTES = 256 << 10

/** What all views of a run bring, by kind. One object may stand in several lists. */
export class Attachments implements Required<TrafficConsumers> {
  readonly all: readonly Attachment[]
  readonly connections: readonly ConnectionConsumer[]
  readonly streams: readonly StreamConsumer[]
  readonly segments: readonly SegmentConsumer[]
  readonly rawSegments: readonly RawSegmentConsumer[]
  readonly datagrams: readonly DatagramConsumer[]
  readonly events: readonly NetworkEventConsumer[]
  readonly clocks: readonly ClockConsumer[]
  readonly drops: readonly DropListener[]
  readonly savers: readonly CaptureSaver[]
  readonly sinks: readonly Sink[]
  readonly waits: readonly Wait[]
  readonly stoppers: readonly Stopper[]

  constructor(all: readonly Attachment[]) {
    this.all = all
    this.connections = all.flatMap((each) => each.connections ?? [])
    this.streams = all.flatMap((each) => each.streams ?? [])
    this.segments = all.flatMap((each) => each.segments ?? [])
    this.rawSegments = all.flatMap((each) => each.rawSegments ?? [])
    this.datagrams = all.flatMap((each) => each.datagrams ?? [])
    this.events = all.flatMap((each) => each.events ?? [])
    this.clocks = all.flatMap((each) => each.clocks ?? [])
    this.drops = all.flatMap((each) => each.drops ?? [])
    this.savers = all.flatMap((each) => each.savers ?? [])
    this.sinks = all.flatMap((each) => each.sinks ?? [])
    this.waits = all.flatMap((each) => each.waits ?? [])
    this.stoppers = all.flatMap((each) => each.stoppers ?? [])
  }

  /** Gives up on outputs whose reader does not read; all others are still written. */
  abandon(messages: TerminalMessages): void {
    for (const wait of this.waits) {
      if (!wait.waiting) continue
      wait.abandon()
      messages.error(wait.dropped)
    }
    messages.abandon()
  }
}

/** A run's views and what they share. */
export interface AttachedViews {
  readonly context: ViewContext
  readonly attachments: Attachments
  /** Told how to ask for the run's counters, once there are any. */
  setCounts(counts: () => RunCounts): void
}

export interface AttachOptions {
  readonly plan: Plan
  readonly io: Io
  readonly messages: TerminalMessages
  readonly names: Names | undefined
  readonly hostFacts?: HostFactsSource | undefined
  readonly inUse: FilesInUse
  /** What the inputs cannot show at present, a sentence each. */
  readonly notCaptured: () => readonly string[]
}

/** Makes what the plan asks for. Rejects with OperatorError where an output cannot be opened. */
export async function attachViews(options: AttachOptions): Promise<AttachedViews> {
  const { plan, io, messages, names, hostFacts, inUse, notCaptured } = options
  const attached: Attachment[] = []
  let counts = (): RunCounts => NOTHING_COUNTED
  const arena = new Arena(arenaBytes(plan))
  let standardOutput: OutputStream | undefined
  const waits: Wait[] = []
  const context: ViewContext = {
    plan,
    io,
    version: packageJson.version,
    messages,
    arena,
    names,
    hostFacts,
    inUse,
    hosts: new ExchangeHosts(names),
    standardOutput() {
      if (standardOutput !== undefined) return standardOutput
      const stream = new OutputStream(io.stdout, {
        buffer: arena.allocate(STREAM_BUFFER_BYTES),
        name: 'standard output',
      })
      if (io.stdoutIsTerminal) messages.beforeLine = () => stream.flush()
      waits.push(unreadOutput(stream))
      standardOutput = stream
      return stream
    },
    counts: () => counts(),
    notCaptured,
    makeWay() {
      for (const { makeWay } of attached) makeWay?.()
    },
  }
  for (const view of inOrder(VIEWS.filter((each) => each.wants(plan)))) attached.push(await view.attach(context))
  const exchanges = attached.flatMap((each) => each.exchanges ?? [])
  const stages = exchanges.length > 0 ? [await exchangeStage(context, exchanges)] : []
  return {
    context,
    attachments: new Attachments([...stages, { waits }, ...attached]),
    setCounts: (ask) => {
      counts = ask
    },
  }
}

/** Its clock runs before those of the views: what it finds at a tick reaches them at the same tick. */
async function exchangeStage(
  { plan, hosts, messages }: ViewContext,
  consumers: readonly TimedExchangeConsumer[],
): Promise<Attachment> {
  const { ExchangeStage } = await import('../views/exchange-stage.ts')
  return new ExchangeStage({ ...patienceOf(plan), hosts, messages }, consumers).attachment()
}

/** How long a request waits for its response. */
function patienceOf(
  plan: Plan,
): Pick<ExchangeStageOptions, 'protocol' | 'timeoutMillis' | 'datagramTimeoutMillis' | 'waitsForEnd'> {
  const { latency, diagnose } = plan
  // what is found in a live capture is found again in what it saved
  if (diagnose !== undefined) {
    const timeoutMillis = diagnose.hungAfterMillis
    return { protocol: AUTO, timeoutMillis, datagramTimeoutMillis: QUERY_PATIENCE_MILLIS, waitsForEnd: false }
  }
  const { protocol, timeoutMillis } = latency!
  return { protocol, timeoutMillis, waitsForEnd: readsOnlyFiles(plan) }
}

function arenaBytes(plan: Plan): number {
  return (
    readBufferBytes(plan.input) +
    OUTPUT_ARENA_BYTES +
    (plan.files === undefined ? 0 : FILE_BLOCKS_BYTES) +
    defaultFlowTableOptions.maximumQueuedBytes +
    QUEUE_SLACK_BYTES
  )
}
