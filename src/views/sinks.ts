// Plan → everything at the end of the river: console, JSON, files, saved packets, notes. One line a sink.

import { statSync } from 'node:fs'
import { Arena } from '../core/arena.ts'
import type { Connection, Direction } from '../core/connection.ts'
import type {
  ClockConsumer,
  DatagramConsumer,
  NetworkEventConsumer,
  RawSegmentConsumer,
  SegmentConsumer,
  Sink,
  StreamConsumer,
} from '../core/consumers.ts'
import type { Io } from '../core/io.ts'
import type { Names } from '../core/ports.ts'
import type { TimedExchangeConsumer } from '../core/timed-exchange.ts'
import type { Timestamp } from '../core/timestamp.ts'
import { defaultFlowTableOptions } from '../flow/options.ts'
import type { RunCounts } from '../metrics/run-counts.ts'
import { FILE_BLOCKS_BYTES } from '../output/files/file-blocks.ts'
import type { FileSink } from '../output/files/file-sink.ts'
import type { FlowLoans } from '../output/files/flow-loans.ts'
import { ConnectionLog } from '../output/messages/connection-log.ts'
import { ConnectionSummary } from '../output/messages/connection-summary.ts'
import { TerminalMessages } from '../output/messages/messages.ts'
import { Notes } from '../output/messages/notes.ts'
import { Progress, type ProgressCounts } from '../output/messages/progress.ts'
import type { ScriptOutput } from '../output/scripts/script-output.ts'
import type { FilesInUse } from '../output/writing/files-in-use.ts'
import { OutputStream } from '../output/writing/output-stream.ts'
import { readBufferBytes } from '../pipeline/inputs.ts'
import type { ConsolePlan, FilesPlan, JsonPlan, LatencyPlan, Plan, SavePlan } from '../plan.ts'
import type { CaptureSaver, DropListener } from '../river/dump-river.ts'
import { FAST_PATH_BYTES } from '../river/fast-path-table.ts'
import type { ScriptConsumer } from '../script/script-consumer.ts'

/** Room in the arena for the sinks' own buffers and for the pages of the out-of-order queues. */
const OUTPUT_ARENA_BYTES = 2 << 20
const STREAM_BUFFER_BYTES = 256 << 10
const QUEUE_SLACK_BYTES = 256 << 10
/** From so much on a second thread is certain to be worth its start. */
const BYTES_FOR_A_THREAD = 64 << 20

/** The ends of the river, by what they want to hear. One object may stand in several lists. */
export class Sinks {
  readonly messages: TerminalMessages
  readonly arena: Arena
  readonly streams: StreamConsumer[] = []
  segments: SegmentConsumer | undefined = undefined
  readonly rawSegments: RawSegmentConsumer[] = []
  readonly datagrams: DatagramConsumer[] = []
  readonly events: NetworkEventConsumer[] = []
  readonly clocks: ClockConsumer[] = []
  readonly drops: DropListener[] = []
  readonly savers: CaptureSaver[] = []
  readonly all: Sink[] = []
  files: FileSink | undefined = undefined
  /** Called with the capture's last moment, while what is open then is still open. */
  readonly lastMoments: ((clock: Timestamp) => void)[] = []
  /** Called when all traffic is over, before the first sink is finished: what comes of it concerns others, too. */
  readonly endings: (() => void)[] = []
  /** What may wait for a reader, and can be told not to. */
  readonly abandoned: { readonly blocked: boolean; abandon(): void }[] = []
  /** Of `tcpflow latency`. */
  readonly exchanges: TimedExchangeConsumer[] = []
  readonly scripts: ScriptConsumer[] = []
  progress: Progress | undefined = undefined
  /** Told how to ask for the run's counters, once there are any. */
  readonly counted: ((counts: () => RunCounts) => void)[] = []
  /** What scripts print; the console makes way for it. */
  scriptOutput: ScriptOutput | undefined = undefined
  #standardOutput: OutputStream | undefined

  constructor(messages: TerminalMessages, arena: Arena) {
    this.messages = messages
    this.arena = arena
  }

  /** For who puts flows' bytes into their files himself; undefined where somebody wants more of a packet than its payload in a file. */
  get loans(): FlowLoans | undefined {
    const { files, streams, segments, savers, rawSegments } = this
    if (files === undefined || savers.length > 0 || rawSegments.length > 0) return undefined
    if (segments !== undefined && segments !== files) return undefined
    return streams.every((stream) => stream === files || stream.ignoresData) ? files.loans : undefined
  }

