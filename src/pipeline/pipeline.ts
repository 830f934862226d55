// The one file that knows all stages. It makes the river that a plan asks for and gives it to a run, which sends the inputs
// through.

import { getHeapStatistics } from 'node:v8'
import { compileFilter, type PacketFilter, refuseBadExpression } from '../capture/packet-filter.ts'
import type { Io } from '../core/io.ts'
import { FlowTable } from '../flow/flow-table.ts'
import { defaultFlowTableOptions } from '../flow/options.ts'
import { TerminalMessages } from '../output/messages/messages.ts'
import { Progress } from '../output/messages/progress.ts'
import type { Plan } from '../plan.ts'
import { DumpRiver } from '../river/dump-river.ts'
import { fanOut, fanOutSegments } from '../river/fan-out.ts'
import { type AttachedViews, attachViews } from './attachments.ts'
import { checkOutputs } from './check-outputs.ts'
import { connectionLimit } from './connection-limit.ts'
import { type Inputs, type LiveSources, openLiveSources, prepareInputs } from './inputs.ts'
import { Run } from './run.ts'
import { runCounts } from './run-counts.ts'
import { StopRequest } from './stop-request.ts'

/** Carries a plan out. Resolves to the exit code when everything is written; rejects with OperatorError. */
export async function runPipeline(plan: Plan, io: Io): Promise<number> {
  const inUse = checkOutputs(plan, io)
  const inputs = await prepareInputs(plan, io)
  const messages = new TerminalMessages(io.stderr, {
    info: !plan.quiet,
    notes: plan.notes,
    program: plan.latency?.program ?? 'tcpflow',
  })
  let source: OpenedSource | undefined
  let views: AttachedViews
  let stopRequest: StopRequest
  try {
    // All outputs are opened after this, so that a run that cannot begin leaves no file behind.
    source = await openSource(plan, inputs, messages)
    const notCaptured = (): readonly string[] => inputs.containers?.notCaptured ?? []
    // Until here a signal ends the program at once, because opening may take long.
    stopRequest = new StopRequest(io)
    const { names, hostFacts } = inputs
    views = await attachViews({ plan, io, messages, names, hostFacts, inUse, notCaptured })
  } catch (error) {
    await Promise.all([source?.live?.close(), inputs.containers?.close()])
    throw error
  }
  const { attachments } = views
  const { arena } = views.context
  const table = new FlowTable(
    fanOut(attachments.streams, attachments.connections),
    {
      ...defaultFlowTableOptions,
      maximumConnections: connectionLimit(getHeapStatistics().heap_size_limit),
      maximumJumpBytes: plan.flow.maximumJumpBytes,
      arena,
    },
    attachments.segments.length === 0 ? undefined : fanOutSegments(attachments.segments),
  )
  const { filter } = source
  const river = new DumpRiver({
    messages,
    unwrapTunnels: plan.decode.unwrapTunnels,
    table,
    filter,
    savers: attachments.savers,
    rawSegments: attachments.rawSegments,
    datagrams: attachments.datagrams,
    events: attachments.events,
    clocks: attachments.clocks,
    drops: attachments.drops,
    sinks: attachments.sinks,
    onTurn: () => progress?.update(),
  })
  views.setCounts(() => runCounts(river, table.counters))
  const progress = plan.progress ? new Progress(messages, io.columns, views.context.counts) : undefined
  const run = new Run({ plan, io, inputs, live: source.live, river, table, views, progress, stopRequest })
  try {
    await run.takeIn()
  } catch (error) {
    run.noteFailure(error)
  }
  return await run.end()
}

interface OpenedSource {
  readonly live: LiveSources | undefined
  /** The filter for files; for live captures the kernel has it. */
  readonly filter: PacketFilter | undefined
}

/** Throws OperatorError for what can be known to be wrong before the first packet. */
async function openSource(plan: Plan, inputs: Inputs, messages: TerminalMessages): Promise<OpenedSource> {
  const { input } = plan
  if (input.kind === 'live') {
    if (inputs.containers === undefined) return { live: await openLiveSources(plan, input, inputs), filter: undefined }
    if (plan.filter !== '') refuseBadExpression(plan.filter)
    return { live: undefined, filter: undefined }
  }
  const [only, ...others] = [...input.paths, ...input.finishPaths]
  // a file that cannot be read does not keep the others from being read
  if (only !== undefined && others.length === 0) inputs.open(only)
  if (plan.filter === '') return { live: undefined, filter: undefined }
  const filter = compileFilter(
    plan.filter,
    (_kind, line, hint) => messages.error(line, hint),
    plan.decode.unwrapTunnels,
  )
  filter.refuseBad()
  return { live: undefined, filter }
}