  /** The one stream for standard output; whoever prints a whole run there finishes it. */
  standardOutput(io: Io): OutputStream {
    if (this.#standardOutput === undefined) {
      const buffer = this.arena.allocate(STREAM_BUFFER_BYTES)
      this.#standardOutput = new OutputStream(io.stdout, { buffer, name: 'standard output' })
      this.abandoned.push(this.#standardOutput)
    }
    return this.#standardOutput
  }

  /** Ends every wait for a reader that does not read; what nobody holds up is written on. */
  abandon(): void {
    for (const script of this.scripts) {
      if (!script.busy) continue
      script.abandon()
      this.messages.error('the script is not waited for any longer: what it had not seen yet is dropped')
    }
    for (const each of this.abandoned) {
      if (!each.blocked) continue
      each.abandon()
      this.messages.error('the output is not being read: what was still to be printed is dropped')
    }
    this.messages.abandon()
  }
}

export function makeMessages(plan: Plan, io: Io): TerminalMessages {
  return new TerminalMessages(io.stderr, {
    info: !plan.quiet,
    notes: plan.notes,
    program: plan.latency?.program ?? 'tcpflow',
  })
}

/** What sinks get to know of the inputs. */
export interface SinkContext {
  /** Of hosts, where they are wanted. */
  readonly names: Names | undefined
  /** Files that are read, and so not written over. */
  readonly inUse: FilesInUse
}

/** Makes what the plan asks for. Throws OperatorError where an output cannot be opened. */
export async function makeSinks(
  plan: Plan,
  io: Io,
  messages: TerminalMessages,
  { names, inUse }: SinkContext,
): Promise<Sinks> {
  const arena = new Arena(
    readBufferBytes(plan.input) +
      OUTPUT_ARENA_BYTES +
      (plan.files === undefined ? 0 : FILE_BLOCKS_BYTES + FAST_PATH_BYTES) +
      defaultFlowTableOptions.maximumQueuedBytes +
      QUEUE_SLACK_BYTES,
  )
  const sinks = new Sinks(messages, arena)
  // first of all: a script that is wrong ends the run before anything is written
  if (plan.scripts.length > 0) await addScripts(sinks, plan, io, names)
  if (plan.console !== undefined) await addConsole(sinks, plan, plan.console, io, names)
  if (plan.json !== undefined) await addJson(sinks, plan, plan.json, io, names)
  if (plan.files !== undefined) await addFiles(sinks, plan, plan.files, io, names)
  if (plan.latency !== undefined) await addLatency(sinks, plan, plan.latency, io, names)
  if (plan.save !== undefined) await addSave(sinks, plan.save, io, names, inUse)
  if (plan.connectionSummary && plan.console === undefined) {
    sinks.streams.push(new ConnectionSummary((line) => messages.error(line), names))
  }
  if (plan.verbosity > 0) sinks.streams.push(new ConnectionLog(messages, names))
  if (plan.notes) addNotes(sinks, names)
  return sinks
}

/** Redraws progress from the run's counters; nothing where the plan wants none. */
export function addProgress(sinks: Sinks, plan: Plan, io: Io, counts: () => ProgressCounts): void {
  if (plan.progress) sinks.progress = new Progress(sinks.messages, io.columns, counts)
}

const ONLY_WITH_LATENCY = new Map([['onExchange', 'is called by tcpflow latency only']] as const)
const WANTS_EXCHANGES = 'wants exchanges: run tcpflow latency --script …'

async function addScripts(sinks: Sinks, plan: Plan, io: Io, names?: Names): Promise<void> {
  const [{ openScript }, { ScriptOutput }] = await Promise.all([
    import('../script/script-consumer.ts'),
    import('../output/scripts/script-output.ts'),
  ])
  const { messages } = sinks
  const stream = sinks.standardOutput(io)
  const shared = plan.console !== undefined || plan.json !== undefined || plan.latency !== undefined
  const output = new ScriptOutput(stream, { terminal: io.stdoutIsTerminal, shared })
  sinks.scriptOutput = output
  if (io.stdoutIsTerminal) messages.beforeLine = () => stream.flush()
  for (const path of plan.scripts) {
    const script = await openScript({
      path,
      cwd: io.cwd,
      print: (bytes) => output.print(bytes),
      flushOutput: () => output.flush(),
      printError: (bytes) => messages.write(Buffer.from(bytes).toString('utf8')),
      messages,
      names,
      importModule: io.importModule,
      ...(plan.latency === undefined ? { neverCalled: ONLY_WITH_LATENCY, alone: WANTS_EXCHANGES } : {}),
    })
    sinks.scripts.push(script)
    sinks.all.push(script)
    if (script.hears('onPacket')) {
      sinks.rawSegments.push(script)
      sinks.datagrams.push(script)
    }
    if (script.hears('onExchange')) sinks.exchanges.push(script)
    if (script.hears('onConnection') || script.hears('onData')) sinks.streams.push(script)
  }
  sinks.all.push(output)
}

async function addConsole(sinks: Sinks, plan: Plan, consolePlan: ConsolePlan, io: Io, names?: Names): Promise<void> {
  const [{ ConsoleSink }, { compileNameTemplate, DEFAULT_NAME_TEMPLATE, withHostNames }, { putDefaultName }] =
    await Promise.all([
      import('../output/console/console-sink.ts'),
      import('../output/names/flow-name.ts'),
      import('../output/names/flow-name-bytes.ts'),
    ])
  const { arena } = sinks
  const namer = compileNameTemplate(withHostNames(consolePlan.nameTemplate), names, 'lines')
  const stream = sinks.standardOutput(io)
  const nameOf = (c: Connection, d: Direction): string => namer.name(c, d)
  const console = new ConsoleSink({
    plan: consolePlan,
    arena,
    stream,
    nameOf,
    ...(consolePlan.nameTemplate === DEFAULT_NAME_TEMPLATE ? { putName: putDefaultName } : {}),
    nameOfDatagram: (g) => namer.nameOfDatagram(g),
    summary: plan.connectionSummary,
    names,
  })
  sinks.streams.push(consolePlan.decodeBodies ? await decodingBodies(console) : console)
  if (plan.udp) sinks.datagrams.push(console)
  sinks.clocks.push(console)
  if (io.stdoutIsTerminal) sinks.messages.beforeLine = () => stream.flush()
  sinks.drops.push(console)
  if (sinks.scriptOutput !== undefined) sinks.scriptOutput.beforePrint = () => console.makeWay()
  sinks.all.push(console)
  if (!plan.udp && plan.scripts.length === 0) addDatagramHint(sinks)
}

/** Who sees nothing of a capture of DNS is told why. */
function addDatagramHint({ counted, endings, messages }: Sinks): void {
  counted.push((counts) =>
    endings.push(() => {
      const { connections, datagrams } = counts()
      if (connections === 0 && datagrams > 0) messages.info('UDP is shown with --udp')
    }),
  )
}

async function addJson(sinks: Sinks, plan: Plan, jsonPlan: JsonPlan, io: Io, names?: Names): Promise<void> {
  const [{ JsonSink }, { compileNameTemplate }] = await Promise.all([
    import('../output/json/json-sink.ts'),
    import('../output/names/flow-name.ts'),
  ])
  const namer = compileNameTemplate(jsonPlan.nameTemplate, names)
  const stream = sinks.standardOutput(io)
  const json = new JsonSink({
    plan: jsonPlan,
    stream,
    nameOf: (c, d) => namer.name(c, d),
    nameOfDatagram: (g) => namer.nameOfDatagram(g),
    names,
  })
  sinks.streams.push(json)
  if (plan.udp) sinks.datagrams.push(json)
  sinks.all.push(json)
}

async function addLatency(sinks: Sinks, plan: Plan, latencyPlan: LatencyPlan, io: Io, names?: Names): Promise<void> {
  const { addLatencySinks } = await import('./latency-sinks.ts')
  await addLatencySinks(sinks, plan, latencyPlan, io, names)
}

async function decodingBodies(consumer: StreamConsumer): Promise<StreamConsumer> {
  const { DecodeBodies } = await import('../transform/decode-bodies.ts')
  return new DecodeBodies(consumer)
}

async function addFiles(sinks: Sinks, plan: Plan, filesPlan: FilesPlan, io: Io, names?: Names): Promise<void> {
  const [{ FileSink }, { runInformation }] = await Promise.all([
    import('../output/files/file-sink.ts'),
    import('../pipeline/run-information.ts'),
  ])
  const files = new FileSink(filesPlan, runInformation(io), undefined, sinks.arena, names)
  if (bytesOfInput(plan) >= BYTES_FOR_A_THREAD) files.expectMuch()
  sinks.files = files
  sinks.streams.push(files)
  if (files.wantsSegments) sinks.segments = files
  if (plan.udp) sinks.datagrams.push(files)
  sinks.all.push(files)
  if (filesPlan.httpBodies) await addBodyFiles(sinks, filesPlan, names)
}

/** Of the captures to be read, as far as they are files that can be asked. */
function bytesOfInput({ input }: Plan): number {
  let bytes = 0
  if (input.kind !== 'files') return bytes
  for (const path of input.paths) {
    try {
      bytes += statSync(path).size
    } catch {
      // standard input, or a file that was opened while we might; what is wrong with it is said when it is read
    }
  }
  return bytes
}

async function addBodyFiles(sinks: Sinks, filesPlan: FilesPlan, names?: Names): Promise<void> {
  const [{ BodyFiles }, { HttpBodies }, { compileNameTemplate }] = await Promise.all([
    import('../output/files/body-files.ts'),
    import('../transform/http-bodies.ts'),
    import('../output/names/flow-name.ts'),
  ])
  const namer = compileNameTemplate(filesPlan.nameTemplate, names)
  const bodies = new BodyFiles(filesPlan.outputFolder, filesPlan.maximumOpenFiles, (c, d) => namer.name(c, d))
  sinks.streams.push(new HttpBodies(bodies, filesPlan.decompressBodies ?? true))
  sinks.all.push(bodies)
}

async function addSave(
  sinks: Sinks,
  savePlan: SavePlan,
  io: Io,
  names: Names | undefined,
  inUse: FilesInUse,
): Promise<void> {
  const { SavefileSink } = await import('../output/packets/savefile-sink.ts')
  const save = new SavefileSink(savePlan, io.stdout, names, inUse)
  sinks.savers.push(save)
  sinks.abandoned.push(save)
  sinks.all.push(save)
}

function addNotes(sinks: Sinks, names?: Names): void {
  const notes = new Notes(sinks.messages, names)
  sinks.streams.push(notes)
  sinks.clocks.push(notes)
  sinks.all.push(notes)
}
